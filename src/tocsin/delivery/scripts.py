"""What a call says, for vendors that ask for it while it goes on."""

from __future__ import annotations

from tocsin.channels.base import CallKey, Script
from tocsin.channels.kinds import Channel
from tocsin.core.ids import from_base36
from tocsin.delivery.drill_texts import drill_keys
from tocsin.delivery.handover_states import handover_states
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import Cause, Purpose
from tocsin.delivery.speech import call_keys


def call_script(account_id: int, reference: str) -> Script | None:
    """What a call that this account placed says and hears; None for any other, or when its text is not kept."""
    try:
        delivery_id = from_base36(reference)
    except ValueError:
        return None
    calls = Delivery.objects.filter(pk=delivery_id, account_id=account_id, channel=Channel.PHONE)
    call = calls.select_related("content", "notification").first()
    if call is None or call.content is None:
        return None
    text, keys = call.content.text, _keys(call)
    if call.purpose == Purpose.HANDOVER and (state := handover_states([call.pk]).get(call.pk)) is not None:
        text, keys = state.filled(text, call.language, carries_links=False), state.keys(call.language)
    return Script(text, call.language, keys)


def _keys(call: Delivery) -> dict[str, CallKey]:
    if call.purpose == Purpose.DRILL:
        return drill_keys(call.language)
    can_be_answered = call.notification is not None and call.notification.cause != Cause.RECOVERED
    return call_keys(call.language) if can_be_answered else {}
