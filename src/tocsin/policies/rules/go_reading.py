"""Go templates as text -> nodes. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tocsin.core.sentences import Sentence
from tocsin.policies.rules.go_functions import CONSTANTS, FUNCTIONS
from tocsin.policies.rules.template_faults import AT, NO_VARIABLE, NOT_HERE, TOO_DEEP, TemplateFault

_DEEPEST_LOOP = 2
_DEEPEST = 20
_OPEN_BLOCK = Sentence("a block has no {{ end }}")
_NO_BLOCK = Sentence("{{ end }} or {{ else }} without a block")
_NO_FUNCTION = Sentence("there is no function %(name)s")
UNREADABLE = Sentence("this cannot be read: %(text)s")

_COMMENT = r"/\*(?:[^*]|\*(?!/))*+\*/\s*+-?"
_WORDS = r"(?:\"(?:\\.|[^\"\\\n])*+\"|`[^`]*+`|[^\"`}]|\}(?!\}))*+"
_ACTION = re.compile(rf"\{{\{{(?P<left>-(?=\s))?\s*+(?P<inside>{_COMMENT}|{_WORDS})\}}\}}", re.DOTALL)
_TOKEN = re.compile(
    r"\s*+(?:(?P<string>\"(?:\\.|[^\"\\])*+\"|`[^`]*+`)|(?P<number>-?\d{1,15}(?:\.\d{1,9})?)|(?P<variable>\$\w*+)"
    r"|(?P<field>\.\w*+)|(?P<word>[A-Za-z_]\w*+)|(?P<mark>:=|[=,()|]))"
)


@dataclass(frozen=True, slots=True)
class Value:
    """What stands at one place: `base` is "." for the current item, "$" for everything, "$x"; None for a constant."""

    base: str | None
    path: tuple[str, ...] = ()
    constant: Any = None
    pipe: Pipe | None = None


@dataclass(frozen=True, slots=True)
class Command:
    function: str
    operands: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    commands: tuple[Command, ...]


@dataclass(slots=True)
class Block:
    """`kind`: text, show, if, for, with, set, or "" for the whole. `names`: variables that it sets."""

    kind: str
    line: int
    text: str = ""
    pipe: Pipe | None = None
    names: tuple[str, ...] = ()
    body: list[Block] = field(default_factory=list)
    otherwise: list[Block] = field(default_factory=list)


@lru_cache(maxsize=512)
def read_go(source: str) -> Block:
    """TemplateFault with the line of what cannot be read."""
    root = Block("", 1)
    stack: list[tuple[Block, list[Block]]] = [(root, root.body)]
    chained: list[int] = [0]
    known: list[set[str]] = [{"$"}]
    end, line, trims_left = 0, 1, False
    while (start := source.find("{{", end)) >= 0:
        text = source[end:start]
        line += text.count("\n")
        if (action := _ACTION.match(source, start)) is None:
            raise go_fault(line, UNREADABLE % {"text": source[start : start + 40]})
        _add_text(stack[-1][1], text, line, left=trims_left, right=bool(action["left"]))
        inside = action["inside"]
        trims_left = bool(re.search(r"\s-$", inside))
        words = (inside[:-1] if trims_left else inside).strip()
        if words and not words.startswith("/*"):
            _take(words, line, stack, chained, known)
        line += source.count("\n", start, action.end())
        end = action.end()
    _add_text(stack[-1][1], source[end:], line, left=trims_left, right=False)
    if len(stack) > 1:
        raise go_fault(stack[-1][0].line, _OPEN_BLOCK)
    return root


def _add_text(body: list[Block], text: str, line: int, *, left: bool, right: bool) -> None:
    text = text.lstrip() if left else text
    text = text.rstrip() if right else text
    if text:
        body.append(Block("text", line, text))


def _take(
    words: str, line: int, stack: list[tuple[Block, list[Block]]], chained: list[int], known: list[set[str]]
) -> None:
    """One action, into the block that is open."""
    keyword, _blank, rest = words.partition(" ")
    rest = rest.strip()
    block, body = stack[-1]
    if keyword == "end" and not rest:
        if len(stack) == 1:
            raise go_fault(line, _NO_BLOCK)
        for _ in range(chained.pop() + 1):
            stack.pop()
            known.pop()
        return
    if keyword == "else":
        if block.kind not in ("if", "for", "with") or body is block.otherwise:
            raise go_fault(line, _NO_BLOCK)
        stack[-1] = (block, block.otherwise)
        known[-1] = set(known[-2])
        if not rest:
            return
        keyword, _blank, rest = rest.partition(" ")
        if keyword != "if":
            raise go_fault(line, UNREADABLE % {"text": words[:40]})
        chained[-1] += 1
        _open(Block("if", line, pipe=_read_pipe(rest, line, known[-1])), stack, known)
        return
    if keyword in ("if", "with", "range", "for"):
        opened = _opened(keyword, rest, line, known[-1])
        loops = sum(open_block.kind == "for" for open_block, _body in stack)
        if opened.kind == "for" and loops >= _DEEPEST_LOOP:
            raise go_fault(line, TOO_DEEP)
        chained.append(0)
        _open(opened, stack, known)
        return
    if found := re.fullmatch(r"(\$\w+)\s*:?=\s*(.+)", words, re.DOTALL):
        body.append(Block("set", line, pipe=_read_pipe(found[2], line, known[-1]), names=(found[1],)))
        known[-1].add(found[1])
        return
    body.append(Block("show", line, pipe=_read_pipe(words, line, known[-1])))


def _opened(keyword: str, rest: str, line: int, known: set[str]) -> Block:
    names: tuple[str, ...] = ()
    if found := re.fullmatch(r"(\$\w+)(?:\s*,\s*(\$\w+))?\s*:=\s*(.+)", rest, re.DOTALL):
        names, rest = tuple(filter(None, (found[1], found[2]))), found[3]
        if keyword == "if" or (keyword == "with" and len(names) > 1):
            raise go_fault(line, NOT_HERE % {"what": ":="})
    kind = "for" if keyword in ("range", "for") else keyword
    return Block(kind, line, pipe=_read_pipe(rest, line, known), names=names)


def _open(block: Block, stack: list[tuple[Block, list[Block]]], known: list[set[str]]) -> None:
    if len(stack) > _DEEPEST:
        raise go_fault(block.line, TOO_DEEP)
    stack[-1][1].append(block)
    stack.append((block, block.body))
    known.append(known[-1] | set(block.names))


def _read_pipe(text: str, line: int, known: set[str]) -> Pipe:
    tokens = _tokens(text, line)
    pipe, at = _pipe(tokens, 0, line, known, 0)
    if at != len(tokens):
        raise go_fault(line, UNREADABLE % {"text": text[:40]})
    return pipe


def _tokens(text: str, line: int) -> list[tuple[str, str, bool]]:
    """(kind, text, whether a blank stood before)."""
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise go_fault(line, UNREADABLE % {"text": text[at : at + 40]})
        word = found[found.lastgroup]
        tokens.append((found.lastgroup, word, found.end() - found.start() > len(word)))
        at = found.end()
    return tokens


def _pipe(tokens: Sequence[tuple[str, str, bool]], at: int, line: int, known: set[str], depth: int) -> tuple[Pipe, int]:
    if depth > _DEEPEST:
        raise go_fault(line, NOT_HERE % {"what": "("})
    commands: list[Command] = []
    while True:
        function, operands = "", []
        if at < len(tokens) and tokens[at][0] == "word" and tokens[at][1] not in CONSTANTS:
            function = tokens[at][1]
            if function not in FUNCTIONS:
                raise go_fault(line, _NO_FUNCTION % {"name": function[:40]})
            at += 1
        while at < len(tokens) and not (tokens[at][0] == "mark" and tokens[at][1] in "|)"):
            value, at = _operand(tokens, at, line, known, depth)
            operands.append(value)
        if not function and len(operands) != 1:
            raise go_fault(line, UNREADABLE % {"text": " ".join(word for _kind, word, _blank in tokens)[:40]})
        commands.append(Command(function, tuple(operands)))
        if at < len(tokens) and tokens[at][1] == "|" and tokens[at][0] == "mark":
            at += 1
            continue
        return Pipe(tuple(commands)), at


def _operand(
    tokens: Sequence[tuple[str, str, bool]], at: int, line: int, known: set[str], depth: int
) -> tuple[Value, int]:
    kind, word, _blank = tokens[at]
    at += 1
    path: list[str] = []
    base: str | None = None
    pipe: Pipe | None = None
    match kind:
        case "string":
            return Value(None, constant=_string(word, line)), at
        case "number":
            return Value(None, constant=float(word) if "." in word else int(word)), at
        case "word" if word in CONSTANTS:
            return Value(None, constant=CONSTANTS[word]), at
        case "variable":
            if word not in known:
                raise go_fault(line, NO_VARIABLE % {"name": word[:64]})
            base = word
        case "field":
            base, path = ".", [word[1:]] if len(word) > 1 else []
        case "mark" if word == "(":
            pipe, at = _pipe(tokens, at, line, known, depth + 1)
            if at >= len(tokens) or tokens[at][1] != ")":
                raise go_fault(line, UNREADABLE % {"text": "("})
            at += 1
        case _:
            raise go_fault(line, UNREADABLE % {"text": word[:40]})
    while at < len(tokens) and tokens[at][0] == "field" and not tokens[at][2] and len(tokens[at][1]) > 1:
        path.append(tokens[at][1][1:])
        at += 1
    return Value(base, tuple(path), pipe=pipe), at


def _string(word: str, line: int) -> str:
    if word.startswith("`"):
        return word[1:-1]
    try:
        return str(json.loads(word, strict=False))
    except ValueError as error:
        raise go_fault(line, UNREADABLE % {"text": word[:40]}) from error


def go_fault(line: int, problem: str) -> TemplateFault:
    return TemplateFault(AT % {"line": line, "problem": problem})
