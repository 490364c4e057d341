"""The shapes that values in a file have: each reads a YAML node, and says in JSON Schema what it takes.

A scalar is read as its field wants it, whatever YAML would make of it: `phone: +8613800000000` is a number and
`start: 18:00` a time, and neither becomes an integer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol

import yaml

Place = tuple[str | int, ...]
"""Where in a document: keys, and numbers of items counted from 0."""

_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_NULLS = ("", "~", "null", "Null", "NULL")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong and the way out. `line` counts from 1; 0 for the file as a whole."""

    file: str
    line: int
    place: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(filter(None, (where, self.place, self.text)))


@dataclass
class Reading:
    """What is found wrong while a file is read, and on which line each place is."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)

    def wrong(self, node: yaml.Node, place: Place, text: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, spelled(place), text))


def spelled(place: Place) -> str:
    """("contacts", 0, "phone") -> contacts[1].phone"""
    text = ""
    for step in place:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is found: never the secret itself."""

    env: str = ""
    file: str = ""


class Shape(Protocol):
    def read(self, node: yaml.Node, place: Place, into: Reading) -> Any:
        """The value; None when it is wrong, which `into` then says."""
        ...

    def schema(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Text:
    """`choices` are compared as they are; `pattern` is for editors alone: services check and say more."""

    choices: Sequence[str] = ()
    pattern: str = ""

    def read(self, node: yaml.Node, place: Place, into: Reading) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            into.wrong(node, place, "must be text")
            return None
        text = "" if _is_null(node) else node.value
        if self.choices and text not in self.choices:
            into.wrong(node, place, f"must be one of {', '.join(self.choices)}, not {text[:64]!r}")
            return None
        return text

    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "string"}
        if self.choices:
            found["enum"] = list(self.choices)
        if self.pattern:
            found["pattern"] = self.pattern
        return found


@dataclass(frozen=True, slots=True)
class Number:
    """Whole unless `is_decimal`."""

    least: int = 0
    most: int = 1_000_000
    is_decimal: bool = False

    def read(self, node: yaml.Node, place: Place, into: Reading) -> int | float | None:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        pattern = r"[0-9]{1,9}(\.[0-9]{1,9})?" if self.is_decimal else r"[0-9]{1,9}"
        if not re.fullmatch(pattern, text) or not self.least <= float(text) <= self.most:
            into.wrong(
                node, place, f"must be a {'' if self.is_decimal else 'whole '}number from {self.least} to {self.most}"
            )
            return None
        return float(text) if "." in text else int(text)

    def schema(self) -> dict[str, Any]:
        kind = "number" if self.is_decimal else "integer"
        return {"type": kind, "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    def read(self, node: yaml.Node, place: Place, into: Reading) -> bool | None:
        text = node.value.lower() if isinstance(node, yaml.ScalarNode) else ""
        if text not in (*_TRUE, *_FALSE):
            into.wrong(node, place, "must be true or false")
            return None
        return text in _TRUE

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Severity:
    """P1 to P6, or the number; read as the number."""

    def read(self, node: yaml.Node, place: Place, into: Reading) -> int | None:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if not re.fullmatch(r"[Pp]?[1-6]", text):
            into.wrong(node, place, "must be a severity from P1 to P6")
            return None
        return int(text[-1])

    def schema(self) -> dict[str, Any]:
        return {"enum": [*(f"P{number}" for number in range(1, 7)), *range(1, 7)]}


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference: `{env: NAME}` or `{file: PATH}`. With `or_text`, a value that is no secret may stand there."""

    or_text: bool = False

    def read(self, node: yaml.Node, place: Place, into: Reading) -> SecretRef | str | None:
        if self.or_text and isinstance(node, yaml.ScalarNode):
            return "" if _is_null(node) else str(node.value)
        pairs = scalars_of(node)
        match pairs:
            case {"env": name} if len(pairs) == 1 and _VARIABLE.fullmatch(name):
                return SecretRef(env=name)
            case {"file": path} if len(pairs) == 1 and path:
                return SecretRef(file=path)
        into.wrong(node, place, "names where the secret is, never the secret: {env: VARIABLE} or {file: PATH}")
        return None

    def schema(self) -> dict[str, Any]:
        return (
            {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/secret"}]} if self.or_text else {"$ref": "#/$defs/secret"}
        )


SECRET_SCHEMA: Mapping[str, Any] = {
    "description": "Where the secret is: the name of an environment variable, or the path of a file.",
    "oneOf": [
        {"type": "object", "properties": {name: {"type": "string", "minLength": 1}}, "required": [name],
         "additionalProperties": False}
        for name in ("env", "file")
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    of: Shape

    def read(self, node: yaml.Node, place: Place, into: Reading) -> list[Any] | None:
        if not isinstance(node, yaml.SequenceNode):
            into.wrong(node, place, "must be a list")
            return None
        values = []
        for number, item in enumerate(node.value):
            into.lines[*place, number] = item.start_mark.line + 1
            values.append(self.of.read(item, (*place, number), into))
        return values

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.of.schema()}


@dataclass(frozen=True, slots=True)
class Several:
    """A list, or the one item alone; nothing is an empty list."""

    of: Shape

    def read(self, node: yaml.Node, place: Place, into: Reading) -> list[Any] | None:
        if isinstance(node, yaml.ScalarNode):
            return [] if _is_null(node) else [self.of.read(node, place, into)]
        return Listing(self.of).read(node, place, into)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.of.schema(), Listing(self.of).schema(), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class Mapped:
    """Names of the writer's own, each with a value. `keys` where only some names are known."""

    of: Shape
    keys: Sequence[str] = ()

    def read(self, node: yaml.Node, place: Place, into: Reading) -> dict[str, Any] | None:
        if not isinstance(node, yaml.MappingNode):
            into.wrong(node, place, "must be names with values")
            return None
        found: dict[str, Any] = {}
        for name, key, value in pairs_of(node, place, into):
            into.lines[*place, name] = key.start_mark.line + 1
            if self.keys and name not in self.keys:
                into.wrong(key, place, unknown(name, self.keys))
                continue
            found[name] = self.of.read(value, (*place, name), into)
        return found

    def schema(self) -> dict[str, Any]:
        if self.keys:
            properties = {name: self.of.schema() for name in self.keys}
            return {"type": "object", "properties": properties, "additionalProperties": False}
        return {"type": "object", "additionalProperties": self.of.schema()}


@dataclass(frozen=True, slots=True)
class Field:
    """`default`: what the installation has when the file says nothing; None: nothing is written of it."""

    name: str
    shape: Shape
    help: str = ""
    is_required: bool = False
    default: Any = None

    def schema(self) -> dict[str, Any]:
        found = self.shape.schema()
        if self.help:
            found = (
                {"allOf": [found], "description": self.help} if "$ref" in found else {**found, "description": self.help}
            )
        return found


@dataclass(frozen=True, slots=True)
class Record:
    fields: Sequence[Field]

    def read(self, node: yaml.Node, place: Place, into: Reading) -> dict[str, Any] | None:
        """Only what is given; null is as if the line were not there."""
        if not isinstance(node, yaml.MappingNode):
            into.wrong(node, place, f"must have keys: {', '.join(field.name for field in self.fields)}")
            return None
        known = {field.name: field for field in self.fields}
        found: dict[str, Any] = {}
        for name, key, value in pairs_of(node, place, into):
            into.lines[*place, name] = key.start_mark.line + 1
            if name not in known:
                into.wrong(key, place, unknown(name, known))
            elif not (isinstance(value, yaml.ScalarNode) and _is_null(value)):
                found[name] = known[name].shape.read(value, (*place, name), into)
        for needed in (one.name for one in self.fields if one.is_required):
            if found.get(needed, "") == "":
                into.wrong(node, place, f"needs {needed}")
        return found

    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": "object",
            "properties": {field.name: field.schema() for field in self.fields},
            "additionalProperties": False,
        }
        if required := [field.name for field in self.fields if field.is_required]:
            found["required"] = required
        return found


@dataclass(frozen=True, slots=True)
class MatchRule:
    """`{label: value}` for labels that are equal, or a list of conditions; both are read as conditions."""

    operators: Sequence[str]

    def read(self, node: yaml.Node, place: Place, into: Reading) -> list[dict[str, str]] | None:
        if isinstance(node, yaml.MappingNode):
            pairs = Mapped(Text()).read(node, place, into) or {}
            return [{"key": key, "operator": "eq", "value": value or ""} for key, value in pairs.items()]
        if isinstance(node, yaml.SequenceNode):
            return Listing(self._condition()).read(node, place, into)
        into.wrong(node, place, "must be {label: value}, or a list of conditions with key, operator and value")
        return None

    def _condition(self) -> Record:
        return Record(
            (
                Field("key", Text(), is_required=True),
                Field("operator", Text(self.operators), is_required=True),
                Field("value", Text()),
            )
        )

    def schema(self) -> dict[str, Any]:
        short = {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}
        return {"anyOf": [short, {"type": "array", "items": self._condition().schema(), "minItems": 1}]}


def unknown(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f". Did you mean {close[0]}?" if close else ""
    return f"knows no {name[:64]!r}; it knows {', '.join(known)}{meant}"


def pairs_of(node: yaml.MappingNode, place: Place, into: Reading) -> list[tuple[str, yaml.Node, yaml.Node]]:
    """Name, key and value; a key that is no text, or stands there twice, is a problem."""
    found: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            into.wrong(key, place, "a key must be text")
        elif key.value in found:
            into.wrong(key, place, f"has {key.value[:64]!r} twice")
        else:
            found[key.value] = (key.value, key, value)
    return list(found.values())


def scalars_of(node: yaml.Node) -> dict[str, str]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {
        key.value: value.value
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)
    }


def _is_null(node: yaml.ScalarNode) -> bool:
    return node.style is None and node.value in _NULLS
