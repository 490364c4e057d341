"""What may be done to an alert from a message: by a link, a reply or a card. The worker is woken when it is done."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from tocsin.alerts import services
from tocsin.alerts.models import Alert
from tocsin.core.actors import Actor
from tocsin.delivery.doorbell import ring_due


class Act(StrEnum):
    CLAIM = "claim"
    UNCLAIM = "unclaim"
    RESOLVE = "resolve"
    COMMENT = "comment"
    MUTE = "mute"
    UNMUTE = "unmute"
    ESCALATE = "escalate"


def act_on_alert(
    act: Act,
    *,
    by: Actor,
    now: datetime,
    alert_id: int,
    how: str,
    text: str = "",
    minutes: int = 60,
    seen: int | None = None,
) -> Alert:
    """`text`: of a comment or a solution. `minutes`: of a mute. `seen`: of the escalation, as who asks knew it.

    What is refused raises as the services of alerts do.
    """
    alert = _act(act, by, now, alert_id, how, text, minutes, seen)
    with transaction.atomic():
        ring_due()
    return alert


def _act(
    act: Act, by: Actor, now: datetime, alert_id: int, how: str, text: str, minutes: int, seen: int | None
) -> Alert:
    match act:
        case Act.CLAIM:
            return services.claim_alert(by=by, now=now, alert_id=alert_id, how=how)
        case Act.UNCLAIM:
            return services.unclaim_alert(by=by, now=now, alert_id=alert_id, how=how)
        case Act.RESOLVE:
            return services.resolve_alert(by=by, now=now, alert_id=alert_id, text=text, how=how)
        case Act.COMMENT:
            return services.comment_alert(by=by, now=now, alert_id=alert_id, text=text, how=how)
        case Act.MUTE:
            lasts = timedelta(minutes=minutes)
            return services.mute_alert(by=by, now=now, alert_id=alert_id, lasts=lasts, how=how)
        case Act.UNMUTE:
            return services.unmute_alert(by=by, now=now, alert_id=alert_id, how=how)
        case Act.ESCALATE:
            return services.escalate_alert(by=by, now=now, alert_id=alert_id, how=how, seen=seen)
