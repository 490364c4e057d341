"""Texts that people write for a policy: Jinja2 in a sandbox so small that its cost is bounded by its length. Pure.

A template shows values, chooses (`if`) and goes through lists (`for`, two deep, the first fifty of each). It calls
nothing and keeps no text in variables, so neither its output nor its time can grow beyond what it is made from.
`parse_templates` says what is wrong and in which line; `written` renders what it let in. A template that begins with
the mark of `go_templates` is of that dialect and finds its values under `go`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from jinja2 import TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import TemplateError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from tocsin.core.errors import InvalidInputError
from tocsin.core.labels import text_error
from tocsin.core.sentences import Sentence
from tocsin.core.storable import is_storable
from tocsin.policies.rules.go_templates import MARK, is_go, made_go
from tocsin.policies.rules.template_faults import (
    AT,
    EMPTY,
    GREW,
    NO_VARIABLE,
    NOT_HERE,
    TOO_DEEP,
    TOO_SLOW,
    UNSTORABLE,
    TemplateFault,
    is_blank,
)

TEMPLATE_FIELDS = (
    "email_title", "email_content", "email_recover_title", "email_recover_content", "sms_content",
    "sms_recover_content", "phone_content", "phone_recover_content", "robot_content", "robot_recover_content",
)  # fmt: skip
VARIABLES = frozenset({
    "title", "severity", "status", "headline", "policy", "organisation", "url", "active", "total", "opened_at",
    "group_labels", "common_labels", "labels", "annotations", "summary", "description", "events",
})  # fmt: skip
"""What a template may show. docs/policies.md says what each is; those of one event are of the first."""
EVENT_FIELDS = frozenset({
    "name", "status", "severity", "summary", "description", "runbook", "labels", "annotations", "starts_at", "ends_at",
    "url",
})  # fmt: skip
LONGEST_SOURCE = 8_000
_LONGEST_OUTPUT = 50_000
_LONGEST_PIECE = 100_000
_MOST_ITEMS = 50
_DEEPEST = 2
_SECONDS = 1.0
_UNTIL = " until"
"""Under this name a template's values say when it must be done; with a blank, so that no template can name it."""

_NO_FILTER = Sentence("there is no filter %(name)s")
_TOO_LONG = Sentence("Keep a template under %(most)d characters.")
_NO_FIELD = Sentence("there is no field %(name)s")
_NO_TEMPLATE = Sentence("There is no template %(name)s.")

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const, nodes.For,
    nodes.If, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.List, nodes.Tuple, nodes.Slice, nodes.Assign,
)  # fmt: skip
_TESTS = frozenset({"defined", "none", "eq", "ne", "lt", "le", "gt", "ge", "in", "odd", "even", "equalto"})
_LOOP = frozenset({"index", "index0", "first", "last", "length", "revindex"})


class Record(dict[str, Any]):
    """Values by names that are known: another name is a mistake. A plain mapping has "" for what it lacks."""


class _Environment(ImmutableSandboxedEnvironment):
    """Nothing but keys of mappings, places of lists and the counters of a loop can be read."""

    intercepted_binops = frozenset({"+"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Only what `intercepted_binops` names comes here."""
        _bounded(sum(len(each) for each in (left, right) if isinstance(each, str | list | tuple)))
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Record) and argument not in obj:
            raise TemplateFault(_NO_FIELD % {"name": str(argument)[:64]})
        if isinstance(obj, Mapping):
            return obj.get(argument, "") if isinstance(argument, str) else ""
        if isinstance(obj, list | tuple) and isinstance(argument, int):
            return obj[argument] if -len(obj) <= argument < len(obj) else ""
        if isinstance(obj, LoopContext) and argument in _LOOP:
            return getattr(obj, str(argument))
        return ""


def parse_templates(typed: Mapping[str, Any]) -> dict[str, str]:
    """What is stored; empty ones are left out. InvalidInputError names each wrong one by `templates.<field>`."""
    stored: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, source in typed.items():
        if name not in TEMPLATE_FIELDS:
            raise InvalidInputError({"templates": _NO_TEMPLATE % {"name": str(name)[:64]}})
        text = _clean(str(source or ""))
        if not text.removeprefix(MARK).strip():
            continue
        if len(text) > LONGEST_SOURCE:
            problems[f"templates.{name}"] = _TOO_LONG % {"most": LONGEST_SOURCE}
        elif error := text_error(text, LONGEST_SOURCE):
            problems[f"templates.{name}"] = error
        elif problem := why_not_a_template(text, is_recovery="recover" in name):
            problems[f"templates.{name}"] = problem
        else:
            stored[name] = text
    if problems:
        raise InvalidInputError(problems)
    return {name: stored[name] for name in TEMPLATE_FIELDS if name in stored}


def _clean(source: str) -> str:
    """A template of another program's is kept to the letter: it asks for it again."""
    return source if is_go(source) else source.replace("\r\n", "\n").strip()


def why_not_a_template(source: str, *, is_recovery: bool = False) -> str:
    """A sentence with its line; "" when the template can be kept and makes a text of an example."""
    try:
        _made(source, {**EXAMPLE, "status": "resolved"} if is_recovery else EXAMPLE, str)
    except TemplateFault as fault:
        return str(fault)
    return ""


def written(source: str, values: Mapping[str, Any], dialect: Callable[[str], str]) -> str:
    """The text, where every value has gone through `dialect`: what it makes harmless stays harmless. TemplateFault."""
    text = _made(source, values, dialect)
    if is_blank(text):
        raise TemplateFault(EMPTY)
    return text


def _made(source: str, values: Mapping[str, Any], dialect: Callable[[str], str]) -> str:
    """Perhaps nothing: an example need not have the label that is shown."""
    text = made_go(source, values["go"], _storing(dialect)) if is_go(source) else _made_jinja(source, values, dialect)
    if not is_storable(text):
        raise TemplateFault(UNSTORABLE)
    return text


def _storing(dialect: Callable[[str], str]) -> Callable[[str], str]:
    """An escape of the template's language may write what cannot be stored, and a dialect make a blank of it."""

    def told(text: str) -> str:
        if not is_storable(text):
            raise TemplateFault(UNSTORABLE)
        return dialect(text)

    return told


def _made_jinja(source: str, values: Mapping[str, Any], dialect: Callable[[str], str]) -> str:
    template = _compiled(source, dialect)
    until = time.monotonic() + _SECONDS
    pieces: list[str] = []
    size = 0
    try:
        for piece in template.generate(**values, **{_UNTIL: until}):
            pieces.append(piece)
            size += len(piece)
            if size > _LONGEST_OUTPUT:
                raise TemplateFault(GREW)
            if time.monotonic() > until:
                raise TemplateFault(TOO_SLOW)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise TemplateFault(" ".join(str(error).split())[:200] or type(error).__name__) from error
    return "".join(pieces).strip()


@lru_cache(maxsize=512)
def _compiled(source: str, dialect: Callable[[str], str]) -> Any:
    told = _storing(dialect)
    environment = _Environment(
        finalize=lambda value: told(_shown(value)), keep_trailing_newline=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update({**_FILTERS, **_OURS})
    try:
        tree = environment.parse(source)
        _check(tree)
        for loop in list(tree.find_all(nodes.For)):
            loop.iter = nodes.Filter(loop.iter, "in_time", [], [], None, None, lineno=loop.lineno)
        return environment.from_string(_Bounding().visit(tree))
    except TemplateSyntaxError as error:
        raise TemplateFault(AT % {"line": error.lineno, "problem": (error.message or "")[:200]}) from error
    except (RecursionError, MemoryError, SyntaxError) as error:  # Python's own, of what was made of it
        raise TemplateFault(TOO_DEEP) from error
    except ValueError as error:  # a number of thousands of digits
        raise TemplateFault(str(error)[:200]) from error


class _Bounding(NodeTransformer):
    """`one ~ other` is put together piece by piece, as far as it may grow."""

    def visit_Concat(self, node: nodes.Concat, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        pieces = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(pieces, "concatenated", [], [], None, None, lineno=node.lineno)


def _check(tree: nodes.Template) -> None:
    for node, depth, known in _walked(tree, 0, VARIABLES):
        if not isinstance(node, _ALLOWED):
            _fail(node, NOT_HERE % {"what": type(node).__name__.lower()})
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in known:
            _fail(node, NO_VARIABLE % {"name": node.name})
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            _fail(node, _NO_FILTER % {"name": node.name})
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            _fail(node, NOT_HERE % {"what": node.name})
        if isinstance(node, nodes.For):
            if depth >= _DEEPEST:
                _fail(node, TOO_DEEP)
            if node.recursive or not _is_place(node.iter, is_items=True):
                _fail(node, NOT_HERE % {"what": "for"})
        if isinstance(node, nodes.Assign) and not (isinstance(node.target, nodes.Name) and _is_place(node.node)):
            _fail(node, NOT_HERE % {"what": "set"})


def _walked(
    node: nodes.Node, depth: int, known: frozenset[str]
) -> Iterable[tuple[nodes.Node, int, frozenset[str]]]:  # fmt: skip
    """Every node, in how many loops it stands, and which names are known there."""
    yield node, depth, known
    if isinstance(node, nodes.For):
        inside = known | {name.name for name in node.target.find_all(nodes.Name)} | {"loop"}
        if isinstance(node.target, nodes.Name):
            inside |= {node.target.name}
        yield from _walked(node.iter, depth, known)
        for child in (*node.body, *([node.test] if node.test else [])):
            yield from _walked(child, depth + 1, inside)
        for child in node.else_:
            yield from _walked(child, depth, known)
        return
    names = known
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Assign) and isinstance(child.target, nodes.Name):
            yield from _walked(child, depth, names)
            names |= {child.target.name}
        else:
            yield from _walked(child, depth, names)


def _is_place(node: nodes.Node, *, is_items: bool = False) -> bool:
    """A value that is there already: a variable, something in it, a part of a list; or its pairs."""
    if is_items and isinstance(node, nodes.Filter) and node.name == "items" and node.node is not None:
        return _is_place(node.node)
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return _is_place(node.node)
    return isinstance(node, nodes.Name | nodes.Const)


def _fail(node: nodes.Node, problem: str) -> None:
    raise TemplateFault(AT % {"line": node.lineno, "problem": problem})


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in islice(value.items(), _MOST_ITEMS))
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value[:_MOST_ITEMS])
    return str(value)


def _each(value: object) -> Sequence[Any]:
    if isinstance(value, Mapping | list | tuple):
        return list(islice(value, _MOST_ITEMS))
    return []


@pass_context
def _in_time(context: Context, value: object) -> Iterator[Any]:
    """What a loop goes through: one that writes nothing has to end as well."""
    for item in _each(value):
        if time.monotonic() > context[_UNTIL]:
            raise TemplateFault(TOO_SLOW)
        yield item


def _items(value: object) -> Sequence[Any]:
    return list(islice(value.items(), _MOST_ITEMS)) if isinstance(value, Mapping) else []


def _bounded(size: int) -> None:
    if size > _LONGEST_PIECE:
        raise TemplateFault(GREW)


def _concatenated(values: Sequence[object]) -> str:
    pieces: list[str] = []
    size = 0
    for value in values:
        pieces.append(_shown(value))
        size += len(pieces[-1])
        _bounded(size)
    return "".join(pieces)


def _replace(value: object, old: object, new: object) -> str:
    text, before, after = str(value), str(old), str(new)
    if not before:
        return text
    _bounded(len(text) + text.count(before) * len(after))
    return text.replace(before, after)


def _join(value: object, separator: object = "") -> str:
    pieces = [_shown(item) for item in _each(value)]
    _bounded(sum(map(len, pieces)) + len(pieces) * len(str(separator)))
    return str(separator).join(pieces)


def _truncate(value: object, length: object = 100) -> str:
    text = str(value)
    longest = max(int(str(length)), 1)
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _first(value: object) -> Any:
    items = _each(value)
    return items[0] if items else ""


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | Mapping | list | tuple) else 0


_FILTERS: dict[str, Callable[..., Any]] = {
    "upper": lambda value: str(value).upper(),
    "lower": lambda value: str(value).lower(),
    "capitalize": lambda value: str(value).capitalize(),
    "trim": lambda value: str(value).strip(),
    "default": lambda value, other="": value or other,
    "replace": _replace,
    "truncate": _truncate,
    "join": _join,
    "first": _first,
    "length": _length,
    "items": _items,
}
FILTERS = tuple(_FILTERS)
_OURS: dict[str, Callable[..., Any]] = {"in_time": _in_time, "concatenated": _concatenated}
"""That templates cannot name."""

_EVENT = Record(
    name="DiskFull", status="firing", severity="P1", summary="full", description="99%",
    runbook="https://example.org/disk", labels={"alertname": "DiskFull", "instance": "db-7"},
    annotations={"summary": "full"}, starts_at="2026-11-28 09:00:00 UTC", ends_at="",
    url="https://example.org/graph",
)  # fmt: skip
EXAMPLE: Mapping[str, Any] = {
    "title": "DiskFull", "severity": "P1", "status": "firing", "headline": "firing: 1 event", "policy": "Databases",
    "organisation": "Tocsin", "url": "https://tocsin.example/", "active": 1, "total": 1,
    "opened_at": "2026-11-28 09:00:00 UTC", "group_labels": {"alertname": "DiskFull"},
    "common_labels": _EVENT["labels"], "labels": _EVENT["labels"], "annotations": _EVENT["annotations"],
    "summary": _EVENT["summary"], "description": _EVENT["description"], "events": [_EVENT],
    "go": {
        "alerts": [{
            "labels": _EVENT["labels"], "annotations": {"message": "full"}, "status": "firing", "startsAt": "",
            "endsAt": "", "fingerprint": "1", "generatorURL": _EVENT["url"],
        }],
        "commonLabels": _EVENT["labels"], "commonAnnotations": {"message": "full"}, "groupLabels": _EVENT["labels"],
        "status": "firing", "level": "P1", "dispatchRuleName": "Databases", "startTime": "2026-11-28 09:00:00",
        "endTime": "",
    },
}  # fmt: skip
"""What a template is tried on when it is saved."""
