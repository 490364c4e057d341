"""The buttons of a message to a group, and what a pressed one names. Each has a token that nobody can make or guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tocsin.alerts.rules import AlertState
from tocsin.channels.listening import Button
from tocsin.core.tickets import DIGITS, read_ticket, ticket
from tocsin.delivery.acting import Act

_PURPOSE = "button"
_MOST_DIGITS = 9
_LABELS: dict[Act, str | Promise] = {
    Act.CLAIM: _("Claim"),
    Act.RESOLVE: _("Resolve"),
    Act.MUTE: _("Mute for an hour"),
    Act.UNCLAIM: _("Give back"),
    Act.ESCALATE: _("Escalate now"),
}
_OFFERED: dict[AlertState | None, Sequence[Act]] = {
    AlertState.PENDING: (Act.CLAIM, Act.RESOLVE, Act.MUTE),
    AlertState.HANDLING: (Act.RESOLVE, Act.UNCLAIM, Act.MUTE),
}


@dataclass(frozen=True, slots=True)
class Pressed:
    """What is to be done, and on which message. `escalated_count`: the alert's when the button was made."""

    act: Act
    delivery_id: int
    escalated_count: int = 0


def buttons_for(
    delivery_id: int, language: str, state: AlertState | None, *, escalates: bool = False, escalated_count: int = 0
) -> tuple[Button, ...]:
    """Of a message, by what its alert is now; the first is the one that most will press. `escalates`: its policy."""
    offered = _OFFERED.get(state, ())
    acts = (*offered, Act.ESCALATE) if escalates and offered else offered
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        return tuple(
            Button(act.value, str(_LABELS[act]), token_of(act, delivery_id, escalated_count), is_main=number == 0)
            for number, act in enumerate(acts)
        )


def token_of(act: Act, delivery_id: int, escalated_count: int = 0) -> str:
    """The same for each copy of a message, so that nothing is stored. One that escalates ends with the step that it is
    for: however often it is pressed, it takes that one.
    """
    step = str(escalated_count) if act is Act.ESCALATE else ""
    return ticket(settings.SECRET_KEYS[0], _purpose(act, step), delivery_id) + step


def read_button(token: str) -> Pressed | None:
    """None for what we never made."""
    name, step = token[:DIGITS], token[DIGITS:]
    if step and not (step.isascii() and step.isdigit() and len(step) <= _MOST_DIGITS):
        return None
    for act in (Act.ESCALATE,) if step else _LABELS.keys() - {Act.ESCALATE}:
        delivery_id = read_ticket(settings.SECRET_KEYS, _purpose(act, step), name)
        if delivery_id is not None:
            return Pressed(act, delivery_id, int(step or 0))
    return None


def _purpose(act: Act, step: str) -> str:
    return "-".join(filter(None, (_PURPOSE, act.value, step)))
