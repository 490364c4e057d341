"""What servers reply to our calls, read from the stack's trace: its events leave out 100 Trying and Retry-After."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from dataclasses import dataclass

_REPLY = re.compile(r"^RX [^\n]*\nSIP/2\.0 (\d{3}) ")
_CALL_ID = re.compile(r"^(?:Call-ID|i)\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_INVITE = re.compile(r"^CSeq\s*:\s*\d+\s+INVITE", re.IGNORECASE | re.MULTILINE)
_RETRY_AFTER = re.compile(r"^Retry-After\s*:\s*(\d{1,5})", re.IGNORECASE | re.MULTILINE)
_KEPT = 256


@dataclass(slots=True)
class Reply:
    status: int
    retry_after: int = 0


class Replies(logging.Handler):
    """The last reply to each INVITE, by Call-ID. Nothing else of a message is kept: some hold credentials."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._last: OrderedDict[str, Reply] = OrderedDict()

    def listen(self) -> None:
        traced = logging.getLogger("baresip.native.sip")
        traced.setLevel(logging.DEBUG)
        traced.propagate = False
        traced.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.read(record.getMessage())

    def read(self, text: str) -> None:
        text = text.replace("\r\n", "\n")
        status, call_id = _REPLY.match(text), _CALL_ID.search(text)
        if status is None or call_id is None or not _INVITE.search(text):
            return
        wait = _RETRY_AFTER.search(text)
        self._last[call_id[1]] = Reply(int(status[1]), int(wait[1]) if wait else 0)
        while len(self._last) > _KEPT:
            self._last.popitem(last=False)

    def last(self, call_id: str) -> Reply | None:
        return self._last.get(call_id)
