"""What may be done to an alert from a message: by a link, a reply or a card. The worker is woken when it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction

from tocsin.alerts import services
from tocsin.alerts.models import Alert
from tocsin.core.actors import Actor
from tocsin.delivery.doorbell import ring_due


class Act(StrEnum):
    CLAIM = "claim"
    UNCLAIM = "unclaim"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    COMMENT = "comment"
    ASSIGN = "assign"
    SEVERITY = "severity"
    MUTE = "mute"
    UNMUTE = "unmute"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Typed:
    """What goes with an act. `text`: of a comment or a solution. `minutes`: of a mute. `severity` and `contact_id` 0:
    nothing that could be. `seen`: of the escalation, as who asks for a step knew it.
    """

    text: str = ""
    minutes: int = 60
    seen: int | None = None
    severity: int = 0
    contact_id: int = 0


_SERVICES: Mapping[Act, tuple[Callable[..., Alert], Callable[[Typed], Mapping[str, Any]]]] = {
    Act.CLAIM: (services.claim_alert, lambda typed: {}),
    Act.UNCLAIM: (services.unclaim_alert, lambda typed: {}),
    Act.RESOLVE: (services.resolve_alert, lambda typed: {"text": typed.text}),
    Act.REOPEN: (services.reopen_alert, lambda typed: {}),
    Act.COMMENT: (services.comment_alert, lambda typed: {"text": typed.text}),
    Act.ASSIGN: (services.assign_alert, lambda typed: {"contact_id": typed.contact_id}),
    Act.SEVERITY: (services.change_severity, lambda typed: {"severity": typed.severity}),
    Act.MUTE: (services.mute_alert, lambda typed: {"lasts": timedelta(minutes=typed.minutes)}),
    Act.UNMUTE: (services.unmute_alert, lambda typed: {}),
    Act.ESCALATE: (services.escalate_alert, lambda typed: {"seen": typed.seen}),
}


def act_on_alert(act: Act, *, by: Actor, now: datetime, alert_id: int, how: str, typed: Typed) -> Alert:
    """What is refused raises as the services of alerts do."""
    service, details = _SERVICES[act]
    alert = service(by=by, now=now, alert_id=alert_id, how=how, **details(typed))
    with transaction.atomic():
        ring_due()
    return alert
