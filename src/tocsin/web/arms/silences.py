"""Silence policies: `CreateOrUpdateSilencePolicy`, `ListSilencePolicies`, `DeleteSilencePolicy`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from msgspec import UNSET, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.core.errors import existing
from tocsin.policies.models import SilencePolicy
from tocsin.policies.rules.silencing import Effect
from tocsin.policies.services.silences import create_silence, delete_silence, save_silence
from tocsin.web.arms.conditions import read_rules, shown_rules
from tocsin.web.arms.errors import invalid, missing
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import among, page_of
from tocsin.web.arms.parameters import Id, Paged, Part, Request, given, read_json
from tocsin.web.arms.policies import read_state

_MOMENT = "%Y-%m-%d %H:%M"
_PERMANENT, _CUSTOM, _CYCLE = "PERMANENT", "CUSTOM_TIME", "CYCLE_EFFECT"
_PERIODS = {"DAY": Effect.DAILY, "WEEK": Effect.WEEKLY}
_NAMES_OF = {effect.value: name for name, effect in _PERIODS.items()}
NAMES = {
    "name": "Name",
    "rules": "MatchingRules",
    "effect": "EffectiveTimeType",
    "starts_at": "TimeSlots",
    "ends_at": "TimeSlots",
    "windows": "TimeSlots",
}


class CreateOrUpdateSilencePolicy(Request):
    name: str
    id: Id | UnsetType = UNSET
    matching_rules: str | UnsetType = UNSET
    effective_time_type: str | UnsetType = UNSET
    time_period: str | UnsetType = UNSET
    time_slots: str | UnsetType = UNSET
    state: str | UnsetType = UNSET


class _Slot(Part):
    start_time: str | int = ""
    end_time: str | int = ""
    start_week: str | int = 0
    end_week: str | int = 0


class DeleteSilencePolicy(Request):
    id: Id


class ListSilencePolicies(Paged):
    name: str = ""
    is_detail: bool = False


def create_or_update(asked: CreateOrUpdateSilencePolicy, caller: Caller) -> Answer:
    """What is omitted stays."""
    before = None
    if asked.id is not UNSET:
        before = existing(SilencePolicy.objects.filter(pk=asked.id).first(), "There is no such silence policy.")
    is_enabled = read_state(given(asked.state))
    content: dict[str, Any] = {
        "name": asked.name,
        "rules": read_rules("MatchingRules", asked.matching_rules)
        if asked.matching_rules is not UNSET
        else before.rules
        if before is not None
        else [],
        **_times(asked, before),
    }
    if before is None:
        silence = create_silence(by=caller.by, now=caller.now, is_enabled=is_enabled is not False, **content)
    else:
        silence = save_silence(
            by=caller.by,
            now=caller.now,
            silence_id=before.pk,
            version=before.version,
            comment=before.comment,
            is_enabled=before.is_enabled if is_enabled is None else is_enabled,
            **content,
        )
    return {"SilencePolicy": _shown(silence, is_whole=True)}


def list_policies(asked: ListSilencePolicies, caller: Caller) -> Answer:
    found = among(SilencePolicy.objects.order_by("pk"), asked.name)

    def shown(rows: Sequence[SilencePolicy]) -> list[dict[str, Any]]:
        return [_shown(row, is_whole=asked.is_detail) for row in rows]

    return page_of(found, asked, "SilencePolicies", shown)


def delete(asked: DeleteSilencePolicy, caller: Caller) -> Answer:
    delete_silence(by=caller.by, now=caller.now, silence_id=asked.id)
    return {"IsSuccess": True}


def _times(asked: CreateOrUpdateSilencePolicy, before: SilencePolicy | None) -> dict[str, Any]:
    """When it is in force, by the installation's clocks; the stored times when the type is omitted."""
    zone = before.time_zone if before is not None else settings.TIME_ZONE
    if asked.effective_time_type is UNSET:
        if before is None:
            return {"effect": Effect.ALWAYS, "time_zone": zone}
        if asked.time_slots is UNSET and asked.time_period is UNSET:
            return {
                "effect": before.effect,
                "starts_at": before.starts_at,
                "ends_at": before.ends_at,
                "windows": before.windows,
                "time_zone": zone,
            }
        kind = _type_of(before)
    else:
        kind = asked.effective_time_type
    if kind == _PERMANENT:
        return {"effect": Effect.ALWAYS, "time_zone": zone}
    if kind not in (_CUSTOM, _CYCLE):
        raise invalid("EffectiveTimeType", f"EffectiveTimeType is {_PERMANENT}, {_CUSTOM} or {_CYCLE}.")
    if not asked.time_slots:
        raise missing("TimeSlots")
    slots = read_json("TimeSlots", asked.time_slots, list[_Slot])
    if kind == _CUSTOM:
        if len(slots) != 1:
            raise invalid("TimeSlots", "Name one period; several are several silence policies.")
        times = (slots[0].start_time, slots[0].end_time)
        starts_at, ends_at = (_moment(at, zone) for at in times)
        if before is not None and before.effect == Effect.PERIOD and times == _shown_period(before):
            starts_at, ends_at = before.starts_at or starts_at, before.ends_at or ends_at  # to the second, as they were
        return {"effect": Effect.PERIOD, "starts_at": starts_at, "ends_at": ends_at, "time_zone": zone}
    period = asked.time_period if asked.time_period is not UNSET else before and _period_of(before)
    if not period:
        raise missing("TimePeriod")
    if period not in _PERIODS:
        raise invalid("TimePeriod", "TimePeriod is DAY or WEEK.")
    return {"effect": _PERIODS[period], "windows": [_window(slot) for slot in slots], "time_zone": zone}


def _window(slot: _Slot) -> dict[str, object]:
    days = {"day": slot.start_week, "end_day": slot.end_week}
    if not all(str(day).isdecimal() for day in days.values()):
        raise invalid("TimeSlots", "startWeek and endWeek are 1 (Monday) to 7.")
    return {"start": str(slot.start_time), "end": str(slot.end_time), **days}


def _moment(text: object, zone: str) -> datetime:
    for shape in (_MOMENT, f"{_MOMENT}:%S"):
        try:
            return datetime.strptime(str(text), shape).replace(tzinfo=ZoneInfo(zone))
        except ValueError:
            continue
    raise invalid("TimeSlots", "startTime and endTime are moments like 2026-12-24 18:00.")


def _type_of(silence: SilencePolicy) -> str:
    return {Effect.ALWAYS: _PERMANENT, Effect.PERIOD: _CUSTOM}.get(Effect(silence.effect), _CYCLE)


def _period_of(silence: SilencePolicy) -> str:
    return _NAMES_OF.get(silence.effect, "")


def _shown(silence: SilencePolicy, *, is_whole: bool) -> dict[str, Any]:
    basics = {
        "Id": silence.pk,
        "Name": silence.name,
        "State": "enable" if silence.is_enabled else "disable",
        "EffectiveTimeType": _type_of(silence),
        "TimePeriod": _period_of(silence),
    }
    if not is_whole:
        return basics
    return {**basics, "TimeSlots": json.dumps(_slots(silence)), "MatchingRules": shown_rules(silence.rules)}


def _slots(silence: SilencePolicy) -> list[dict[str, str]]:
    match silence.effect:
        case Effect.PERIOD:
            starts, ends = _shown_period(silence)
            return [{"startTime": starts, "endTime": ends}]
        case Effect.DAILY:
            return [{"startTime": window["start"], "endTime": window["end"]} for window in silence.windows]
        case Effect.WEEKLY:
            return [
                {
                    "startWeek": str(window["day"]),
                    "endWeek": str(window["end_day"]),
                    "startTime": window["start"],
                    "endTime": window["end"],
                }
                for window in silence.windows
            ]
        case _:
            return []


def _shown_period(silence: SilencePolicy) -> tuple[str, str]:
    zone = ZoneInfo(silence.time_zone)
    starts, ends = (at.astimezone(zone).strftime(_MOMENT) if at else "" for at in (silence.starts_at, silence.ends_at))
    return starts, ends


OPERATIONS = (
    Operation(CreateOrUpdateSilencePolicy, Permission.MANAGE, create_or_update, NAMES),
    Operation(ListSilencePolicies, Permission.VIEW, list_policies),
    Operation(DeleteSilencePolicy, Permission.MANAGE, delete),
)
