"""An open SIP account: places calls through its call worker and tells what becomes of each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tocsin.channels.base import Message, Outcome, Receipt, ReceiptStatus, SendResult
from tocsin.channels.providers.sip import protocol
from tocsin.channels.providers.sip.account import Settings
from tocsin.channels.providers.sip.outcomes import (
    HUNG_UP_EARLY,
    NO_KEY,
    all_lines_busy,
    of_call,
    of_placing,
    said_of_call,
)
from tocsin.channels.providers.sip.protocol import Answered, Dial, Ended, Event, HangUp, Judged, Key, Pressed, Rings
from tocsin.channels.providers.sip.worker import CallWorker
from tocsin.channels.texts import one_line

_LINE_WITHIN = 25.0
"""Seconds that a call waits for a free line, or for the end of an earlier call to the same number."""
_LONGEST_TEXT = 1500
_NUMBERS_KEPT = 256
_ENDS_WITHIN = 20.0
"""Seconds that calls are given to end when the account is closed; then they are hung up."""


@dataclass(slots=True)
class _Call:
    message: Message
    needs_key: bool
    """Whether an answer counts only once a key is pressed."""
    placed: asyncio.Future[SendResult]
    is_answered: bool = False
    is_judged: bool = False
    """Its receipt is out: nothing but a key says more."""
    has_pressed: bool = False


@dataclass(slots=True)
class SipPhone:
    """A ReportingProvider. One worker process, started at the first use."""

    settings: Settings
    _worker: CallWorker = field(init=False, repr=False)
    _calls: dict[str, _Call] = field(default_factory=dict, repr=False)
    _receipts: asyncio.Queue[Receipt | None] = field(default_factory=asyncio.Queue, repr=False)
    _lines: asyncio.Semaphore = field(init=False, repr=False)
    _numbers: dict[str, asyncio.Lock] = field(default_factory=dict, repr=False)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1), repr=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, repr=False)
    _over: dict[str, asyncio.Event] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._worker = CallWorker(self.settings, self._heard)
        self._lines = asyncio.Semaphore(self.settings.lines)

    async def send(self, message: Message) -> SendResult:
        """Returns when it rings, or when it is clear that it will not: the rest are receipts."""
        number = self._number(message.to)
        try:
            async with asyncio.timeout(_LINE_WITHIN):
                await number.acquire()
                try:
                    await self._lines.acquire()
                except BaseException:
                    number.release()
                    raise
        except TimeoutError:
            return all_lines_busy()
        name = f"{message.reference}.{next(self._ids)}"
        over = self._over[name] = asyncio.Event()
        task = asyncio.create_task(self._hold(name, over, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        placed: asyncio.Future[SendResult] = asyncio.get_running_loop().create_future()
        needs_key = self.settings.machines == "key" and bool(message.keys)
        self._calls[name] = _Call(message, needs_key, placed)
        try:
            await self._worker.tell(self._dial(name, message))
            return await placed
        except BaseException:
            with contextlib.suppress(Exception):
                await self._worker.tell(HangUp(name))
            raise

    def _number(self, to: str) -> asyncio.Lock:
        """Held while somebody is called there."""
        if len(self._numbers) >= _NUMBERS_KEPT and to not in self._numbers:
            self._numbers = {other: lock for other, lock in self._numbers.items() if lock.locked()}
        return self._numbers.setdefault(to, asyncio.Lock())

    def receipts(self) -> AsyncIterator[Receipt]:
        self._worker.start()
        return self._told()

    async def aclose(self) -> None:
        """Calls that go on may end, for a while; what is not known of them then, no receipt says."""
        await self._worker.aclose(_ENDS_WITHIN)
        for task in list(self._tasks):
            task.cancel()
        self._receipts.put_nowait(None)

    async def _told(self) -> AsyncIterator[Receipt]:
        while (receipt := await self._receipts.get()) is not None:
            yield receipt

    async def _hold(self, name: str, over: asyncio.Event, number: asyncio.Lock) -> None:
        """The line and the number, until the call has ended."""
        try:
            await over.wait()
        finally:
            self._over.pop(name, None)
            self._lines.release()
            number.release()

    def _dial(self, name: str, message: Message) -> Dial:
        return Dial(
            call=name,
            address=self.settings.address_of(message.to),
            text=_speakable(message.text),
            language=message.language,
            keys={key: Key(said.reply, said.confirm) for key, said in message.keys.items()},
            ring_for=self.settings.ring_for,
            machines=self.settings.machines,
        )

    def _heard(self, event: Event) -> None:
        """From the worker, in its order."""
        call = self._calls.get(getattr(event, "call", ""))
        if call is None:
            return
        match event:
            case Rings(sip_id=sip_id):
                _placed(call, SendResult(Outcome.ACCEPTED, provider_id=sip_id))
            case Answered(sip_id=sip_id):
                call.is_answered = True
                _placed(call, SendResult(Outcome.ACCEPTED, provider_id=sip_id))
            case Judged(is_person=is_person):
                self._judge(call, is_person)
            case Pressed(key=key):
                call.is_judged = call.has_pressed = True
                self._tell(call, ReceiptStatus.KEY_PRESSED, key=key)
            case Ended():
                self._end(call, event)

    def _judge(self, call: _Call, is_person: bool) -> None:
        if call.is_judged or (is_person and call.needs_key):
            return
        call.is_judged = True
        self._tell(call, ReceiptStatus.ANSWERED if is_person else ReceiptStatus.MACHINE)

    def _end(self, call: _Call, ended: Ended) -> None:
        self._calls.pop(ended.call)
        if (over := self._over.get(ended.call)) is not None:
            over.set()
        secret = self.settings.password
        if not call.placed.done():
            result, status = of_placing(ended, secret)
            _placed(call, result)
            if status is not None:
                self._tell(call, status, detail=said_of_call(ended, secret), code=result.code)
        elif call.is_judged:
            return
        elif not call.is_answered or ended.how == protocol.LOST:
            status = of_call(ended)
            self._tell(call, status, detail=said_of_call(ended, secret), code=str(ended.status or ""))
        elif call.needs_key:
            self._tell(call, ReceiptStatus.MACHINE, detail=NO_KEY)
        else:
            self._tell(call, ReceiptStatus.REJECTED, detail=HUNG_UP_EARLY)

    def _tell(self, call: _Call, status: ReceiptStatus, *, key: str = "", code: str = "", detail: str = "") -> None:
        receipt = Receipt(status, reference=call.message.reference, key=key, code=code, detail=detail)
        self._receipts.put_nowait(receipt)


def _speakable(text: str) -> str:
    """What can be handed on, and listened to: nobody hears out more."""
    return one_line(text).encode("utf-8", "ignore").decode()[:_LONGEST_TEXT]


def _placed(call: _Call, result: SendResult) -> None:
    if not call.placed.done():
        call.placed.set_result(result)
