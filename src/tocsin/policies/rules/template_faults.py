"""Why a template makes no text, for every dialect that templates are written in."""

from __future__ import annotations

from tocsin.core.sentences import Sentence

AT = Sentence("Line %(line)d: %(problem)s", words=("problem",))
NO_VARIABLE = Sentence("there is no variable %(name)s")
NOT_HERE = Sentence("%(what)s cannot be used here")
TOO_DEEP = Sentence("a loop in a loop in a loop cannot be used here")
GREW = Sentence("the text grew too long")
UNSTORABLE = Sentence("the text holds a character that cannot be stored")
EMPTY = Sentence("the text is empty")
TOO_SLOW = Sentence("the text took too long")


class TemplateFault(Exception):
    """Why a template makes no text of these values; a sentence, with the line where it is known."""


_LOOK_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Fillers and the empty Braille cell: letters and signs to a program, nothing to a reader."""


def is_blank(text: str) -> bool:
    """Whether there is nothing in it that anybody could see."""
    return not any(char.isprintable() and not char.isspace() and char not in _LOOK_BLANK for char in text)
