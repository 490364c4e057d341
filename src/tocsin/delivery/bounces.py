"""Mail that comes back, handed over by a mail server on this machine."""

from __future__ import annotations

from datetime import datetime

from tocsin.channels.base import CallbackRequest
from tocsin.channels.kinds import Channel
from tocsin.channels.registry import PROVIDERS
from tocsin.core.ids import from_base36
from tocsin.core.redact import mask_email
from tocsin.delivery.models import Delivery
from tocsin.delivery.return_tokens import reference_of
from tocsin.delivery.services import record_receipts


def is_addressee(reference: str, address: str) -> bool:
    """Whether the message went to this address, as far as what is kept of it tells: a letter and the domain."""
    kept = Delivery.objects.filter(pk=from_base36(reference)).values_list("address_masked", flat=True).first()
    return not kept or kept.lower() == mask_email(address).lower()


def take_bounce(mail: bytes, *, recipient: str, now: datetime) -> bool:
    """A mail that came to a return address. False when it is of no message of ours."""
    kinds = [kind for kind in PROVIDERS.values() if kind.channel is Channel.EMAIL and kind.read_callback is not None]
    request = CallbackRequest(
        "POST", "", {"to": recipient}, {}, mail, reference_of=reference_of, is_addressee=is_addressee
    )
    for kind in kinds:
        reply = kind.receive({}, request)
        if reply.status != 200:
            continue
        for receipt in reply.receipts:
            sent = Delivery.objects.filter(pk=from_base36(receipt.reference)).select_related("account").first()
            if sent is None or sent.account is None:
                return False
            record_receipts(account=sent.account, receipts=[receipt], now=now)
        return True
    return False
