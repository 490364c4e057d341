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
    _shape: re.Pattern[str] | None
    """Made when it is first looked for: hundreds of them would hold up the start of every process."""

    def values_in(self, text: str) -> dict[str, str] | None:
        """What stands in the places of a text that was made from this sentence; None for any other text."""
        if self._shape is None:
            self._shape = _shape(self)
        found = self._shape.fullmatch(text)
        return found.groupdict() if found else None


_KNOWN: list[Sentence] = []
"""The most particular first: a sentence that is little more than its places fits many texts."""


def _particularity(known: str) -> int:
    return -len(_PLACE.sub("", known))


def known_sentences() -> tuple[Sentence, ...]:
    return tuple(_KNOWN)


def translated(text: str, translate: Callable[[str], str]) -> str:
    """The text in the language of `translate` (gettext); as it is when it is no sentence of ours."""
    if not text:
        return ""
    whole = translate(text)
    if whole != text:
        return whole
    for sentence in _KNOWN:
        values = sentence.values_in(text)
        if values:
            said = {
                name: translated(value, translate) if name in sentence.words else value
                for name, value in values.items()
            }
            return _PLACE.sub(_filler(said), translate(sentence))
    return text


def _filler(said: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda place: said[place[1]]


def _shape(template: str) -> re.Pattern[str]:
    """A place that stands there twice holds the same both times."""
    pieces, seen, end = [], set(), 0
    for place in _PLACE.finditer(template):
        pieces.append(re.escape(template[end : place.start()]))
        name, kind = place.groups()
        any_value = r"-?\d+" if kind == "d" else ".+?"
        pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>{any_value})")
        seen.add(name)
        end = place.end()
    pieces.append(re.escape(template[end:]))
    return re.compile("".join(pieces), re.DOTALL)
