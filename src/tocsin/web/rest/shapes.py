"""What several resources show and take."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from tocsin.contacts.models import ObjectReach
from tocsin.contacts.rules import Use
from tocsin.web.rest.fields import Id, Moment, Typed
from tocsin.web.rest.paging import PageQuery


class Named(BaseModel):
    id: int = Field(examples=[12])
    name: str = Field(examples=["Database on call"])


class Deleted(BaseModel):
    """What is gone, and what used it."""

    names: list[str]
    used_by: list[Named]
    emptied_groups: list[str] = []


class Ids(Typed):
    ids: list[Id] = Field(min_length=1, max_length=10_000)


class ByName(PageQuery):
    text: str = Field("", max_length=254, description="In the name.")


class Outlet(BaseModel):
    """How a robot or webhook has fared."""

    delivered_at: Moment | None = Field(description="When it last took a message.")
    failed_at: Moment | None
    failure: str


class Queued(BaseModel):
    """A message is on its way; its delivery says what became of it."""

    delivery_id: int = Field(examples=[4711])


def outlet(reach: ObjectReach | None) -> Outlet:
    if reach is None:
        return Outlet(delivered_at=None, failed_at=None, failure="")
    return Outlet(delivered_at=reach.delivered_at, failed_at=reach.failed_at, failure=reach.failure)


def deleted(names: Iterable[str], uses: Iterable[Use], emptied: Iterable[str] = ()) -> Deleted:
    return Deleted(
        names=list(names), used_by=[Named(id=use.id, name=use.name) for use in uses], emptied_groups=list(emptied)
    )
