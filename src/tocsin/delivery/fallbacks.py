"""What follows a phone notification that failed: nothing, one more call, or a text message."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from tocsin.alerts.services import record_activities
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import default_fallback
from tocsin.contacts.rules import Fallback, resolved_fallback
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Content, Delivery
from tocsin.delivery.own_texts import template_failed
from tocsin.delivery.render import render_digest
from tocsin.delivery.rules import DeliveryState, Priority, Purpose, Reason
from tocsin.delivery.rules.sending import CALL_AGAIN_AFTER
from tocsin.delivery.summaries import summaries, told_alerts
from tocsin.events.statements import run


@dataclass(frozen=True, slots=True)
class _FailedCall:
    delivery: Delivery
    contact: Contact
    fallback: Fallback


def follow_failed_calls(delivery_ids: Collection[int], now: datetime) -> None:
    """Plans what the contacts chose, once per call, in the transaction that recorded the failures."""
    if not delivery_ids:
        return
    failed = list(
        Delivery.objects.filter(
            pk__in=delivery_ids, channel=Channel.PHONE, purpose=Purpose.ALERT, state=DeliveryState.FAILED,
            fallbacks__isnull=True,
        ).select_related("notification__alert")
    )  # fmt: skip
    contacts = Contact.objects.in_bulk({delivery.recipient_id for delivery in failed})
    default = default_fallback() if failed else Fallback.NONE
    calls = [
        _FailedCall(delivery, contact, resolved_fallback(Fallback(contact.fallback), default))
        for delivery in failed
        if (contact := contacts.get(delivery.recipient_id)) is not None and delivery.notification is not None
    ]
    again = [call for call in calls if call.fallback is Fallback.CALL and call.delivery.fallback_of_id is None]
    texts = [call for call in calls if call.fallback is Fallback.SMS]
    planned = [_another_call(call, now) for call in again] + _texts(texts, now)
    Delivery.objects.bulk_create(planned)
    if planned:
        _stand_for_the_same([follow_up for follow_up in planned if follow_up.next_at is not None])
        ring_send()


def _another_call(call: _FailedCall, now: datetime) -> Delivery:
    follow_up = _follow_up(call.delivery, Channel.PHONE, now)
    follow_up.content_id = call.delivery.content_id
    follow_up.priority = Priority.PHONE
    follow_up.stands_for = call.delivery.stands_for
    follow_up.next_at = now + CALL_AGAIN_AFTER
    return follow_up


def _texts(calls: list[_FailedCall], now: datetime) -> list[Delivery]:
    """A text for each, unless the text of every notification that the call told of is known to have arrived."""
    if not calls:
        return []
    told = told_alerts([call.delivery.pk for call in calls])
    about = _notifications([call.delivery.pk for call in calls])
    known = summaries({alert_id: cause for alerts in told.values() for alert_id, cause in alerts.items()})
    texted = set(
        Delivery.objects.filter(
            notification_id__in={pk for ids in about.values() for pk in ids},
            channel=Channel.SMS,
            state=DeliveryState.DELIVERED,
        ).values_list("notification_id", "recipient_id")
    )
    planned, contents, faults = [], [], []
    for call in calls:
        text = render_digest(
            [known[alert_id] for alert_id in told[call.delivery.pk] if alert_id in known],
            Channel.SMS,
            language=call.contact.language,
            time_zone=call.contact.time_zone,
        )
        if text.problem and call.delivery.notification is not None:
            faults.append(template_failed(call.delivery.notification.alert_id, Channel.SMS, text.problem))
        follow_up = _follow_up(call.delivery, Channel.SMS, now)
        follow_up.content = Content(text=text.text, data=text.data)
        follow_up.stands_for = call.delivery.stands_for
        follow_up.next_at = now
        if all((pk, call.delivery.recipient_id) in texted for pk in about[call.delivery.pk]):
            follow_up.state, follow_up.reason = DeliveryState.SKIPPED, Reason.ALREADY_TEXTED
            follow_up.next_at, follow_up.finished_at = None, now
        planned.append(follow_up)
        contents.append(follow_up.content)
    Content.objects.bulk_create(contents)
    record_activities(faults, at=now)
    for follow_up in planned:
        follow_up.content_id = follow_up.content.pk if follow_up.content else None
    return planned


def _notifications(call_ids: list[int]) -> dict[int, set[int]]:
    """By call, the notifications that it told of."""
    found: dict[int, set[int]] = {pk: set() for pk in call_ids}
    told = Delivery.objects.filter(Q(pk__in=call_ids) | Q(merged_into__in=call_ids))
    for pk, survivor, notification_id in told.values_list("pk", "merged_into_id", "notification_id"):
        found[survivor if survivor in found else pk].add(notification_id)
    return found


def _stand_for_the_same(follow_ups: list[Delivery]) -> None:
    """What the failed call stood for: a key and a link act on all of it, and what is not sent lets go of the others.

    Waits for nobody, since more than these is locked by now: what somebody else writes in this moment stays with the
    call.
    """
    run(
        """
        UPDATE delivery_delivery d SET merged_into_id = u.follow_up
        FROM (SELECT o.id, n.follow_up FROM unnest(%s::bigint[], %s::bigint[]) AS n(call, follow_up)
              JOIN delivery_delivery o ON o.merged_into_id = n.call
              ORDER BY o.id FOR NO KEY UPDATE OF o SKIP LOCKED) u
        WHERE d.id = u.id
        """,
        [[item.fallback_of_id for item in follow_ups], [item.pk for item in follow_ups]],
    )


def _follow_up(call: Delivery, channel: Channel, now: datetime) -> Delivery:
    return Delivery(
        purpose=Purpose.ALERT,
        notification_id=call.notification_id,
        recipient_id=call.recipient_id,
        recipient_name=call.recipient_name,
        address_masked=call.address_masked,
        channel=channel,
        language=call.language,
        planned_at=now,
        fallback_of_id=call.pk,
    )
