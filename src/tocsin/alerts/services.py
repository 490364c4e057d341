"""What people do to alerts, and what is written down of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from tocsin.accounts.audit import Action, record
from tocsin.alerts.models import Alert
from tocsin.alerts.rules import ActivityKind, AlertState, reopens_after
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError
from tocsin.events.retrying import retried
from tocsin.events.statements import run

_MAX_TEXT = 4000
_RECORD = """
INSERT INTO alerts_activity (alert_id, kind, at, actor, text, data)
SELECT u.alert_id, u.kind, %(at)s, u.actor, u.text, u.data
FROM json_to_recordset(%(rows)s) AS u (alert_id bigint, kind text, actor text, text text, data jsonb)
"""


@dataclass(frozen=True, slots=True)
class NewActivity:
    """An entry to be written. `data` is JSON and holds what the kind needs to be told in the reader's language."""

    alert_id: int
    kind: ActivityKind
    actor: str = ""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def record_activities(entries: Iterable[NewActivity], *, at: datetime) -> None:
    """Appends to timelines, in one statement."""
    rows = [
        {
            "alert_id": entry.alert_id,
            "kind": entry.kind,
            "actor": entry.actor[:150],
            "text": entry.text,
            "data": entry.data,
        }
        for entry in entries
    ]
    if rows:
        run(_RECORD, {"rows": msgspec.json.encode(rows, enc_hook=str.__str__).decode(), "at": at})


@retried
def claim_alert(*, by: Actor, now: datetime, alert_id: int, how: str = "") -> Alert:
    """Somebody is on it: pending messages of what fired are no longer sent. `how` says by what (a pressed key)."""
    alert = _locked(alert_id)
    if alert.state == AlertState.RESOLVED:
        raise ConflictError(_("This alert is already resolved."))
    if alert.state == AlertState.HANDLING:
        raise ConflictError(_("%(name)s claimed this alert already.") % {"name": alert.claimed_by})
    alert.state, alert.claimed_at, alert.claimed_by = AlertState.HANDLING, now, by.name
    alert.handler_id = by.id if by.kind is ActorKind.USER else None
    alert.save(update_fields=["state", "claimed_at", "claimed_by", "handler"])
    _write(alert, ActivityKind.CLAIMED, by, now, data={"how": how} if how else {})
    return alert


@retried
def unclaim_alert(*, by: Actor, now: datetime, alert_id: int) -> Alert:
    """Nobody is on it any more."""
    alert = _locked(alert_id)
    if alert.state != AlertState.HANDLING:
        raise ConflictError(_("Nobody has claimed this alert."))
    alert.state, alert.claimed_at, alert.claimed_by, alert.handler_id = AlertState.PENDING, None, "", None
    if alert.notified_at is not None:
        alert.due_at = now  # what the claim stopped goes on
    alert.save(update_fields=["state", "claimed_at", "claimed_by", "handler", "due_at"])
    _write(alert, ActivityKind.UNCLAIMED, by, now)
    return alert


@retried
def resolve_alert(*, by: Actor, now: datetime, alert_id: int, text: str = "", how: str = "") -> Alert:
    """Closed by hand, with the solution in `text`. Opens again later when its events still fire (`reopens_after`).

    `how` says by what (a pressed key).
    """
    text = _clean(text)
    alert = _locked(alert_id)
    if alert.state == AlertState.RESOLVED:
        raise ConflictError(_("This alert is already resolved."))
    alert.state, alert.resolved_at, alert.resolved_by = AlertState.RESOLVED, now, by.name
    alert.due_at = now + reopens_after(alert.policy_version.repeat_seconds)
    alert.save(update_fields=["state", "resolved_at", "resolved_by", "due_at"])
    _write(alert, ActivityKind.RESOLVED, by, now, text, data={"how": how} if how else {})
    return alert


@retried
def comment_alert(*, by: Actor, now: datetime, alert_id: int, text: str) -> Alert:
    """A note on the timeline."""
    text = _clean(text)
    if not text:
        raise InvalidInputError({"text": _("Write something first.")})
    alert = _locked(alert_id)
    _write(alert, ActivityKind.COMMENTED, by, now, text)
    return alert


def _locked(alert_id: int) -> Alert:
    alert = Alert.objects.select_for_update(no_key=True).filter(pk=alert_id).first()
    if alert is None:
        raise NotFoundError(_("There is no such alert."))
    return alert


def _clean(text: str) -> str:
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise InvalidInputError({"text": _("Keep it under %(count)d characters.") % {"count": _MAX_TEXT}})
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInputError({"text": _("This holds a character that cannot be stored.")})
    return text


def _write(
    alert: Alert, kind: ActivityKind, by: Actor, now: datetime, text: str = "", data: Mapping[str, Any] | None = None
) -> None:
    record_activities([NewActivity(alert.pk, kind, by.name, text, data or {})], at=now)
    record(by=by, action=Action.UPDATE, instance=alert, changes={"state": ("", alert.state)}, note=kind.value)
