"""What pure code says to people: written in English where it arises, translated where somebody reads it.

Rules and providers know no language, and what they say is kept: the outcome of a send is recorded by a worker and
read, perhaps a week later, by people of two languages. So the English text is stored, and recognised again at the edge.

    _TOO_MANY = Sentence("There are more than %(count)d rules; split the policy.")
    raise InvalidInputError({"rules": _TOO_MANY % {"count": 100}})         # in rules/
    translated(error.fields["rules"], gettext)                             # in web/
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import re2

_PLACE = re.compile(r"%\((\w+)\)([sd])")


class Sentence(str):
    """A text with `%(name)s` and `%(name)d` in it, or none. Made at the top of a module: each is remembered.

    `words` names the places that hold sentences or labels themselves; all others are left as they are.
    """

    __slots__ = ("_shape", "words")

    def __new__(cls, template: str, words: Iterable[str] = ()) -> Sentence:
        sentence = super().__new__(cls, template)
        sentence.words = frozenset(words)
        sentence._shape = None
        insort(_KNOWN, sentence, key=_particularity)
        return sentence

    words: frozenset[str]
    _shape: Any
    """Made when it is first looked for: hundreds of them would hold up the start of every process."""

    def values_in(self, text: str) -> dict[str, str] | None:
        """What stands in the places of a text that was made from this sentence; None for any other text."""
        if self._shape is None:
            self._shape = _shape(self)
        found = self._shape.fullmatch(text)
        return found.groupdict() if found else None


_MANY_PLACES = 3
"""From so many on, what a vendor says could be made so that Python's own expressions take seconds to tell."""
_DEEPEST = 6
_KNOWN: list[Sentence] = []
"""The most particular first: a sentence that is little more than its places fits many texts."""


def _particularity(known: str) -> int:
    return -len(_PLACE.sub("", known))


def known_sentences() -> tuple[Sentence, ...]:
    return tuple(_KNOWN)


def translated(text: str, translate: Callable[[str], str], depth: int = _DEEPEST) -> str:
    """The text in the language of `translate` (gettext); as it is when it is no sentence of ours.

    A sentence stands in another one, and so on `depth` times at most: others' words may look like any number of them.
    """
    if not text or depth == 0:
        return text
    whole = translate(text)
    if whole != text:
        return whole
    for sentence in _KNOWN:
        values = sentence.values_in(text)
        if values:
            said = {
                name: translated(value, translate, depth - 1) if name in sentence.words else value
                for name, value in values.items()
            }
            return _PLACE.sub(_filler(said), translate(sentence))
    return text


def _filler(said: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda place: said[place[1]]


def _shape(template: str) -> Any:
    """A place that stands there twice holds the same both times. Many places are looked for in linear time."""
    pieces, seen, end = [], set(), 0
    for place in _PLACE.finditer(template):
        pieces.append(re.escape(template[end : place.start()]))
        name, kind = place.groups()
        any_value = r"-?\d+" if kind == "d" else ".+?"
        pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>{any_value})")
        seen.add(name)
        end = place.end()
    pieces.append(re.escape(template[end:]))
    shape = "".join(pieces)
    if len(seen) < _MANY_PLACES or "(?P=" in shape:
        return re.compile(shape, re.DOTALL)
    options = re2.Options()
    options.dot_nl = True
    return re2.compile(shape, options)
