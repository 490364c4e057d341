"""Writes of silence policies. Each leaves a re-match of what is firing, in its own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.core.actors import Actor
from tocsin.core.clock import is_keepable
from tocsin.core.errors import InvalidInputError, existing, refuse_changed
from tocsin.core.labels import text_error
from tocsin.core.storable import storable
from tocsin.events.services import request_rematch
from tocsin.events.statements import run
from tocsin.policies.locking import lock_policies_for_writing
from tocsin.policies.models import SilencePolicy
from tocsin.policies.queries.silences import times_of
from tocsin.policies.rules import Condition, parse_rules, rules_as_json
from tocsin.policies.rules.silencing import MAX_WINDOWS, Effect, parse_windows

_MAX_NAME = 64
_MAX_COMMENT = 2000
_NOTE_HIDDEN = """
INSERT INTO policies_hiddenevent AS h (silence_id, event_id, first_at, last_at, times)
SELECT n.silence_id, n.event_id, %(now)s, %(now)s, 1
FROM unnest(%(silences)s::bigint[], %(events)s::bigint[]) AS n (silence_id, event_id) ORDER BY 1, 2
ON CONFLICT (silence_id, event_id) DO UPDATE SET last_at = excluded.last_at, times = h.times + 1
"""

Typed = Iterable[Iterable[Condition | Mapping[str, Any]]]


def create_silence(
    *,
    by: Actor,
    now: datetime,
    name: str,
    rules: Typed,
    comment: str = "",
    effect: str = Effect.ALWAYS,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    windows: Sequence[Mapping[str, object]] = (),
    time_zone: str = "",
    is_enabled: bool = True,
    author: str = "",
) -> SilencePolicy:
    """What matches is silenced at once, also what fires already. InvalidInputError names the field.

    At least one rule is asked for: a silence without any would hide everything. `windows`: mappings with `start` and
    `end` ("hh:mm") and, for a weekly cycle, `day` and `end_day` (1, Monday, to 7). `author`: who a program says
    made it, shown instead of the program's own name; the audit log names the program.
    """
    content = _content(now, name, rules, comment, effect, starts_at, ends_at, windows, time_zone)
    with transaction.atomic():
        lock_policies_for_writing()
        silence = SilencePolicy(
            is_enabled=is_enabled, created_by=storable(author or by.name, 150), created_at=now, **content
        )
        _turn(silence, now)
        silence.save(force_insert=True)
        changes = {field: ("", value) for field, value in content.items()}
        audit.record(by=by, action=Action.CREATE, instance=silence, changes=changes)
        _rematch(silence, now)
    return silence


def save_silence(
    *,
    by: Actor,
    now: datetime,
    silence_id: int,
    version: int | None = None,
    name: str,
    rules: Typed,
    comment: str = "",
    effect: str = Effect.ALWAYS,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    windows: Sequence[Mapping[str, object]] = (),
    time_zone: str = "",
    is_enabled: bool = True,
) -> SilencePolicy:
    """Replaces the whole content; what no longer matches and still fires is told. ConflictError on a stale version."""
    content = _content(now, name, rules, comment, effect, starts_at, ends_at, windows, time_zone)
    with transaction.atomic():
        silence = _locked(silence_id, version)
        return _changed(silence, {**content, "is_enabled": is_enabled}, by, now)


def enable_silence(*, by: Actor, now: datetime, silence_id: int, version: int | None = None) -> SilencePolicy:
    with transaction.atomic():
        return _changed(_locked(silence_id, version), {"is_enabled": True}, by, now)


def end_silence(*, by: Actor, now: datetime, silence_id: int, version: int | None = None) -> SilencePolicy:
    """A period ends now, anything else is disabled; what still fires is told. Ending twice changes nothing."""
    with transaction.atomic():
        silence = _locked(silence_id, version)
        if silence.effect != Effect.PERIOD:
            return _changed(silence, {"is_enabled": False}, by, now)
        if silence.ends_at is not None and silence.ends_at <= now:
            return silence
        after: dict[str, Any] = {"ends_at": now}
        if silence.starts_at is not None and silence.starts_at > now:
            after["starts_at"] = now
        return _changed(silence, after, by, now)


def delete_silence(*, by: Actor, now: datetime, silence_id: int, version: int | None = None) -> None:
    """What it hid and still fires is told; the list of what it hid goes with it."""
    with transaction.atomic():
        silence = _locked(silence_id, version)
        audit.record(by=by, action=Action.DELETE, instance=silence)
        _rematch(silence, now)
        silence.delete()


def turn_silences(now: datetime, limit: int = 100) -> int:
    """Silences that have begun or ended by themselves: what fires is looked at again. Returns how many."""
    with transaction.atomic():
        due = SilencePolicy.objects.filter(next_change_at__lte=now).order_by("next_change_at", "id")
        if not due.exists():
            return 0
        lock_policies_for_writing()
        turned = list(due[:limit])
        for silence in turned:
            _turn(silence, now)
        SilencePolicy.objects.bulk_update(turned, ["turned_at", "next_change_at"])
        if turned:
            request_rematch(now=now, because="a silence began or ended")
    return len(turned)


def note_hidden(hidden: Sequence[tuple[int, int]], now: datetime) -> None:
    """(event, silence) of what a silence has just begun to hide."""
    if hidden:
        events, silences = zip(*hidden, strict=True)
        run(_NOTE_HIDDEN, {"events": list(events), "silences": list(silences), "now": now})


def _changed(silence: SilencePolicy, after: Mapping[str, Any], by: Actor, now: datetime) -> SilencePolicy:
    changes = {
        field: (getattr(silence, field), value) for field, value in after.items() if getattr(silence, field) != value
    }
    if not changes:
        return silence
    for field, (_before, value) in changes.items():
        setattr(silence, field, value)
    _turn(silence, now)
    silence.version += 1
    silence.save(update_fields=[*changes, "turned_at", "next_change_at", "version"])
    audit.record(by=by, action=Action.UPDATE, instance=silence, changes=changes)
    _rematch(silence, now)
    return silence


def _turn(silence: SilencePolicy, now: datetime) -> None:
    silence.turned_at = now
    silence.next_change_at = times_of(silence).next_change(now) if silence.is_enabled else None


def _rematch(silence: SilencePolicy, now: datetime) -> None:
    request_rematch(now=now, because=f"silence {silence.pk} changed")


def _locked(silence_id: int, version: int | None) -> SilencePolicy:
    lock_policies_for_writing()
    silence = existing(SilencePolicy.objects.filter(pk=silence_id).first(), _("There is no such silence policy."))
    refuse_changed(version, [silence])
    return silence


def _content(
    now: datetime,
    name: str,
    rules: Typed,
    comment: str,
    effect: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    windows: Sequence[Mapping[str, object]],
    time_zone: str,
) -> dict[str, Any]:
    name, comment = name.strip(), comment.strip()
    if not name:
        raise InvalidInputError({"name": _("Enter a name.")})
    if error := text_error(name, _MAX_NAME):
        raise InvalidInputError({"name": error})
    if error := text_error(comment, _MAX_COMMENT):
        raise InvalidInputError({"comment": error})
    parsed = parse_rules(rules)
    if not parsed:
        raise InvalidInputError({"rules": _("Name at least one condition: without any, everything would be silenced.")})
    if effect not in list(Effect):
        raise InvalidInputError({"effect": _("Choose when it is in force.")})
    zone = _clean_zone(time_zone)
    period = _clean_period(starts_at, ends_at, now) if effect == Effect.PERIOD else (None, None)
    return {
        "name": name,
        "comment": comment,
        "rules": rules_as_json(parsed),
        "effect": str(effect),
        "starts_at": period[0],
        "ends_at": period[1],
        "windows": _clean_windows(windows, Effect(effect)),
        "time_zone": zone,
    }


def _clean_zone(name: str) -> str:
    name = name.strip() or settings.TIME_ZONE
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInputError({"time_zone": _("There is no time zone with this name.")}) from error
    return name


def _clean_period(
    starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> tuple[datetime | None, datetime | None]:
    if ends_at is None:
        raise InvalidInputError({"ends_at": _("Say until when.")})
    starts_at = starts_at or now
    for field, at in (("starts_at", starts_at), ("ends_at", ends_at)):
        if not is_keepable(at):
            raise InvalidInputError({field: _("Choose a moment between the years 2000 and 2200.")})
    if ends_at <= starts_at:
        raise InvalidInputError({"ends_at": _("It must end after it begins.")})
    return starts_at, ends_at


def _clean_windows(windows: Sequence[Mapping[str, object]], effect: Effect) -> list[dict[str, str | int]]:
    if effect not in (Effect.DAILY, Effect.WEEKLY):
        return []
    try:
        parsed = parse_windows(windows, effect)
    except ValueError as error:
        wrong = str(error)
        text = _("%(text)s is no time of day.") % {"text": wrong} if wrong else _("Choose two different moments.")
        raise InvalidInputError({"windows": text}) from error
    if not parsed:
        raise InvalidInputError({"windows": _("Name at least one time.")})
    if len(parsed) > MAX_WINDOWS:
        raise InvalidInputError({"windows": _("Name %(count)d times at the most.") % {"count": MAX_WINDOWS}})
    return [window.as_json() for window in parsed]
