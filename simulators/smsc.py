"""An operator's SMSC: SMPP 3.4 as strict as a real one, with receipts, limits and faults as it is told.

It reads and writes PDUs with smpp34, which our own client does not use: two programs have to agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
import struct
import tempfile
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path

import smpp34

from simulators.certificates import server_context
from simulators.serving import Server
from simulators.waiting import wait_until

_HEADER = struct.Struct(">IIII")
_BINDS = {0x01: "receiver", 0x02: "transmitter", 0x09: "transceiver"}
_UNBOUND, _ALREADY_BOUND, _WRONG_PASSWORD, _WRONG_ID = 0x04, 0x05, 0x0E, 0x0F
_BAD_LENGTH, _BAD_DESTINATION, _BAD_TON, _BAD_MESSAGE_ID, _THROTTLED = 0x01, 0x0B, 0x50, 0x0C, 0x58
_DIGITS = frozenset("0123456789")
_STATES = {"DELIVRD": 2, "EXPIRED": 3, "DELETED": 4, "UNDELIV": 5, "ACCEPTD": 6, "UNKNOWN": 7, "REJECTD": 8}
_REF, _TOTAL, _NUMBER, _MESSAGE_ID, _PAYLOAD, _STATE = 0x020C, 0x020E, 0x020F, 0x001E, 0x0424, 0x0427


@dataclass(frozen=True, slots=True)
class Part:
    """One submit_sm that was taken."""

    message_id: str
    source: str
    to: str
    content: bytes = field(repr=False)
    data_coding: int
    esm_class: int
    wants_receipt: bool
    tlvs: dict[int, bytes]
    session: int

    @property
    def place(self) -> tuple[str, int, int, int]:
        """(to, reference, parts, number); a text by itself has reference -1."""
        if self.esm_class & 0x40:
            if self.content[:3] != b"\x05\x00\x03":
                raise AssertionError(f"a header that no phone joins by: {self.content[:6].hex()}")
            return self.to, self.content[3], self.content[4], self.content[5]
        if _REF in self.tlvs:
            reference = int.from_bytes(self.tlvs[_REF], "big")
            return self.to, reference, self.tlvs[_TOTAL][0], self.tlvs[_NUMBER][0]
        return self.to, -1, 1, 1

    @property
    def text(self) -> str:
        body = self.content[self.content[0] + 1 :] if self.esm_class & 0x40 else self.content
        if self.data_coding == 8:
            return body.decode("utf-16-be")
        return body.decode("latin-1") if max(body, default=0) > 127 else _gsm(body)


@dataclass(slots=True, eq=False)
class _Bound:
    number: int
    how: str
    writer: asyncio.StreamWriter
    answers: dict[int, asyncio.Future[int]] = field(default_factory=dict)


class Smsc(Server):
    """`binds`: how many connections the account may have. `hex_ids`: hexadecimal in answers, decimal in receipts.

    `receipts`: what becomes of texts by default, told at once: "DELIVRD" and so on, "" tells nothing by itself.
    """

    system_id, password = "tocsin", "smpp-Pw1"

    def __init__(
        self, *, tls: bool = False, binds: int = 2, receipts: str = "DELIVRD", hex_ids: bool = False, port: int = 0
    ) -> None:
        super().__init__(port)
        self.parts: list[Part] = []
        self.refused: list[int] = []
        self.bound: dict[int, _Bound] = {}
        self.binds_seen: list[str] = []
        self.enquiries = 0
        self.queries: list[str] = []
        self.answered: list[int] = []
        """Statuses with which our receipts and messages were answered."""
        self.receipts, self.hex_ids, self.takes_queries = receipts, hex_ids, False
        self.receipt_first = False
        self.is_silent = False
        """Answers nothing any more, not even signs of life."""
        self._binds = binds
        self._script: dict[str, deque[str]] = {}
        self._throttles: deque[int] = deque()
        self.ids = itertools.count(0x1A2B3C)
        """Of the texts to come."""
        self._numbers, self._sequences = itertools.count(1), itertools.count(1)
        self._folder = tempfile.TemporaryDirectory(prefix="smsc-")
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self._tls = server_context(Path(self._folder.name), self.host) if tls else None
        self._tasks: set[asyncio.Task[None]] = set()

    # what tests say

    def answer(self, to: str, *acts: str) -> None:
        """For the next texts to a number: "0x0b" refuses, "drop" cuts off instead of an answer, "hang" gives none,
        "DELIVRD" and the like is the receipt, "late" takes it and tells nothing.
        """
        self._script.setdefault(to.lstrip("+"), deque()).extend(acts)

    def throttle(self, *statuses: int) -> None:
        """The next submits, whoever they are to, are refused so."""
        self._throttles.extend(statuses)

    def report(self, part: Part, word: str = "DELIVRD", *, times: int = 1, form: str = "text") -> None:
        """A receipt, as soon as somebody is bound to receive it. `form`: "text", "tlv" (parameters alone) or "data"
        (over data_sm).
        """
        self._wait_for_a_receiver()
        for _ in range(times):
            self.run(self._report(part, word, form))

    def write_back(self, sender: str, text: str, *, coding: int = 0) -> None:
        """As soon as somebody is bound to receive it."""
        self._wait_for_a_receiver()
        content = text.encode("utf-16-be") if coding == 8 else text.encode("latin-1")
        self.run(self._bring(smpp34.DeliverSm(sender.lstrip("+"), "10086", content, data_coding=coding)))

    def disconnect(self) -> None:
        """All connections end at once."""
        self.run(self._cut())

    def wait_for(self, count: int) -> list[Part]:
        wait_until(lambda: len(self.parts) >= count, what=f"{count} parts at the SMSC")
        return self.parts

    def wait_until_bound(self, count: int = 1) -> None:
        wait_until(lambda: len(self.bound) >= count, what=f"{count} connections bound")

    def _wait_for_a_receiver(self) -> None:
        wait_until(lambda: any(bound.how != "transmitter" for bound in list(self.bound.values())), what="a receiver")

    def texts(self) -> list[tuple[str, str]]:
        """(to, text) of whole messages, joined as a phone joins them; AssertionError for one that lacks a part."""
        joined: dict[tuple[str, int], dict[int, str]] = {}
        found: list[tuple[str, str]] = []
        for part in self.parts:
            to, reference, total, number = part.place
            if total == 1:
                found.append((to, part.text))
                continue
            pieces = joined.setdefault((to, reference), {})
            pieces[number] = part.text
            if len(pieces) == total:
                found.append((to, "".join(pieces[n] for n in range(1, total + 1))))
                del joined[to, reference]
        assert not joined, f"incomplete: {joined}"
        return found

    # the server

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        self._folder.cleanup()

    @property
    def config(self) -> dict[str, str]:
        """What an account of this SMSC says."""
        return {"host": self.host, "port": str(self.port), "system_id": self.system_id, "password": self.password}

    async def _cut(self) -> None:
        for bound in list(self.bound.values()):
            bound.writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                head = await reader.readexactly(_HEADER.size)
                length, command, status, sequence = _HEADER.unpack(head)
                if not _HEADER.size <= length <= 65536:
                    break
                body = await reader.readexactly(length - _HEADER.size)
                if self.is_silent:
                    continue
                if command & 0x80000000:
                    self._answered(number, status, sequence)
                elif command in _BINDS:
                    if not self._bind(number, sequence, command, body, writer):
                        break
                elif number not in self.bound:
                    _reply(writer, command, _UNBOUND, sequence)
                elif command == 0x06:
                    _reply(writer, command, 0, sequence)
                    break
                elif command == 0x15:
                    self.enquiries += 1
                    _reply(writer, command, 0, sequence)
                elif command == 0x04:
                    if not await self._submit(number, smpp34.decode(head + body), sequence, writer):
                        break
                elif command == 0x03:
                    self._query(body, sequence, writer)
                else:
                    _reply(writer, 0, 0x03, sequence)
        self.bound.pop(number, None)
        writer.transport.abort()

    def _bind(self, number: int, sequence: int, command: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        system_id, password = (part.decode() for part in body.split(b"\0")[:2])
        status = 0
        if system_id != self.system_id:
            status = _WRONG_ID
        elif password != self.password:
            status = _WRONG_PASSWORD
        elif len(self.bound) >= self._binds:
            status = _ALREADY_BOUND
        _reply(writer, command, status, sequence, b"SMSC\0" if not status else b"")
        if not status:
            self.bound[number] = _Bound(number, _BINDS[command], writer)
            self.binds_seen.append(_BINDS[command])
        return not status

    async def _submit(self, number: int, pdu: object, sequence: int, writer: asyncio.StreamWriter) -> bool:
        assert isinstance(pdu, smpp34.SubmitSm)
        script = self._script.get(pdu.destination_addr, deque())
        act = script.popleft() if script else self.receipts
        if self._throttles:
            act = f"0x{self._throttles.popleft():02x}"
        if act == "drop":
            writer.transport.abort()
            return False
        status = int(act, 16) if act.startswith("0x") else self._fault(pdu)
        if status:
            self.refused.append(status)
            _reply(writer, 0x04, status, sequence)
            return True
        message_id = f"{next(self.ids):08X}" if self.hex_ids else str(next(self.ids))
        part = _taken(pdu, message_id, number)
        self.parts.append(part)
        if act == "hang":
            return True
        wants = part.wants_receipt and act in _STATES
        if wants and self.receipt_first:
            await self._send(self.bound[number], self._receipt(part, act, "text"), waits=False)
        _reply(writer, 0x04, 0, sequence, message_id.encode() + b"\0")
        if wants and not self.receipt_first:
            self._later(self._report(part, act, "text"))
        return True

    def _fault(self, pdu: smpp34.SubmitSm) -> int:
        if not pdu.destination_addr or set(pdu.destination_addr) - _DIGITS or len(pdu.destination_addr) > 15:
            return _BAD_DESTINATION
        if pdu.dest_addr_ton != 1:
            return _BAD_TON
        payload = [tlv.value for tlv in pdu.tlvs if tlv.tag == _PAYLOAD]
        most = 140 if pdu.data_coding == 8 else 160 + (0 if not pdu.esm_class & 0x40 else -1)
        is_too_long = not payload and len(pdu.short_message) > most
        return _BAD_LENGTH if is_too_long or (payload and pdu.short_message) else 0

    def _query(self, body: bytes, sequence: int, writer: asyncio.StreamWriter) -> None:
        message_id = body.split(b"\0")[0].decode()
        self.queries.append(message_id)
        known = any(part.message_id == message_id for part in self.parts)
        if not self.takes_queries or not known:
            _reply(writer, 0x03, 0x67 if not self.takes_queries else _BAD_MESSAGE_ID, sequence)
            return
        _reply(
            writer, 0x03, 0, sequence, message_id.encode() + b"\0\0" + bytes((_STATES[self.receipts or "DELIVRD"], 0))
        )

    def _answered(self, number: int, status: int, sequence: int) -> None:
        self.answered.append(status)
        bound = self.bound.get(number)
        future = bound.answers.pop(sequence, None) if bound is not None else None
        if future is not None and not future.done():
            future.set_result(status)

    async def _report(self, part: Part, word: str, form: str) -> None:
        await self._bring(self._receipt(part, word, form))

    def _receipt(self, part: Part, word: str, form: str) -> smpp34.DeliverSm | bytes:
        named = str(int(part.message_id, 16)) if self.hex_ids else part.message_id
        tlvs = [
            smpp34.Tlv(_MESSAGE_ID, part.message_id.encode() + b"\0"),
            smpp34.Tlv(_STATE, bytes((_STATES[word],))),
        ]
        if form == "data":
            address = b"\x01\x01" + part.to.encode() + b"\0" + b"\x00\x00" + part.source.encode() + b"\0"
            raw = b"".join(struct.pack(">HH", tlv.tag, len(tlv.value)) + tlv.value for tlv in tlvs)
            return b"\0" + address + bytes((0x04, 0, 0)) + raw
        text = (
            f"id:{named} sub:001 dlvrd:001 submit date:2611230000 done date:2611230001 stat:{word} "
            f"err:{'000' if word == 'DELIVRD' else '011'} text:stat:DELIVRD id:1"
        )
        return smpp34.DeliverSm(
            part.to, part.source, text.encode() if form == "text" else b"", esm_class=0x04,
            tlvs=tlvs if form == "tlv" else [],
        )  # fmt: skip

    async def _bring(self, pdu: smpp34.DeliverSm | bytes) -> None:
        """To a connection that receives, and again until it is answered."""
        for bound in list(self.bound.values()):
            if bound.how != "transmitter":
                await self._send(bound, pdu, waits=True)
                return
        raise AssertionError("nobody is bound to receive")

    async def _send(self, bound: _Bound, pdu: smpp34.DeliverSm | bytes, *, waits: bool) -> None:
        sequence = next(self._sequences)
        body, command = (pdu, 0x103) if isinstance(pdu, bytes) else (pdu.encode()[_HEADER.size :], 0x05)
        bound.writer.write(_HEADER.pack(_HEADER.size + len(body), command, 0, sequence) + body)
        if waits:
            answer = bound.answers[sequence] = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await answer

    def _later(self, work: Coroutine[None, None, None]) -> None:
        async def run() -> None:
            with contextlib.suppress(AssertionError):
                await work

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _taken(pdu: smpp34.SubmitSm, message_id: str, session: int) -> Part:
    tlvs = {tlv.tag: tlv.value for tlv in pdu.tlvs}
    content = tlvs.get(_PAYLOAD, b"") or pdu.short_message
    return Part(
        message_id, pdu.source_addr, pdu.destination_addr, content, pdu.data_coding, pdu.esm_class,
        bool(pdu.registered_delivery & 3), tlvs, session,
    )  # fmt: skip


def _reply(writer: asyncio.StreamWriter, command: int, status: int, sequence: int, body: bytes = b"") -> None:
    writer.write(_HEADER.pack(_HEADER.size + len(body), command | 0x80000000, status, sequence) + body)


_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = dict(zip(b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", "\f^{}\\[~]|€", strict=True))


def _gsm(octets: bytes) -> str:
    found, rest = "", iter(octets)
    for octet in rest:
        found += _EXTENDED[next(rest)] if octet == 0x1B else _BASIC[octet]
    return found
