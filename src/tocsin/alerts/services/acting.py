"""What people do to alerts. `how` says by what: "" the console, "key", "link", "text" (a reply), "button-lark" (on a
robot's message there)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tocsin.accounts.audit import Action, record
from tocsin.alerts.models import Alert, AlertEvent
from tocsin.alerts.rules import (
    ActivityKind,
    AlertState,
    Clocks,
    EscalationState,
    advanced,
    clocks_from_json,
    has_next,
    reopens_after,
)
from tocsin.alerts.services.activities import NewActivity, record_activities
from tocsin.contacts.models import Contact
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError
from tocsin.events.retrying import retried
from tocsin.events.rules import EventState
from tocsin.policies.queries import chains
from tocsin.policies.rules import Chain

_MAX_TEXT = 4000
_CLAIMS = (timedelta(minutes=1), timedelta(days=1))
_MUTES = (timedelta(minutes=1), timedelta(days=7))
_SAME_MUTE = timedelta(seconds=15)
_SEVERITIES = range(1, 7)


class StepTakenError(ConflictError):
    """Who asks for a step of the escalation is late; `following` is the number of the one that comes next now."""

    def __init__(self, following: int) -> None:
        self.following = following
        super().__init__(_("That step was taken already; look at the alert before you ask for the next one."))


@retried
def claim_alert(
    *, by: Actor, now: datetime, alert_id: int, how: str = "", lapses_after: timedelta | None = None
) -> Alert:
    """Somebody is on it: pending messages of what fired are no longer sent, and steps that wait for a claim stop.

    After `lapses_after` (or what the escalation policy says) the claim ends by itself and escalation goes on.
    """
    if lapses_after is not None and not _CLAIMS[0] <= lapses_after <= _CLAIMS[1]:
        raise InvalidInputError({"lapses_after": _("Choose 1 minute to 1 day.")})
    alert = _open(alert_id)
    if alert.state == AlertState.HANDLING and not (alert.lapses_at is not None and alert.lapses_at <= now):
        raise ConflictError(_("%(name)s claimed this alert already.") % {"name": alert.claimed_by})
    _advance(alert, now)
    if lapses_after is None and (chain := _chain(alert)) is not None:
        lapses_after = chain.claim_lapses_after
    alert.state, alert.claimed_at, alert.claimed_by = AlertState.HANDLING, now, by.name[:150]
    alert.handler_id = by.id if by.kind is ActorKind.USER else None
    alert.lapses_at = now + lapses_after if lapses_after is not None else None
    if alert.lapses_at is not None:
        alert.due_at = min(filter(None, (alert.due_at, alert.lapses_at)))
    data = {"lapses_at": alert.lapses_at.isoformat()} if alert.lapses_at is not None else {}
    return _write(alert, ActivityKind.CLAIMED, by, now, how, data=data)


@retried
def unclaim_alert(*, by: Actor, now: datetime, alert_id: int, how: str = "") -> Alert:
    """Nobody is on it any more: repeats and escalation go on."""
    alert = _locked(alert_id)
    if alert.state != AlertState.HANDLING:
        raise ConflictError(_("Nobody has claimed this alert."))
    _advance(alert, now)
    _end_claim(alert, by, now)
    return _write(alert, ActivityKind.UNCLAIMED, by, now, how)


@retried
def resolve_alert(*, by: Actor, now: datetime, alert_id: int, text: str = "", how: str = "") -> Alert:
    """Closed by hand, with the solution in `text`. Opens again later when its events still fire (`reopens_after`)."""
    text = _clean(text)
    alert = _open(alert_id)
    _advance(alert, now)
    alert.state, alert.resolved_at, alert.resolved_by = AlertState.RESOLVED, now, by.name[:150]
    alert.lapses_at, alert.muted_until = None, None
    alert.asked = {what: wish for what, wish in alert.asked.items() if what == "assign"}  # it is still theirs
    alert.due_at = now + reopens_after(alert.policy_version.repeat_seconds)
    return _write(alert, ActivityKind.RESOLVED, by, now, how, text)


@retried
def reopen_alert(*, by: Actor, now: datetime, alert_id: int, how: str = "") -> Alert:
    """It was resolved too early: escalation begins anew, and who has heard nothing because of that is told now.

    ConflictError when nothing of it fires any more.
    """
    alert = _locked(alert_id)
    if alert.state != AlertState.RESOLVED:
        raise ConflictError(_("This alert is open."))
    states = Counter(AlertEvent.objects.filter(alert=alert).values_list("event__state", flat=True))
    active = states[EventState.ACTIVE]
    if not active and states[EventState.SILENCED]:
        raise ConflictError(_("What still fires here is silenced; when that ends there is a new alert."))
    if not active:
        raise ConflictError(_("All its events have recovered; when one fires again there is a new alert."))
    alert.state, alert.resolved_at, alert.resolved_by = AlertState.PENDING, None, ""
    alert.claimed_at, alert.claimed_by, alert.handler_id = None, "", None
    alert.escalation = Clocks(now).as_json()
    alert.asked = {**alert.asked, "reopen": {"by": by.name}}
    alert.due_at = now
    try:
        with transaction.atomic():
            return _write(alert, ActivityKind.REOPENED, by, now, how, data={"active": active})
    except IntegrityError:
        raise ConflictError(_("A newer alert of the same group is open.")) from None


@retried
def comment_alert(*, by: Actor, now: datetime, alert_id: int, text: str, how: str = "") -> Alert:
    """A note on the timeline."""
    text = _clean(text)
    if not text:
        raise InvalidInputError({"text": _("Write something first.")})
    return _write(_locked(alert_id), ActivityKind.COMMENTED, by, now, how, text)


@retried
def assign_alert(*, by: Actor, now: datetime, alert_id: int, contact_id: int, how: str = "") -> Alert:
    """Gives it to a contact, who is told. A claim ends; escalation goes on until the contact claims it."""
    contact = Contact.objects.filter(pk=contact_id).only("pk", "name").first()
    if contact is None:
        raise InvalidInputError({"contact": _("There is no such contact; it may have been deleted.")})
    alert = _open(alert_id)
    _advance(alert, now)
    if alert.state == AlertState.HANDLING:
        _end_claim(alert, by, now)
    alert.assigned_to_id, alert.assigned_name = contact.pk, contact.name
    alert.asked = {**alert.asked, "assign": {"by": by.name}}
    _hurry(alert, now)
    return _write(alert, ActivityKind.ASSIGNED, by, now, how, data={"to": contact.name})


@retried
def change_severity(*, by: Actor, now: datetime, alert_id: int, severity: int, how: str = "") -> Alert:
    """From now on it counts as P1 to P6, whatever its events say."""
    if severity not in _SEVERITIES:
        raise InvalidInputError({"severity": _("Choose P1 to P6.")})
    alert = _open(alert_id)
    if severity == alert.severity and alert.chosen_severity is not None:
        return alert
    before = alert.severity
    alert.severity = alert.chosen_severity = severity
    _hurry(alert, now)  # what waits may be urgent now
    return _write(alert, ActivityKind.SEVERITY_CHANGED, by, now, how, data={"from": before, "to": severity})


@retried
def mute_alert(*, by: Actor, now: datetime, alert_id: int, lasts: timedelta, how: str = "") -> Alert:
    """No message of this alert until then; ends by itself. What fires meanwhile is told afterwards.

    The same once more within seconds changes nothing: a press that was delivered twice is one.
    """
    if not _MUTES[0] <= lasts <= _MUTES[1]:
        raise InvalidInputError({"lasts": _("Choose 1 minute to 7 days.")})
    alert = _open(alert_id)
    if alert.muted_until is not None and abs(now + lasts - alert.muted_until) < _SAME_MUTE:
        return alert
    _advance(alert, now)
    alert.muted_until = now + lasts
    alert.due_at = min(filter(None, (alert.due_at, alert.muted_until)))
    return _write(alert, ActivityKind.MUTED, by, now, how, data={"until": alert.muted_until.isoformat()})


@retried
def unmute_alert(*, by: Actor, now: datetime, alert_id: int, how: str = "") -> Alert:
    """Messages go out again; what was held back by the mute is told now, once."""
    alert = _open(alert_id)
    if alert.muted_until is None or alert.muted_until <= now:
        raise ConflictError(_("This alert is not muted."))
    _advance(alert, now)
    alert.muted_until = None
    alert.asked = {**alert.asked, "unmute": {"by": by.name}}
    _hurry(alert, now)
    return _write(alert, ActivityKind.UNMUTED, by, now, how)


@retried
def escalate_alert(*, by: Actor, now: datetime, alert_id: int, how: str = "", seen: int | None = None) -> Alert:
    """The next step of the escalation now, also when somebody has claimed the alert.

    `seen`: the alert's `escalated_count` as whoever asks knew it; when it went on since, StepTakenError. None: whatever
    comes next. Who asks while somebody's wish still waits gets ConflictError.
    """
    alert = _open(alert_id)
    if alert.muted_until is not None and alert.muted_until > now:
        raise ConflictError(_("This alert is muted; let it speak first."))
    chain = _chain(alert)
    if chain is None:
        raise ConflictError(_("The notification policy of this alert has no escalation."))
    state = EscalationState(
        chain, clocks_from_json(alert.escalation), AlertState(alert.state), alert.muted_until, alert.lapses_at
    )
    if not has_next(state, now):
        raise ConflictError(_("Every step of the escalation was taken."))
    if seen is not None and alert.escalated_count > seen:
        raise StepTakenError(following=alert.escalated_count + 1)
    if seen is not None and alert.escalated_count < seen:
        raise ConflictError(_("It was not escalated as often as you say; look at the alert before you ask again."))
    if "escalate" in alert.asked:
        raise ConflictError(_("%(name)s has asked for the next step already.") % {"name": alert.asker("escalate")})
    alert.asked = {**alert.asked, "escalate": {"by": by.name}}
    alert.due_at = now
    return _write(alert, ActivityKind.ASKED, by, now, how)


def _locked(alert_id: int) -> Alert:
    alert = (
        Alert.objects.select_for_update(no_key=True, of=("self",))
        .select_related("policy_version")
        .filter(pk=alert_id)
        .first()
    )
    if alert is None:
        raise NotFoundError(_("There is no such alert."))
    return alert


def _open(alert_id: int) -> Alert:
    alert = _locked(alert_id)
    if alert.state == AlertState.RESOLVED:
        raise ConflictError(_("This alert is already resolved."))
    return alert


def _chain(alert: Alert) -> Chain | None:
    escalation_id = alert.policy_version.escalation_id
    return chains([escalation_id]).get(escalation_id) if escalation_id is not None else None


def _advance(alert: Alert, now: datetime) -> None:
    """Before the state changes: the time so far counts as what it was."""
    clocks = clocks_from_json(alert.escalation)
    if clocks is not None:
        state = AlertState(alert.state)
        moved = advanced(clocks, now, state, muted_until=alert.muted_until, lapses_at=alert.lapses_at)
        alert.escalation = moved.as_json()


def _end_claim(alert: Alert, by: Actor, now: datetime) -> None:
    """Who has heard nothing because of it is told now."""
    alert.state, alert.claimed_at, alert.claimed_by, alert.handler_id = AlertState.PENDING, None, "", None
    alert.lapses_at = None
    alert.asked = {**alert.asked, "unclaim": {"by": by.name}}
    _hurry(alert, now)


def _hurry(alert: Alert, now: datetime) -> None:
    """Decide now, unless the first message still waits for its group."""
    if alert.notified_at is not None or alert.due_at is None:
        alert.due_at = now


def _clean(text: str) -> str:
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise InvalidInputError({"text": _("Keep it under %(count)d characters.") % {"count": _MAX_TEXT}})
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInputError({"text": _("This holds a character that cannot be stored.")})
    return text


_FIELDS = (
    "state", "claimed_at", "claimed_by", "handler", "lapses_at", "resolved_at", "resolved_by", "due_at", "muted_until",
    "severity", "chosen_severity", "assigned_to", "assigned_name", "escalation", "asked", "changed_at",
)  # fmt: skip


def _write(
    alert: Alert,
    kind: ActivityKind,
    by: Actor,
    now: datetime,
    how: str,
    text: str = "",
    data: Mapping[str, Any] | None = None,
) -> Alert:
    alert.changed_at = now
    alert.save(update_fields=_FIELDS)
    told = {**(data or {}), **({"how": how} if how else {}), **({"through": by.through} if by.through else {})}
    record_activities([NewActivity(alert.pk, kind, by.name, text, told)], at=now)
    record(by=by, action=Action.UPDATE, instance=alert, changes={"state": ("", alert.state)}, note=kind.value)
    return alert
