"""Parameters are texts on the wire: each action says in a struct what it reads them as."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tocsin.core.storable import is_storable
from tocsin.web.arms.errors import invalid, missing

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Page = Annotated[int, Meta(ge=1, le=1_000_000)]
Size = Annotated[int, Meta(ge=1, le=1_000)]
_Read = TypeVar("_Read")
_SEPARATORS = re.compile(r"[\s,]+")
_MOST_IDS = 10_000


class Request(msgspec.Struct, rename="pascal"):
    """The parameters of the action that the subclass is named after. Those that no field reads are passed over."""


class Paged(Request):
    page: Page
    size: Size


class Part(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An object within a parameter that holds JSON. A name that no field has is refused: misspelt, it would be lost."""


_Asked = TypeVar("_Asked", bound=Request)


def read(struct: type[_Asked], parameters: Mapping[str, str]) -> _Asked:
    """RpcError names the first parameter that is missing or cannot be read. An empty one that is no text is none."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        text = parameters.get(field.encode_name)
        if text is None or (text == "" and not _takes_text(field.type)):
            if field.required:
                raise missing(field.encode_name)
            continue
        try:
            values[field.name] = msgspec.convert(text.strip(), field.type, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(field.encode_name, _said(field.encode_name, text, error)) from error
    return struct(**values)


def read_json(name: str, text: str, kind: type[_Read], *, has_free_names: bool = False) -> _Read:
    """A parameter that holds JSON. RpcError says where it is not what it should be.

    `matchingConditions` and `MatchingConditions` are one name, as this API writes both, and null says nothing, as Go
    writes an empty list; where names are the sender's own (`has_free_names`), all stays as it is.
    """
    try:
        value = json.loads(text, object_pairs_hook=None if has_free_names else partial(_camel, name))
        if not all(map(is_storable, _texts(value))):
            raise invalid(name, f"{name} holds a character that cannot be stored.")
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(name, f"{name}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise invalid(name, f"{name} is not JSON.") from error


def _camel(parameter: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for given_name, value in pairs:
        name = given_name[:1].lower() + given_name[1:]
        if value is None:
            continue
        if name in found and found[name] != value:
            raise invalid(parameter, f"{parameter}: {given_name[:80]!r} stands twice in one object.")
        found[name] = value
    return found


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value of JSON, names too. RecursionError where it is nested too deeply."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def read_ids(name: str, text: str | UnsetType) -> list[int] | None:
    """Ids as documents, SDKs and Terraform write them: `1,2`, `1 2`, `[1,2]`, `["1","2"]`. None when there are none."""
    if text is UNSET or not text.strip():
        return None
    items = _SEPARATORS.split(text.strip().strip("[]").replace('"', " ").strip(", \t\r\n"))
    if len(items) > _MOST_IDS or not all(
        item.isascii() and item.isdigit() and len(item) < 19 for item in items if item
    ):
        raise invalid(name, f"{name} holds something that is no ID.")
    return [int(item) for item in items if item]


def given(value: _Read | UnsetType) -> _Read | None:
    """None for what was not sent."""
    return None if value is UNSET else value


def _takes_text(kind: Any) -> bool:
    return kind is str or str in getattr(kind, "__args__", ())


def _said(name: str, text: str, error: Exception) -> str:
    return f"{name}={text[:40]!r}: {error}"
