"""What several resources show and take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from pydantic import BaseModel, Field

from tocsin.channels.base import Outcome
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import ObjectReach
from tocsin.contacts.queries import Named as NamedObject
from tocsin.contacts.rules import Use
from tocsin.delivery.foreseeing import Coming
from tocsin.delivery.rules import Reason
from tocsin.delivery.rules.foreseeing import Ahead
from tocsin.delivery.rules.plan import Shortfall
from tocsin.web.rest.fields import Id, Moment, Typed
from tocsin.web.rest.paging import PageQuery
from tocsin.web.shared.words import reason_text

_Row = TypeVar("_Row", bound=Model)


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

    def among(self, rows: QuerySet[_Row]) -> QuerySet[_Row]:
        return rows.filter(name__icontains=self.text) if self.text else rows


class Outlet(BaseModel):
    """How a robot or webhook has fared."""

    delivered_at: Moment | None = Field(description="When it last took a message.")
    failed_at: Moment | None
    failure: str


class Queued(BaseModel):
    """A message is on its way; its delivery says what became of it."""

    delivery_id: int = Field(examples=[4711])


class Tried(BaseModel):
    """What was answered. That a message was accepted does not prove that it arrived."""

    outcome: Outcome
    code: str
    detail: str
    provider_id: str


class Target(Typed):
    """A notification object. People are told over `channels` (phone, sms, email); robots and webhooks name none."""

    object_id: Id
    channels: list[Channel] = Field([], max_length=10, examples=[["phone", "sms"]])


class TargetOut(BaseModel):
    object_id: int
    name: str
    kind: str = Field(examples=["contact"])
    channels: list[Channel]


class Lack(BaseModel):
    """Somebody who is not told over a channel, and why."""

    object_id: int
    name: str
    channel: str
    reason: Reason
    why: str


def targets_typed(tells: Iterable[Target]) -> list[tuple[int, list[str]]]:
    return [(each.object_id, [channel.value for channel in each.channels]) for each in tells]


def targets_out(targets: Iterable[tuple[int, Sequence[str]]], names: Mapping[int, NamedObject]) -> list[TargetOut]:
    """`names` are those of `names_of`."""
    return [
        TargetOut(object_id=pk, name=names[pk].name, kind=names[pk].kind, channels=[Channel(each) for each in channels])
        for pk, channels in targets
        if pk in names
    ]


def targets_sent(shown: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Dumped TargetOuts, as they would be sent."""
    return [{name: each[name] for name in Target.model_fields} for each in shown]


def lacks(shortfalls: Iterable[Shortfall]) -> list[Lack]:
    return [
        Lack(
            object_id=each.object_id,
            name=each.name,
            channel=each.channel,
            reason=each.reason,
            why=reason_text(each.reason),
        )
        for each in shortfalls
    ]


def outlet(reach: ObjectReach | None) -> Outlet:
    if reach is None:
        return Outlet(delivered_at=None, failed_at=None, failure="")
    return Outlet(delivered_at=reach.delivered_at, failed_at=reach.failed_at, failure=reach.failure)


def deleted(names: Iterable[str], uses: Iterable[Use], emptied: Iterable[str] = ()) -> Deleted:
    return Deleted(
        names=list(names), used_by=[Named(id=use.id, name=use.name) for use in uses], emptied_groups=list(emptied)
    )


class ComingOut(BaseModel):
    """What falls due of an open alert if nothing happens until then."""

    at: Moment
    kind: Ahead
    text: str = Field(examples=["step 2 of Nights, unless somebody claims it"])
    step: int = Field(description="Of the escalation policy; 0 for what is no step.")
    recipient: str = Field(description="Of a fallback.")
    waits_until: Moment | None = Field(description="It falls due outside the hours of the policy, and goes out then.")
    is_dropped: bool = Field(description="Outside the hours of the policy nothing is sent.")


def what_comes(items: Iterable[Coming]) -> list[ComingOut]:
    return [ComingOut(**{name: getattr(item, name) for name in ComingOut.model_fields}) for item in items]
