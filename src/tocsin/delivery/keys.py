"""What a key pressed during a call does to the alerts that the call told of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from tocsin.alerts.services import claim_alert, escalate_alert, resolve_alert
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import ConflictError, NotFoundError
from tocsin.delivery.drill_texts import CONFIRM_KEY
from tocsin.delivery.drills import confirm_drill
from tocsin.delivery.handover_states import CHECK_IN_KEY
from tocsin.delivery.models import Delivery, HandoverNotice
from tocsin.delivery.notices import tell_refusal
from tocsin.delivery.rules import Purpose
from tocsin.delivery.speech import CLAIM, ESCALATE, RESOLVE
from tocsin.oncall.services import check_in


def act_on_keys(pressed: Sequence[tuple[Delivery, str]], now: datetime) -> None:
    """1 claims, 2 resolves, 3 escalates now; others do nothing. In a call about a hand-over 1 checks in, in
    that of a drill it confirms.

    Of two who pressed the first wins, and the other is told. Alerts are locked after deliveries here, by id: nobody who
    holds an alert waits for a delivery that exists.
    """
    _check_in(pressed, now)
    for delivery, key in pressed:
        if delivery.purpose == Purpose.DRILL and key == CONFIRM_KEY:
            confirm_drill(now=now, delivery_id=delivery.pk, via="key")
    keys = {delivery.pk: (delivery, key) for delivery, key in pressed if key in (CLAIM, RESOLVE, ESCALATE)}
    if not keys:
        return
    # What follows a call that failed took over what that stood for; its key may come late.
    told = Delivery.objects.filter(
        Q(pk__in=keys) | Q(merged_into__in=keys) | Q(merged_into__fallback_of__in=keys), notification__isnull=False
    ).order_by("-pk")
    seen: dict[tuple[int, int], int] = {}
    for alert_id, survivor, followed, pk, escalated_count in told.values_list(
        "notification__alert_id", "merged_into_id", "merged_into__fallback_of_id", "pk", "notification__escalated_count"
    ):
        call = next(one for one in (survivor, followed, pk) if one in keys)
        seen[alert_id, call] = max(seen.get((alert_id, call), 0), escalated_count)
    order = {delivery.pk: place for place, (delivery, _key) in enumerate(pressed)}
    for alert_id, call in sorted(seen, key=lambda item: (item[0], order[item[1]])):
        delivery, key = keys[call]
        by = Actor(ActorKind.CONTACT, delivery.recipient_name, delivery.recipient_id)
        try:
            with transaction.atomic():
                _act(by, alert_id, key, seen[alert_id, call], now)
        except ConflictError as error:
            tell_refusal(delivery.recipient_id, alert_id, error, now, wanted_step=key == ESCALATE)


def _check_in(pressed: Sequence[tuple[Delivery, str]], now: datetime) -> None:
    calls = {delivery.pk: delivery for delivery, key in pressed if key == CHECK_IN_KEY}
    notices = HandoverNotice.objects.filter(
        delivery_id__in=[pk for pk, delivery in calls.items() if delivery.purpose == Purpose.HANDOVER],
        is_silence=False,
    )
    for notice in notices.order_by("handover_id"):
        call = calls[notice.delivery_id]
        by = Actor(ActorKind.CONTACT, call.recipient_name, call.recipient_id)
        with suppress(ConflictError, NotFoundError):
            check_in(by=by, now=now, handover_id=notice.handover_id, via="key")


def _act(by: Actor, alert_id: int, key: str, seen: int, now: datetime) -> None:
    """`seen`: how often it had been escalated when the call was planned: two who press 3 take one step."""
    match key:
        case "1":
            claim_alert(by=by, now=now, alert_id=alert_id, how="key")
        case "2":
            resolve_alert(by=by, now=now, alert_id=alert_id, how="key")
        case _:
            escalate_alert(by=by, now=now, alert_id=alert_id, how="key", seen=seen)
