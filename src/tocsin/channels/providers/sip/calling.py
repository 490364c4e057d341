"""One call in the call worker: dialled, listened to, spoken to, ended."""

from __future__ import annotations

import asyncio
import contextlib
import math
from array import array
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from baresip import UserAgent
from baresip.errors import AudioNotActive, AudioRestarted, BaresipError, NoLocalAddressError, split_status
from baresip.events import Event as StackKind
from baresip.events import StackEvent

from tocsin.channels.providers.sip import protocol
from tocsin.channels.providers.sip.conversation import MESSAGE, Conversation, Turn
from tocsin.channels.providers.sip.listening import VOICE, Picked
from tocsin.channels.providers.sip.protocol import Answered, Dial, Ended, Event, Judged, Pressed, Rings
from tocsin.channels.providers.sip.speech import RATE
from tocsin.channels.providers.sip.tracing import Replies

_FRAME = 0.02
_FRAME_BYTES = int(RATE * _FRAME) * 2
_AHEAD = 10 * _FRAME_BYTES
"""How much is handed to the stack before it is sent: what a late loop may cost without a gap."""
_REPLY_WITHIN = 8.0
"""Seconds in which a server says at least 100 Trying."""
_RINGS_WITHIN = 30.0
"""Seconds in which it rings at last; some trunks take half of that."""
_HANGS_UP_WITHIN = 3.0
_TRACE_COMES_WITHIN = 0.1

Say = Callable[[str, str], Awaitable[bytes]]


class Call:
    """`run` returns what it came to; what happens on the way is told."""

    def __init__(self, told: Dial, tell: Callable[[Event], None], say: Say, replies: Replies) -> None:
        self._told, self._tell, self._say, self._replies = told, tell, say, replies
        self._clips: dict[str, bytes] = {}
        self._early: list[StackEvent] = []
        """What the stack says of any call until it is known which of them is ours."""
        self._events: asyncio.Queue[StackEvent] = asyncio.Queue()
        self._call: Any = None
        self._sip_id = ""
        self._is_established = self._rings = self._is_unanswered = self._is_dropped = False
        self._playing, self._place = b"", 0

    async def hang_up(self) -> None:
        if self._call is not None:
            with contextlib.suppress(BaresipError):
                await self._call.hangup()

    async def drop(self) -> None:
        """Hung up because the process ends, whatever goes on."""
        self._is_dropped = True
        await self.hang_up()

    async def run(self, agent: UserAgent) -> Ended:
        told = self._told
        self._clips[MESSAGE] = await self._say(told.text, told.language)
        agent.on(self._hear)  # before it is dialled: the first events come faster than what dialling returns
        try:
            self._call = await agent.dial(told.address)
            for event in self._early:
                self._hear(event)
            return await self._follow()
        except NoLocalAddressError:
            return Ended(told.call, protocol.NOT_PLACED, detail="no network leads to the server")
        except BaresipError as error:
            return Ended(told.call, protocol.NOT_PLACED, detail=str(error))
        finally:
            agent.off(self._hear)

    def _hear(self, event: StackEvent) -> None:
        if self._call is None:
            self._early.append(event)
        elif event.call == self._call.handle:
            self._sip_id = self._sip_id or event.call_id or ""
            self._events.put_nowait(event)

    async def _follow(self) -> Ended:
        told = self._told
        prepared = asyncio.create_task(self._prepare())
        try:
            closed = await self._until_established()
            if closed is None:
                self._tell(Answered(told.call, self._sip_id))
                closed = await self._talk()
        finally:
            prepared.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await prepared
        return await self._ended(closed)

    async def _prepare(self) -> None:
        """What may have to be said later, made while it rings."""
        for key, said in self._told.keys.items():
            self._clips[f"reply:{key}"] = await self._say(said.reply, self._told.language)
            if said.confirm:
                self._clips[f"confirm:{key}"] = await self._say(said.confirm, self._told.language)

    async def _until_established(self) -> str | None:
        """None when it was answered; else the text with which it was closed, "" for our own time-out."""
        begun = monotonic()
        rings_until = begun + min(self._told.ring_for, _RINGS_WITHIN)
        while True:
            is_late = monotonic() >= begun + _REPLY_WITHIN and not self._is_replied_to()
            if is_late or monotonic() >= rings_until:
                self._is_unanswered = not self._is_replied_to()
                return await self._give_up()
            event = await self._next_event(min(rings_until - monotonic(), 0.5))
            if event is None:
                continue
            match event.event:
                case StackKind.CALL_RINGING | StackKind.CALL_PROGRESS:
                    if not self._rings:
                        self._rings = True
                        rings_until = monotonic() + self._told.ring_for
                        self._tell(Rings(self._told.call, self._sip_id))
                case StackKind.CALL_ESTABLISHED:
                    self._is_established = True
                    return None
                case StackKind.CALL_CLOSED:
                    return event.text or "closed"
                case _:
                    pass

    def _is_replied_to(self) -> bool:
        """A challenge alone is no reply: it is answered, and then waited for again."""
        reply = self._replies.last(self._sip_id)
        return self._rings or (reply is not None and reply.status < 200)

    async def _give_up(self) -> str:
        """Hung up by us. Who picks up in this very moment is let go: it rang out."""
        await self.hang_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HANGS_UP_WITHIN):
                while (await self._events.get()).event is not StackKind.CALL_CLOSED:
                    pass
        return ""

    async def _talk(self) -> str:
        """Until somebody hangs up; the text with which it was closed."""
        conversation = Conversation(self._told.keys, self._told.machines)
        self._call.on_dtmf(lambda digit: self._do(conversation.press(digit.digit)))
        last = monotonic()
        while True:
            event = await self._next_event(_FRAME)
            if event is not None and event.event is StackKind.CALL_CLOSED:
                return event.text or "closed"
            now = monotonic()
            voice, playing = self._listen(), self._feed()
            turn = conversation.tick(now - last, is_voice=voice, is_playing=playing)
            last = now
            self._do(turn)
            if turn.hangs_up:
                await self.hang_up()
                await self._give_up()
                return "closed"

    def _do(self, turn: Turn) -> None:
        if turn.judged is not None:
            self._tell(Judged(self._told.call, turn.judged is Picked.PERSON))
        if turn.pressed:
            self._tell(Pressed(self._told.call, turn.pressed))
        if turn.play:
            self._playing, self._place = self._clips.get(turn.play, b""), 0
            with contextlib.suppress(BaresipError):
                self._call.audio.flush_tx()

    def _listen(self) -> bool:
        """Whether what was heard since the last time is voice."""
        with contextlib.suppress(AudioNotActive, AudioRestarted):
            heard = array("h", self._call.audio.read(_FRAME_BYTES * 10))
            return bool(heard) and math.sqrt(sum(value * value for value in heard) / len(heard)) >= VOICE
        return False

    def _feed(self) -> bool:
        """Whether something is being played still. A renegotiation loses at most what was handed over."""
        audio = self._call.audio
        try:
            info = audio.info()
            if not info.tx_ready:
                return self._place < len(self._playing)
            room = _AHEAD - info.tx_buffered
            if room >= _FRAME_BYTES and self._place < len(self._playing):
                chunk = self._playing[self._place : self._place + room // 2 * 2]
                self._place += audio.write(chunk)
                return True
            return self._place < len(self._playing) or info.tx_buffered > 0
        except (AudioNotActive, AudioRestarted):
            return self._place < len(self._playing)

    async def _next_event(self, within: float) -> StackEvent | None:
        try:
            async with asyncio.timeout(max(within, 0.001)):
                return await self._events.get()
        except TimeoutError:
            return None

    async def _ended(self, closed: str) -> Ended:
        name = self._told.call
        if self._is_dropped:
            return Ended(name, protocol.LOST, sip_id=self._sip_id)
        if self._is_established:
            return Ended(name, protocol.HUNG_UP, sip_id=self._sip_id)
        if not closed:
            how = protocol.NO_REPLY if self._is_unanswered else protocol.RANG_OUT
            return Ended(name, how, sip_id=self._sip_id)
        status, reason = split_status(closed)
        if status is None:
            how = protocol.NO_REPLY if "timed out" in closed.lower() else protocol.NOT_PLACED
            return Ended(name, protocol.REFUSED if self._rings else how, detail=reason, sip_id=self._sip_id)
        await asyncio.sleep(_TRACE_COMES_WITHIN)
        reply = self._replies.last(self._sip_id)
        retry_after = reply.retry_after if reply is not None and reply.status == status else 0
        return Ended(name, protocol.REFUSED, status, reason, retry_after, self._sip_id)
