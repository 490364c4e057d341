"""The buttons of a message to a group, and what a pressed one names. Each has a token that nobody can make or guess."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tocsin.alerts.rules import AlertState
from tocsin.channels.listening import Button
from tocsin.core.tickets import read_ticket, ticket
from tocsin.delivery.acting import Act

_PURPOSE = "button"
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


def buttons_for(
    delivery_id: int, language: str, state: AlertState | None, *, escalates: bool = False
) -> tuple[Button, ...]:
    """Of a message, by what its alert is now; the first is the one that most will press. `escalates`: its policy."""
    offered = _OFFERED.get(state, ())
    acts = (*offered, Act.ESCALATE) if escalates and offered else offered
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        return tuple(
            Button(act.value, str(_LABELS[act]), token_of(act, delivery_id), is_main=number == 0)
            for number, act in enumerate(acts)
        )


def token_of(act: Act, delivery_id: int) -> str:
    """The same for each copy of a message, so that nothing is stored."""
    return ticket(settings.SECRET_KEYS[0], f"{_PURPOSE}-{act.value}", delivery_id)


def read_button(token: str) -> tuple[Act, int] | None:
    """What is to be done, and the id of the message; None for what we never made."""
    for act in _LABELS:
        delivery_id = read_ticket(settings.SECRET_KEYS, f"{_PURPOSE}-{act.value}", token)
        if delivery_id is not None:
            return act, delivery_id
    return None
