"""`/silences` and `/inhibitions`: what is not told although it fires."""

from __future__ import annotations

from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Query
from pydantic import Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.policies.models import Inhibition, SilencePolicy
from tocsin.policies.queries.silences import times_of
from tocsin.policies.rules.silencing import Effect
from tocsin.policies.services import inhibitions as inhibition_services
from tocsin.policies.services import silences as silence_services
from tocsin.web.rest.callers import actor_of, caller_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Rule, Typed, TypedMoment, Versioned, taken
from tocsin.web.rest.paging import Page, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName
from tocsin.web.rest.versions import expected_version

silences = Resource("Silences", reads=Scope.ALERTS_READ, writes=Scope.ALERTS_WRITE)
inhibitions = Resource("Inhibitions", reads=Scope.POLICIES_READ, writes=Scope.POLICIES_WRITE)


class SilenceWindow(Typed):
    """Of a cycle. Over midnight when the end is not later."""

    start: str = Field(max_length=8, examples=["22:00"])
    end: str = Field(max_length=8, examples=["06:00"])
    day: int = Field(0, ge=0, le=7, description="1 (Monday) to 7 for a weekly cycle, 0 for a daily one.")
    end_day: int = Field(0, ge=0, le=7)


class SilenceOut(Versioned):
    uuid: str = Field(description="By which Alertmanager's clients know it.")
    name: str
    comment: str
    rules: list[Rule]
    effect: Effect
    starts_at: Moment | None
    ends_at: Moment | None
    windows: list[SilenceWindow]
    time_zone: str
    enabled: bool
    is_in_force: bool = Field(description="Now.")
    created_by: str
    created_at: Moment


class SilenceChanges(Typed):
    """What is left out stays."""

    name: str = Field("", max_length=200, examples=["Maintenance of db-7"])
    rules: list[Rule] = Field([], max_length=100)
    comment: str = Field("", max_length=4000)
    effect: Effect = Field(Effect.PERIOD, description="Responders may make silences for a period.")
    starts_at: TypedMoment | None = None
    ends_at: TypedMoment | None = None
    windows: list[SilenceWindow] = Field([], max_length=100)
    time_zone: str = Field("", max_length=64)
    enabled: bool = True


class NewSilence(SilenceChanges):
    name: str = Field(max_length=200, examples=["Maintenance of db-7"])
    rules: list[Rule] = Field(max_length=100)


class InhibitionOut(Versioned):
    name: str
    source_rules: list[Rule] = Field(description="While this fires,")
    target_rules: list[Rule] = Field(description="this is quiet,")
    equal: list[str] = Field(description="where these labels have the same values.")
    enabled: bool
    created_by: str
    created_at: Moment


class InhibitionChanges(Typed):
    """What is left out stays."""

    name: str = Field("", max_length=200, examples=["A host that is down"])
    source_rules: list[Rule] = Field([], max_length=100)
    target_rules: list[Rule] = Field([], max_length=100)
    equal: list[Annotated[str, Field(max_length=1000)]] = Field([], max_length=100, examples=[["instance"]])
    enabled: bool = True


class NewInhibition(InhibitionChanges):
    name: str = Field(max_length=200, examples=["A host that is down"])
    source_rules: list[Rule] = Field(max_length=100)
    target_rules: list[Rule] = Field(max_length=100)


@silences.get("", Page[SilenceOut])
def list_silences(request: HttpRequest, asked: Query[ByName]) -> Any:
    """The newest first."""
    found = asked.among(SilencePolicy.objects.all())
    rows, following = one_page(found.order_by("-pk"), ("-pk",), asked)
    return Page[SilenceOut](items=[_silence_out(row) for row in rows], next=following)


@silences.creation("", SilenceOut, needs=Permission.RESPOND)
def create_silence(request: HttpRequest, typed: NewSilence) -> Any:
    """What matches is told to nobody from now on. Anything but a period is for managers."""
    if typed.effect is not Effect.PERIOD:
        caller_of(request).requires(Permission.MANAGE)
    return _silence_out(silence_services.create_silence(by=actor_of(request), now=utc_now(), **typed.whole()))


@silences.get("/{int:silence_id}", SilenceOut)
def read_silence(request: HttpRequest, silence_id: Id) -> Any:
    return _silence_out(_silence(silence_id))


@silences.patch("/{int:silence_id}", SilenceOut)
def update_silence(request: HttpRequest, silence_id: Id, typed: SilenceChanges, if_match: IfMatch = None) -> Any:
    """What no longer matches and still fires is told."""
    with transaction.atomic():
        before = _silence_out(_silence(silence_id))
        kept = before.model_dump(include=set(SilenceChanges.model_fields))
        whole = SilenceChanges(**kept | typed.model_dump(exclude_unset=True))
        version = expected_version(if_match, before.version) or before.version
        row = silence_services.save_silence(
            by=actor_of(request), now=utc_now(), silence_id=silence_id, version=version, **whole.whole()
        )
    return _silence_out(row)


@silences.act("/{int:silence_id}/end", SilenceOut, needs=Permission.RESPOND)
def end_silence(request: HttpRequest, silence_id: Id, if_match: IfMatch = None) -> Any:
    """A period ends now, anything else is disabled; what still fires is told."""
    version = expected_version(if_match)
    return _silence_out(
        silence_services.end_silence(by=actor_of(request), now=utc_now(), silence_id=silence_id, version=version)
    )


@silences.removal("/{int:silence_id}")
def delete_silence(request: HttpRequest, silence_id: Id, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    silence_services.delete_silence(by=actor_of(request), now=utc_now(), silence_id=silence_id, version=version)


@inhibitions.get("", Page[InhibitionOut])
def list_inhibitions(request: HttpRequest, asked: Query[ByName]) -> Any:
    found = asked.among(Inhibition.objects.all())
    rows, following = one_page(found.order_by("pk"), ("pk",), asked)
    return Page[InhibitionOut](items=[_inhibition_out(row) for row in rows], next=following)


@inhibitions.creation("", InhibitionOut)
def create_inhibition(request: HttpRequest, typed: NewInhibition) -> Any:
    return _inhibition_out(inhibition_services.create_inhibition(by=actor_of(request), now=utc_now(), **typed.whole()))


@inhibitions.get("/{int:inhibition_id}", InhibitionOut)
def read_inhibition(request: HttpRequest, inhibition_id: Id) -> Any:
    return _inhibition_out(_inhibition(inhibition_id))


@inhibitions.patch("/{int:inhibition_id}", InhibitionOut)
def update_inhibition(
    request: HttpRequest, inhibition_id: Id, typed: InhibitionChanges, if_match: IfMatch = None
) -> Any:
    with transaction.atomic():
        before = _inhibition_out(_inhibition(inhibition_id))
        kept = before.model_dump(include=set(InhibitionChanges.model_fields))
        whole = InhibitionChanges(**kept | typed.model_dump(exclude_unset=True))
        version = expected_version(if_match, before.version) or before.version
        row = inhibition_services.save_inhibition(
            by=actor_of(request), now=utc_now(), inhibition_id=inhibition_id, version=version, **whole.whole()
        )
    return _inhibition_out(row)


@inhibitions.removal("/{int:inhibition_id}")
def delete_inhibition(request: HttpRequest, inhibition_id: Id, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    inhibition_services.delete_inhibition(
        by=actor_of(request), now=utc_now(), inhibition_id=inhibition_id, version=version
    )


def _silence(silence_id: int) -> SilencePolicy:
    return existing(SilencePolicy.objects.filter(pk=silence_id).first(), "There is no such silence policy.")


def _silence_out(row: SilencePolicy) -> SilenceOut:
    names = set(SilenceOut.model_fields) - {"id", "uuid", "is_in_force"}
    is_in_force = row.is_enabled and times_of(row).in_force(utc_now())
    return SilenceOut(id=row.pk, uuid=str(row.uuid), is_in_force=is_in_force, **taken(row, names))


def _inhibition(inhibition_id: int) -> Inhibition:
    return existing(Inhibition.objects.filter(pk=inhibition_id).first(), "There is no such inhibition.")


def _inhibition_out(row: Inhibition) -> InhibitionOut:
    return InhibitionOut(id=row.pk, **taken(row, set(InhibitionOut.model_fields) - {"id"}))
