"""What fields are made of, and how bodies are read and written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, cast

import msgspec
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from ninja.errors import HttpError
from ninja.params.functions import Header as HeaderParam
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from tocsin.core.clock import is_keepable
from tocsin.core.errors import InvalidInputError
from tocsin.core.storable import is_storable
from tocsin.policies.rules import Operator

LARGEST_ID = 2**63 - 1

Id = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[7])]
Moment = Annotated[datetime, Field(description="RFC 3339.", examples=["2026-11-23T12:00:00Z"])]


def _keepable(at: datetime) -> datetime:
    if not is_keepable(at):
        raise ValueError(_("Choose a moment between the years 2000 and 2200."))
    return at


TypedMoment = Annotated[
    AwareDatetime,
    AfterValidator(_keepable),
    Field(description="RFC 3339, with an offset; from year 2000 to 2200.", examples=["2026-11-23T12:00:00Z"]),
]

IfMatch = Annotated[
    str | None, HeaderParam(alias="If-Match", description="The ETag that was read: a later one is not overwritten.")
]


class Typed(BaseModel):
    """A body: a field that is not known is refused by its name."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """What stands in the body, and nothing that does not. null removes, as an empty text does."""
        values = self.model_dump(exclude_unset=True)
        return as_columns(
            {name: "" if value is None and name in self.removable() else value for name, value in values.items()}
        )

    def whole(self) -> dict[str, Any]:
        """With the default of what does not stand in the body."""
        return as_columns(self.model_dump())

    @classmethod
    def removable(cls) -> frozenset[str]:
        """Texts that may be null."""
        return frozenset(name for name, field in cls.model_fields.items() if field.annotation == str | None)


class RuleCondition(BaseModel):
    """`in` and `nin` take a comma-separated list; `re` and `nre` are anchored; a missing label is the empty text."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(max_length=1000, examples=["severity"])
    operator: Operator = Field(examples=["eq"])
    value: str = Field(max_length=10_000, examples=["critical"])


Rule = Annotated[list[RuleCondition], Field(max_length=100, description="All of its conditions.")]


class Versioned(BaseModel):
    """Something that can be changed."""

    id: int = Field(examples=[7])
    version: int = Field(description="Also its ETag.", examples=[3])


def as_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """As services call them: here, as in files, `is_enabled` is `enabled`."""
    return {"is_enabled" if name == "enabled" else name: value for name, value in values.items()}


def taken(row: object, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a row, as they are called here."""
    return {name: getattr(row, "is_enabled" if name == "enabled" else name) for name in names}


class StrictParser(Parser):
    """Refuses what PostgreSQL cannot keep, wherever it stands."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        try:
            body = json.loads(request.body or b"null")
        except (ValueError, RecursionError) as error:
            raise HttpError(400, _("The body is no JSON.")) from error
        _refuse_unstorable(body, "")
        return cast("dict[str, Any]", body)

    def parse_querydict(
        self, data: MultiValueDict[str, str], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        values: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        _refuse_unstorable(values, "")
        return values


class FastRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        if isinstance(data, dict):
            request.shown = data  # type: ignore[attr-defined]
        return as_json(data)


def as_json(data: Any) -> bytes:
    return msgspec.json.encode(data, enc_hook=_as_text)


def _as_text(value: object) -> str:
    """Sentences are texts of a class of their own."""
    if not isinstance(value, str):
        raise TypeError(f"{type(value)} is not for JSON")
    return str(value)


def _refuse_unstorable(value: Any, path: str) -> None:
    if isinstance(value, str):
        if not is_storable(value):
            raise InvalidInputError({path: _("This holds a character that cannot be stored.")})
    elif isinstance(value, dict):
        for name, each in value.items():
            _refuse_unstorable(name, path)
            _refuse_unstorable(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            _refuse_unstorable(each, f"{path}.{place}" if path else str(place))
