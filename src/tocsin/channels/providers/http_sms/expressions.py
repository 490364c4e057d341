"""A small language for presets: it compares texts and nothing else. No names of Python's, no calls, no loops.

    status == 202 and body =~ '^[03]:'
    json.code in ['isv.LIMIT', 'isv.DAY'] or not json.data[0].ok == true

Every value is text: a number is its digits, true and false are words, what is missing is "". `=~` searches with RE2,
which takes linear time; as a value it is the first group, or all that matched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import re2

from tocsin.core.sentences import Sentence

_NO_COMPARISON = Sentence("'%(source)s' must compare something, like %(source)s == 'ok'.")
_NOT_UNDERSTOOD = Sentence("'%(source)s' is not understood from '%(rest)s' on.")
_NO_VALUE = Sentence("'%(source)s' has '%(text)s' where a value is expected.")
_UNKNOWN = Sentence("'%(source)s' names '%(name)s'; there are %(names)s.")
_NO_PATTERN = Sentence("'%(source)s' needs a pattern in quotes after =~.")
_BAD_PATTERN = Sentence("'%(source)s' has a pattern that cannot be read: %(problem)s.")
_BAD_JOIN = Sentence("'%(source)s' joins something that compares nothing.")
_LACKS = Sentence("'%(source)s' lacks a '%(sign)s'.")
_ENDS = Sentence("'%(source)s' ends where %(what)s is expected.", words=("what",))
_A_VALUE = Sentence("a value")
_A_PATTERN = Sentence("a pattern in quotes")
_TOO_LONG = Sentence("An expression has at most %(most)d characters.")

Facts = Mapping[str, Any]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])"
    r"|(?P<name>[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*)|(?P<sign>==|!=|=~|[()\[\],]))"
)
_STEP = re.compile(r"([\w-]+)|\[(\d+)\]")
_WORDS = {"true": "true", "false": "false", "null": ""}
_MAX_LENGTH = 2000


class ExpressionError(ValueError):
    """The sentence says what is wrong where."""


@dataclass(frozen=True, slots=True)
class Expression:
    """`roots` are the facts it reads. A condition yields "" when it does not hold."""

    source: str
    roots: frozenset[str]
    is_condition: bool
    evaluate: Callable[[Facts], str]

    def holds(self, facts: Facts) -> bool:
        return bool(self.evaluate(facts))


def condition(source: str, known: Collection[str]) -> Expression:
    """ExpressionError when it cannot be read, names a fact that is not `known`, or compares nothing."""
    parsed = _Parser(source, known).whole()
    if not parsed.is_condition:
        raise ExpressionError(_NO_COMPARISON % {"source": source})
    return parsed


def value(source: str, known: Collection[str]) -> Expression:
    """A fact, or what `=~` finds in one."""
    return _Parser(source, known).whole()


def lookup(facts: Facts, path: str) -> Any:
    """What stands at a path like json.data[0].id, or None."""
    found: Any = facts
    for name, index in _STEP.findall(path):
        if index:
            found = found[int(index)] if isinstance(found, list) and int(index) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, Mapping) else None
    return found


def as_text(found: Any) -> str:
    if isinstance(found, str):
        return found
    if found is None:
        return ""
    return json.dumps(found, ensure_ascii=False)


class _Parser:
    """Recursive descent: or, and, not, comparison, value."""

    def __init__(self, source: str, known: Collection[str]) -> None:
        self._source, self._known = source, known
        self._tokens = _tokens(source)
        self._roots: set[str] = set()

    def whole(self) -> Expression:
        evaluate, is_condition = self._or()
        if self._tokens:
            raise ExpressionError(_NOT_UNDERSTOOD % {"source": self._source, "rest": self._tokens[0][1]})
        return Expression(self._source, frozenset(self._roots), is_condition, evaluate)

    def _or(self) -> tuple[Callable[[Facts], str], bool]:
        left, is_condition = self._and()
        while self._takes("name", "or"):
            right = self._condition(self._and())
            left = _either(self._condition((left, is_condition)), right)
            is_condition = True
        return left, is_condition

    def _and(self) -> tuple[Callable[[Facts], str], bool]:
        left, is_condition = self._not()
        while self._takes("name", "and"):
            right = self._condition(self._not())
            left = _both(self._condition((left, is_condition)), right)
            is_condition = True
        return left, is_condition

    def _not(self) -> tuple[Callable[[Facts], str], bool]:
        if self._takes("name", "not"):
            inner = self._condition(self._not())
            return (lambda facts: "" if inner(facts) else "true"), True
        return self._comparison()

    def _comparison(self) -> tuple[Callable[[Facts], str], bool]:
        if self._takes("sign", "("):
            inner = self._or()
            self._expects(")")
            return inner
        left = self._operand()
        if self._takes("sign", "=~"):
            return _search(left, self._pattern()), True
        if self._takes("name", "in"):
            return _among(left, self._list()), True
        for sign, wanted in (("==", True), ("!=", False)):
            if self._takes("sign", sign):
                return _equal(left, self._operand(), wanted), True
        return left, False

    def _operand(self) -> Callable[[Facts], str]:
        kind, text = self._next(_A_VALUE)
        if kind == "text":
            return lambda _facts: text[1:-1]
        if kind == "number":
            return lambda _facts: text
        if kind == "name" and text in _WORDS:
            return lambda _facts: _WORDS[text]
        if kind != "name":
            raise ExpressionError(_NO_VALUE % {"source": self._source, "text": text})
        root = re.split(r"[.\[]", text, maxsplit=1)[0]
        if root not in self._known:
            raise ExpressionError(
                _UNKNOWN % {"source": self._source, "name": root, "names": ", ".join(sorted(self._known))}
            )
        self._roots.add(root)
        return lambda facts: as_text(lookup(facts, text))

    def _pattern(self) -> Any:
        kind, text = self._next(_A_PATTERN)
        if kind != "text":
            raise ExpressionError(_NO_PATTERN % {"source": self._source})
        try:
            return re2.compile(text[1:-1])
        except re2.error as error:
            raise ExpressionError(_BAD_PATTERN % {"source": self._source, "problem": error}) from None

    def _list(self) -> list[Callable[[Facts], str]]:
        self._expects("[")
        items = [self._operand()]
        while self._takes("sign", ","):
            items.append(self._operand())
        self._expects("]")
        return items

    def _condition(self, parsed: tuple[Callable[[Facts], str], bool]) -> Callable[[Facts], str]:
        if not parsed[1]:
            raise ExpressionError(_BAD_JOIN % {"source": self._source})
        return parsed[0]

    def _takes(self, kind: str, text: str) -> bool:
        if self._tokens and self._tokens[0] == (kind, text):
            self._tokens.pop(0)
            return True
        return False

    def _expects(self, sign: str) -> None:
        if not self._takes("sign", sign):
            raise ExpressionError(_LACKS % {"source": self._source, "sign": sign})

    def _next(self, what: str) -> tuple[str, str]:
        if not self._tokens:
            raise ExpressionError(_ENDS % {"source": self._source, "what": what})
        return self._tokens.pop(0)


def _tokens(source: str) -> list[tuple[str, str]]:
    if len(source) > _MAX_LENGTH:
        raise ExpressionError(_TOO_LONG % {"most": _MAX_LENGTH})
    found, position, end = [], 0, len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            raise ExpressionError(_NOT_UNDERSTOOD % {"source": source, "rest": source[position:].strip()[:20]})
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return found


def _either(left: Callable[[Facts], str], right: Callable[[Facts], str]) -> Callable[[Facts], str]:
    return lambda facts: left(facts) or right(facts)


def _both(left: Callable[[Facts], str], right: Callable[[Facts], str]) -> Callable[[Facts], str]:
    return lambda facts: right(facts) if left(facts) else ""


def _equal(left: Callable[[Facts], str], right: Callable[[Facts], str], wanted: bool) -> Callable[[Facts], str]:
    return lambda facts: "true" if (left(facts) == right(facts)) is wanted else ""


def _among(left: Callable[[Facts], str], items: list[Callable[[Facts], str]]) -> Callable[[Facts], str]:
    return lambda facts: "true" if left(facts) in [item(facts) for item in items] else ""


def _search(left: Callable[[Facts], str], pattern: Any) -> Callable[[Facts], str]:
    def search(facts: Facts) -> str:
        match = pattern.search(left(facts))
        if match is None:
            return ""
        return (match.group(1) if pattern.groups else match.group(0)) or "true"

    return search
