"""What people wrote back: SMPP gives it no id, and an SMSC that heard no answer brings it again."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from tocsin.channels.providers.smpp.pdu import ShortMessage

_AGAIN_WITHIN = 600.0


@dataclass(slots=True)
class _Brought:
    named: str
    sequence: int
    until: float
    is_answered: bool = False


@dataclass(slots=True)
class Replies:
    """Names each; one that comes once more within ten minutes has the name that it had, when the SMSC had no answer to
    it or numbers it the same. Who writes the same words twice is heard twice.
    """

    _brought: OrderedDict[tuple[str, str, bytes], _Brought] = field(default_factory=OrderedDict)

    def brought(self, message: ShortMessage, sequence: int, now: float) -> str:
        """An id. `now`: of the loop's clock, in seconds."""
        while self._brought and next(iter(self._brought.values())).until <= now:
            self._brought.popitem(last=False)
        key = _key(message)
        before = self._brought.get(key)
        if before is not None and (not before.is_answered or before.sequence == sequence):
            return before.named
        self._brought[key] = _Brought(secrets.token_hex(12), sequence, now + _AGAIN_WITHIN)
        self._brought.move_to_end(key)
        return self._brought[key].named

    def answered(self, message: ShortMessage) -> None:
        """The SMSC has heard that it was taken."""
        if (brought := self._brought.get(_key(message))) is not None:
            brought.is_answered = True


def words_of(message: ShortMessage) -> str:
    """The same for the same words of the same sender, in every process."""
    source, destination, content = _key(message)
    told = b"\0".join((source.encode(), destination.encode(), content))
    return hashlib.sha256(told).hexdigest()[:32]


def _key(message: ShortMessage) -> tuple[str, str, bytes]:
    return message.source.number, message.destination.number, message.content
