"""What vendors say later of messages and calls, as `channels.base` has it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ReceiptStatus(StrEnum):
    """What a vendor says later of a message or call."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    """A text or mail arrived at the device or mailbox."""
    FAILED = "failed"
    BOUNCED = "bounced"
    """Not delivered, and nothing will be: the address does not exist, or takes no mail any more."""
    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    MACHINE = "machine"
    KEY_PRESSED = "key_pressed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Refers to a message by `reference` (ours) or `provider_id` (theirs); at least one is set."""

    status: ReceiptStatus
    reference: str = ""
    provider_id: str = ""
    key: str = ""
    occurred_at: datetime | None = None
    code: str = ""
    detail: str = ""
    readings: Sequence[str] = ()
    """What `provider_id` may be where a vendor writes ids in more than one way and nobody knows in which this is; the
    message that went to one of `parties` settles it.
    """
    parties: Sequence[str] = field(default=(), repr=False)
    """The numbers that it is between, digits alone: its message went to one of them. Empty where the vendor names none.
    """


@dataclass(frozen=True, slots=True)
class InboundText:
    """What somebody wrote back. `sender`: the number as the vendor gives it; `provider_id`: the vendor's, or ""."""

    sender: str
    text: str
    provider_id: str = ""
    words: str = field(default="", repr=False)
    """Where a vendor has no id of its own: the same for the same words of the same sender. It may bring them again over
    another connection, to another worker, until it has heard that they were taken (`Confirmed`).
    """


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The vendor has heard that the text with these `words` was taken: the same words once more are said anew."""

    words: str = field(repr=False)


Said = Receipt | InboundText | Confirmed
"""What an open account tells of its own accord."""
