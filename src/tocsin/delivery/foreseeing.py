"""What comes next of open alerts if nothing happens: read from where the worker reads it, and said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, Q
from django.utils.translation import gettext as _

from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import default_fallback
from tocsin.contacts.rules import Fallback, resolved_fallback
from tocsin.delivery.models import Delivery
from tocsin.delivery.planning import is_in_force, known_facts
from tocsin.delivery.rules import Cause, DeliveryState, Purpose, Reason
from tocsin.delivery.rules.foreseeing import Ahead, Foreseen, foreseen
from tocsin.delivery.rules.sending import CALL_AGAIN_AFTER, why_not_now
from tocsin.policies.queries import PolicyView, chains, policy_versions
from tocsin.policies.rules import Chain, Moment, Until, when_to_send

_MOST_CALLS = 100
_OF_POLICY = (Cause.FIRED, Cause.ADDED, Cause.REPEATED)
_WAITS = (DeliveryState.PLANNED, DeliveryState.HELD)
_RINGS = (DeliveryState.ACCEPTED, DeliveryState.AMBIGUOUS)


@dataclass(frozen=True, slots=True)
class Coming:
    """`step`: its number in the escalation policy, else 0. `recipient`: of a fallback.

    `waits_until` and `is_dropped`: it falls due outside the hours of the policy.
    """

    at: datetime
    kind: Ahead
    text: str
    step: int = 0
    recipient: str = ""
    waits_until: datetime | None = None
    is_dropped: bool = False


def coming(alert_ids: Collection[int], now: datetime) -> dict[int, tuple[Coming, ...]]:
    """Of each in order of time, in eight statements however many there are; () for what is not open."""
    alerts = list(Alert.objects.filter(pk__in=alert_ids, resolved_at__isnull=True).select_related("policy"))
    if not alerts:
        return dict.fromkeys(alert_ids, ())
    views = policy_versions({alert.policy_version_id for alert in alerts})
    ladders = chains({view.escalation_id for view in views.values() if view.escalation_id is not None})
    known = {alert.pk: alert for alert in alerts if alert.active_count and is_in_force(alert)}
    calls, waiting = _follow_ups(known), _waiting(known)
    found: dict[int, tuple[Coming, ...]] = dict.fromkeys(alert_ids, ())
    for alert in alerts:
        view = views[alert.policy_version_id]
        facts = known_facts(alert, view, ladders)
        said = [_said(item, alert, view, facts.chain) for item in foreseen(facts, alert.due_at, now)]
        others = (*waiting.get(alert.pk, ()), *calls.get(alert.pk, ()))
        found[alert.pk] = tuple(sorted([*said, *others], key=lambda item: item.at))
    return found


def _said(item: Foreseen, alert: Alert, view: PolicyView, ladder: Chain | None) -> Coming:
    has_hours = item.what in (Ahead.FIRST_MESSAGE, Ahead.REPEAT, Ahead.MUTE_ENDS)
    moment = when_to_send(view.window, alert.severity, item.at) if has_hours else Moment()
    if item.what is Ahead.REPEAT and moment.is_dropped and view.window is not None:
        opens_at = view.window.opens_at(item.at)  # nothing repeats while the hours are over: it follows, once
        moment = Moment(opens_at, is_dropped=opens_at is None)
    return Coming(
        at=item.at,
        kind=item.what,
        text=_text(item, alert, ladder),
        step=item.step.step.number if item.step is not None else 0,
        waits_until=moment.at,
        is_dropped=moment.is_dropped,
    )


def _text(item: Foreseen, alert: Alert, ladder: Chain | None) -> str:
    if item.step is not None and ladder is not None:
        words = {"number": item.step.step.number, "name": ladder.name}
        if item.step.is_passed_over:
            return _("step %(number)d of %(name)s is passed over: it is outside its notification period") % words
        if "escalate" in alert.asked:
            return _("step %(number)d of %(name)s, because somebody asked for it") % words
        if item.step.step.until is Until.CLAIMED:
            return _("step %(number)d of %(name)s, unless somebody claims it") % words
        return _("step %(number)d of %(name)s, unless it is resolved") % words
    if item.what is Ahead.FIRST_MESSAGE and alert.state == AlertState.HANDLING:
        return _("the first message, because nobody has heard of it when the claim lapses")
    return {
        Ahead.FIRST_MESSAGE: _("the first message, when its group has waited"),
        Ahead.REPEAT: _("everybody is told again, unless somebody claims it"),
        Ahead.CLAIM_LAPSES: _("the claim of %(name)s lapses") % {"name": alert.claimed_by},
        Ahead.MUTE_ENDS: _("the mute ends, and what it held back is told"),
    }[item.what]


def _waiting(known: Mapping[int, Alert]) -> dict[int, list[Coming]]:
    """Messages of the policies that wait for its hours; of the end of a mute after that more is known."""
    rows = Delivery.objects.filter(
        notification__alert_id__in=known, notification__cause__in=_OF_POLICY, purpose=Purpose.ALERT,
        state=DeliveryState.PLANNED, reason=Reason.OUTSIDE_WINDOW, fallback_of__isnull=True, next_at__isnull=False,
    )  # fmt: skip
    earliest = rows.values_list("notification__alert_id", "notification__cause").annotate(at=Min("next_at"))
    moments: dict[int, datetime] = {}
    for alert_id, cause, at in earliest.order_by():
        alert = known[alert_id]
        is_muted = alert.muted_until is not None and alert.muted_until > at
        if not is_muted and _is_sent(alert, Cause(cause), at):
            moments[alert_id] = min(at, moments.get(alert_id, at))
    text = _("the hours of the policy begin, and what waited for them is told")
    return {alert_id: [Coming(at, Ahead.HOURS_BEGIN, text)] for alert_id, at in moments.items()}


def _follow_ups(known: Mapping[int, Alert]) -> dict[int, list[Coming]]:
    """What follows calls that ring or have failed; a call that tells of several alerts counts for each."""
    rings = Q(channel=Channel.PHONE, state__in=_RINGS, deadline_at__isnull=False)
    waits = Q(fallback_of__isnull=False, state__in=_WAITS, next_at__isnull=False)
    rang = Q(merged_into__channel=Channel.PHONE, merged_into__state__in=_RINGS, merged_into__deadline_at__isnull=False)
    follows = Q(merged_into__fallback_of__isnull=False, merged_into__state__in=_WAITS,
                merged_into__next_at__isnull=False)  # fmt: skip
    merged = Q(state=DeliveryState.MERGED) & (rang | follows)
    own = Delivery.objects.filter(notification__alert_id__in=known, purpose=Purpose.ALERT).order_by("-pk")
    rows = own.filter(rings | waits | merged).values_list("notification__alert_id", "pk", "merged_into_id")[
        :_MOST_CALLS
    ]
    pairs = {(alert_id, survivor or pk) for alert_id, pk, survivor in rows}
    deliveries = Delivery.objects.select_related("notification").in_bulk({pk for _alert, pk in pairs})
    people = Contact.objects.in_bulk({delivery.recipient_id for delivery in deliveries.values()})
    default = default_fallback() if deliveries else Fallback.NONE
    found: dict[int, list[Coming]] = {}
    for alert_id, pk in sorted(pairs):
        delivery = deliveries[pk]
        contact = people.get(delivery.recipient_id)
        fallback = resolved_fallback(Fallback(contact.fallback), default) if contact is not None else Fallback.NONE
        next_one = _follows(delivery, fallback)
        at = _goes_out(known[alert_id], delivery, next_one[0]) if next_one is not None else None
        if next_one is not None and at is not None:
            text = next_one[1] % {"name": delivery.recipient_name}
            found.setdefault(alert_id, []).append(Coming(at, Ahead.FALLBACK, text, recipient=delivery.recipient_name))
    return found


def _follows(delivery: Delivery, fallback: Fallback) -> tuple[datetime, str] | None:
    """When, and what; None when nothing does."""
    if delivery.state in _WAITS and delivery.next_at is not None:
        is_call = delivery.channel == Channel.PHONE
        return delivery.next_at, _("%(name)s is called again") if is_call else _(
            "a text message to %(name)s, whose call failed"
        )
    if delivery.deadline_at is None:
        return None
    if fallback is Fallback.SMS:
        return delivery.deadline_at, _("a text message to %(name)s, unless the call is answered")
    if fallback is Fallback.CALL and delivery.fallback_of_id is None:
        return delivery.deadline_at + CALL_AGAIN_AFTER, _("%(name)s is called again, unless the call is answered")
    return None


def _goes_out(alert: Alert, delivery: Delivery, at: datetime) -> datetime | None:
    """After the re-check of that moment, if the alert stays as it is; a mute only holds it."""
    notification = delivery.notification
    if notification is None:
        return None
    if alert.muted_until is not None and alert.muted_until > at:
        at = alert.muted_until
    cause = Cause(notification.cause)
    return at if _is_sent(alert, cause, at, reaches_claimed=notification.reaches_claimed) else None


def _is_sent(alert: Alert, cause: Cause, at: datetime, *, reaches_claimed: bool = False) -> bool:
    has_lapsed = alert.lapses_at is not None and alert.lapses_at <= at
    state = AlertState.PENDING if has_lapsed else AlertState(alert.state)
    return why_not_now(cause, state, firing_was_sent=True, reaches_claimed=reaches_claimed) is None
