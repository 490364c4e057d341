"""An alert's story in order: what happened to it, who was told, by what, with which text, and why somebody was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tocsin.alerts.models import Activity
from tocsin.alerts.rules import ActivityKind
from tocsin.channels.groups import Note
from tocsin.channels.kinds import CHANNEL_TITLES, PERSONAL_CHANNELS, Channel
from tocsin.core.sentences import translated
from tocsin.delivery.acts import act_title
from tocsin.delivery.models import Attempt, Delivery, Posting, Receipt
from tocsin.delivery.notes import described
from tocsin.delivery.rules import REASON_TEXTS, Cause, DeliveryState, Reason
from tocsin.delivery.rules.told import FOUND

_MOST = 2000


class Level(StrEnum):
    """How much an entry should worry the reader."""

    NEUTRAL = "neutral"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to one delivery: an attempt or a receipt."""

    at: datetime
    text: str
    level: Level
    account: str = ""
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """`kind` is an ActivityKind's value or "delivery". Only deliveries have the fields from `channel` on."""

    at: datetime
    kind: str
    title: str
    level: Level
    actor: str = ""
    text: str = ""
    reasons: Sequence[str] = ()
    delivery_id: int | None = None
    channel: str = ""
    recipient: str = ""
    recipient_id: int | None = None
    address_masked: str = ""
    state: str = ""
    reason: str = ""
    detail: str = ""
    message: str = ""
    is_fallback: bool = False
    stands_for: int = 1
    steps: Sequence[Step] = field(default_factory=tuple)


def timeline(alert_id: int, *, limit: int = _MOST) -> list[TimelineEntry]:
    """Oldest first; at most `limit` activities and `limit` deliveries (the newest), in five statements."""
    activities = list(Activity.objects.filter(alert_id=alert_id).order_by("-at", "-id")[:limit])
    deliveries = list(
        Delivery.objects.filter(notification__alert_id=alert_id)
        .select_related("content", "notification", "account")
        .order_by("-id")[:limit]
    )
    ids = [delivery.pk for delivery in deliveries]
    steps: dict[int, list[Step]] = {pk: [] for pk in ids}
    for attempt in Attempt.objects.filter(delivery_id__in=ids).order_by("id"):
        steps[attempt.delivery_id].append(_attempt_step(attempt))
    for receipt in Receipt.objects.filter(delivery_id__in=ids).order_by("id"):
        steps[receipt.delivery_id or 0].append(_receipt_step(receipt))
    for posting in Posting.objects.filter(delivery_id__in=ids):
        steps[posting.delivery_id] += _posting_steps(posting)
    entries = [(activity.at, 0, activity.pk, _activity_entry(activity)) for activity in activities]
    entries += [
        (delivery.planned_at, 1, delivery.pk, delivery_entry(delivery, steps[delivery.pk])) for delivery in deliveries
    ]
    return [entry for *_order, entry in sorted(entries, key=lambda item: item[:3])]


def delivery_entry(delivery: Delivery, steps: Sequence[Step] = ()) -> TimelineEntry:
    """One delivery as a timeline shows it."""
    reasons = [_(REASON_TEXTS[Reason(delivery.reason)])] if delivery.reason else []
    if delivery.state in _WENT_OUT and any(step.is_ambiguous for step in steps):
        reasons.append(_("an earlier try is ambiguous, so it may have arrived twice"))
    if delivery.asked_count:
        reasons.append(
            ngettext(
                "no receipt had come, so the provider was asked %(count)d time",
                "no receipt had come, so the provider was asked %(count)d times",
                delivery.asked_count,
            )
            % {"count": delivery.asked_count}
        )
    return TimelineEntry(
        at=delivery.planned_at,
        kind="delivery",
        title=state_title(delivery),
        level=_LEVELS[DeliveryState(delivery.state)],
        reasons=tuple(reasons),
        delivery_id=delivery.pk,
        channel=delivery.channel,
        recipient=delivery.recipient_name,
        recipient_id=delivery.recipient_id,
        address_masked=delivery.address_masked,
        state=delivery.state,
        reason=delivery.reason,
        detail=translated(delivery.detail, _),
        message=(delivery.content.subject + "\n" + delivery.content.text).strip() if delivery.content else "",
        is_fallback=delivery.fallback_of_id is not None,
        stands_for=delivery.stands_for,
        steps=sorted(steps, key=lambda step: step.at),
    )


_WENT_OUT = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)
_LEVELS = {
    DeliveryState.PLANNED: Level.NEUTRAL,
    DeliveryState.HELD: Level.WARNING,
    DeliveryState.SENDING: Level.NEUTRAL,
    DeliveryState.ACCEPTED: Level.GOOD,
    DeliveryState.DELIVERED: Level.GOOD,
    DeliveryState.FAILED: Level.BAD,
    DeliveryState.AMBIGUOUS: Level.WARNING,
    DeliveryState.SKIPPED: Level.WARNING,
    DeliveryState.MERGED: Level.NEUTRAL,
    DeliveryState.CANCELLED: Level.WARNING,
}


_WAITS = (Reason.OUTSIDE_WINDOW, Reason.MUTED)


def state_title(delivery: Delivery) -> str:
    """The state in words; a pressed key and an answer say more than *delivered*."""
    if delivery.pressed_key:
        return _("answered, pressed %(key)s") % {"key": delivery.pressed_key}
    if delivery.answer == "answered":
        return _("answered")
    if delivery.state == DeliveryState.PLANNED and delivery.reason in _WAITS and delivery.next_at:
        opens = date_format(timezone.localtime(delivery.next_at), "SHORT_DATETIME_FORMAT")
        return _("waits until %(time)s") % {"time": opens}
    if delivery.channel == Channel.PHONE and delivery.state == DeliveryState.ACCEPTED and delivery.deadline_at:
        return _("ringing")
    if delivery.state == DeliveryState.ACCEPTED and delivery.channel not in PERSONAL_CHANNELS:
        return _("sent, unconfirmed")  # a group's message that its platform proves is delivered at once
    return {
        DeliveryState.PLANNED: _("waiting"),
        DeliveryState.HELD: _("held by a limit"),
        DeliveryState.SENDING: _("being sent"),
        DeliveryState.ACCEPTED: _("sent"),
        DeliveryState.DELIVERED: _("delivered"),
        DeliveryState.FAILED: _("failed"),
        DeliveryState.AMBIGUOUS: _("ambiguous: it may or may not have gone out"),
        DeliveryState.SKIPPED: _("not sent"),
        DeliveryState.MERGED: _("merged into another message"),
        DeliveryState.CANCELLED: _("cancelled"),
    }[DeliveryState(delivery.state)]


def _attempt_step(attempt: Attempt) -> Step:
    is_good = attempt.outcome == "accepted"
    words = {
        "accepted": _("accepted by the provider"),
        "rate_limited": _("refused: too many messages"),
        "transient": _("failed, and may work later"),
        "permanent_target": _("refused: this address cannot be reached"),
        "permanent_config": _("refused: the account or robot is set up wrongly"),
        "ambiguous": _("ambiguous: no reply came"),
    }[attempt.outcome]
    if is_good and attempt.code == FOUND:
        words = _("the provider had taken the try before, and nothing was sent again")
    told = ": ".join(filter(None, [attempt.code, translated(attempt.detail, _)])) if not is_good else ""
    if is_good and attempt.code in set(Note):
        told = translated(attempt.detail, _)
    text = _("try %(number)d: %(words)s") % {"number": attempt.number, "words": words}
    if attempt.passed_over:
        passed = "; ".join(translated(text, _) for text in attempt.passed_over.splitlines())
        text += " " + _("(instead of the account that comes first: %(passed)s)") % {"passed": passed}
    level = Level.GOOD if is_good else Level.WARNING if attempt.outcome == "ambiguous" else Level.BAD
    return Step(
        at=attempt.finished_at,
        text=f"{text} ({told})" if told else text,
        level=level,
        account=attempt.account_name,
        is_ambiguous=attempt.outcome == "ambiguous",
    )


def _receipt_step(receipt: Receipt) -> Step:
    words = {
        "queued": _("queued by the provider"),
        "delivered": _("delivered"),
        "failed": _("not delivered"),
        "bounced": _("came back: the address takes no mail"),
        "answered": _("answered"),
        "busy": _("busy"),
        "no_answer": _("nobody answered"),
        "rejected": _("rejected"),
        "unreachable": _("unreachable"),
        "machine": _("a machine answered"),
        "key_pressed": _("key %(key)s pressed") % {"key": receipt.key},
    }[receipt.status]
    text = _("receipt: %(words)s") % {"words": words}
    if receipt.effect == "late":
        text += " " + _("(late: it changed nothing)")
    if receipt.effect == "part":
        text += " " + _("(one part; others of the same message are waited for)")
    if receipt.count > 1:
        text += " " + _("(received %(count)d times)") % {"count": receipt.count}
    is_good = receipt.status in ("delivered", "answered", "key_pressed")
    level = Level.GOOD if is_good else Level.NEUTRAL if receipt.status == "queued" else Level.BAD
    return Step(receipt.received_at, text, level)


def _posting_steps(posting: Posting) -> list[Step]:
    """What became of a message that shows how its alert fares."""
    found = []
    if posting.changed_at is not None:
        text = ngettext(
            "changed in the group, %(count)d time", "changed in the group, %(count)d times", posting.changes
        ) % {"count": posting.changes}
        found.append(Step(posting.changed_at, text, Level.GOOD))
    if posting.failed_at is not None and posting.failure:
        waits = posting.due_at is not None and not posting.is_over
        words = _("not changed in the group yet") if waits else _("could not be changed in the group")
        found.append(Step(posting.failed_at, f"{words} ({translated(posting.failure, _)})", Level.WARNING))
    return found


_WARNINGS = frozenset(
    {ActivityKind.NOT_TOLD, ActivityKind.CLAIM_LAPSED, ActivityKind.PASSED_OVER, ActivityKind.TEMPLATE_FAILED}
)


def _activity_entry(activity: Activity) -> TimelineEntry:
    kind, data = ActivityKind(activity.kind), activity.data
    title, level = _activity_title(kind, activity), Level.NEUTRAL
    if kind in (ActivityKind.NOBODY_TOLD, ActivityKind.PLANNING_FAILED):
        level = Level.BAD
    elif kind in _WARNINGS:
        level = Level.WARNING
    elif kind in (ActivityKind.RESOLVED, ActivityKind.CLAIMED):
        level = Level.GOOD
    reasons = [_reason_line(item) for item in data.get("reasons", ())]
    more = data.get("count", 0) - len(reasons) if reasons else 0
    if more > 0:
        reasons.append(ngettext("... and %(count)d more", "... and %(count)d more", more) % {"count": more})
    return TimelineEntry(activity.at, activity.kind, title, level, activity.actor, activity.text, reasons)


def _reason_line(item: dict[str, str]) -> str:
    who = " ".join(filter(None, [item.get("name", ""), f"({item['channel']})" if item.get("channel") else ""]))
    text = _(REASON_TEXTS[Reason(item["reason"])])
    return f"{who}: {text}" if who else text


def _activity_title(kind: ActivityKind, activity: Activity) -> str:
    data, actor = activity.data, activity.actor
    match kind:
        case ActivityKind.OPENED:
            return _("Alert opened")
        case ActivityKind.EVENTS_RECOVERED:
            return _("Some events recovered; %(active)d still active") % {"active": data.get("active", 0)}
        case ActivityKind.NOTIFIED:
            count = data.get("messages", 0)
            text = ngettext(
                "Notification (%(cause)s): %(messages)d message planned",
                "Notification (%(cause)s): %(messages)d messages planned",
                count,
            )
            return text % {"cause": _why(data), "messages": count}
        case ActivityKind.NOBODY_TOLD:
            return _("Notification (%(cause)s): nobody could be told") % {"cause": _why(data)}
        case ActivityKind.NOT_TOLD:
            if not data.get("reasons"):
                return _("Everybody can be told now")
            return _("Not told, and why")
        case ActivityKind.SILENCED:
            return _("Silenced by %(name)s") % {"name": data.get("by", "")}
        case ActivityKind.UNSILENCED:
            return _("No longer silenced")
        case ActivityKind.HOURS_BEGAN if data.get("after") == "mute":
            return _("The mute is over: what waited is planned again")
        case ActivityKind.HOURS_BEGAN if data.get("after") == "urgent":
            return _("It is urgent by now: what waited for the hours of the policy is planned again")
        case ActivityKind.HOURS_BEGAN if data.get("after") == "cap":
            return _("It is P1 by now: what the cap of a person held back is planned again")
        case ActivityKind.HOURS_BEGAN:
            return _("The hours of the policy begin: what waited is planned again")
        case ActivityKind.RESOLVED if data.get("by") == "shadow":
            return _("Ended: the policy is no longer in shadow")
        case ActivityKind.TEMPLATE_FAILED:
            channel = _(CHANNEL_TITLES[data["channel"]])
            text = _("%(channel)s: the policy's template failed, so the built-in text went out: %(problem)s")
            return text % {"channel": channel, "problem": translated(data["problem"], _)}
        case ActivityKind.PLANNING_FAILED:
            text = _("It cannot be planned and is tried again; nobody is told until that works: %(problem)s")
            return text % {"problem": data["problem"]}
        case ActivityKind.POLICY_APPLIED:
            text = _("%(name)s applied version %(to)d of the policy, instead of version %(from)d")
            return text % {"name": actor, "to": data["to"], "from": data["from"]}
        case _:
            return act_title(kind, actor, data)


def _why(data: Mapping[str, Any]) -> str:
    """Of a step of an escalation its number and what it waited for."""
    cause = Cause(data["cause"])
    if not (note := data.get("note")):
        return cause_title(cause)
    if cause is Cause.ASSIGNED:
        return _("assigned by %(name)s") % {"name": note.get("by", "")}
    return _("step %(number)d, %(why)s") % {"number": note.get("step", 0), "why": described(note, cause)}


def cause_title(cause: Cause) -> str:
    return {
        Cause.FIRED: _("fired"),
        Cause.ADDED: _("more events"),
        Cause.REPEATED: _("repeated"),
        Cause.ESCALATED: _("escalated"),
        Cause.ASSIGNED: _("assigned"),
        Cause.RECOVERED: _("recovered"),
    }[cause]
