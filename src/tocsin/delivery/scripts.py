"""What a call says, for vendors that ask for it while it goes on."""

from __future__ import annotations

from tocsin.channels.base import Script
from tocsin.channels.kinds import Channel
from tocsin.core.ids import from_base36
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import Cause
from tocsin.delivery.speech import call_keys

_LARGEST_ID = 2**63 - 1


def call_script(account_id: int, reference: str) -> Script | None:
    """What a call that this account placed says and hears; None for any other, or when its text is not kept."""
    try:
        delivery_id = from_base36(reference)
    except ValueError:
        return None
    if delivery_id > _LARGEST_ID:
        return None
    calls = Delivery.objects.filter(pk=delivery_id, account_id=account_id, channel=Channel.PHONE)
    call = calls.select_related("content", "notification").first()
    if call is None or call.content is None:
        return None
    can_be_answered = call.notification is not None and call.notification.cause != Cause.RECOVERED
    return Script(call.content.text, call.language, call_keys(call.language) if can_be_answered else {})
