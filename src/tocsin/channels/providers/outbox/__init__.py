"""Where messages go while nothing real is configured: they are accepted and kept, and reach nobody.

A simulated phone rings until `tocsin outbox` or the outbox page answers, refuses or presses a key; their receipts come
from there. Left to ring, the call has no receipt in time and counts as failed, like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tocsin.channels.base import Capabilities, Config, Message, Outcome, Provider, ProviderType, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.core.sentences import Sentence

_KEPT = Sentence("Kept in the outbox; nobody received it.")

RINGS_FOR = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Outbox:
    """The delivery's own row keeps the text; there is nothing else to do."""

    async def send(self, message: Message) -> SendResult:
        return SendResult(Outcome.ACCEPTED, detail=_KEPT, provider_id=message.reference)

    async def aclose(self) -> None:
        """Nothing is held open."""


def _build(_config: Config, _http: HttpClient) -> Provider:
    return Outbox()


def _check(_config: Config) -> dict[str, str]:
    return {}


_WRITTEN = Capabilities(resend_is_safe=True, is_simulated=True)
_PHONE = Capabilities(has_receipts=True, receipt_within=RINGS_FOR, resend_is_safe=True, is_simulated=True)

OUTBOX_SMS = ProviderType("outbox_sms", "Outbox (text messages)", Channel.SMS, _WRITTEN, (), _build, _check)
OUTBOX_EMAIL = ProviderType("outbox_email", "Outbox (email)", Channel.EMAIL, _WRITTEN, (), _build, _check)
OUTBOX_PHONE = ProviderType("outbox_phone", "Outbox (simulated phone)", Channel.PHONE, _PHONE, (), _build, _check)
