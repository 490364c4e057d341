"""An open SMPP account: a connection that is kept, texts over it, and what comes back over it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from tocsin.channels.base import Confirmed, Finding, InboundText, Message, Outcome, Question, Receipt, Said, SendResult
from tocsin.channels.providers.smpp import outcomes
from tocsin.channels.providers.smpp.account import Settings
from tocsin.channels.providers.smpp.coding import Segment, segments_of, text_of
from tocsin.channels.providers.smpp.pdu import (
    Command,
    Pdu,
    PduError,
    Reader,
    ShortMessage,
    bind_body,
    message_id_of,
    query_body,
    read_short_message,
    submit_body,
)
from tocsin.channels.providers.smpp.receipts import MessageIds, is_receipt, read_receipt
from tocsin.channels.providers.smpp.replies import Replies, words_of
from tocsin.channels.providers.smpp.session import OK, BusyError, NoReplyError, NotSentError, Session
from tocsin.channels.texts import one_line
from tocsin.core.sentences import Sentence

logger = logging.getLogger(__name__)

_TOOK_IT = Sentence("The SMSC took it.")
_WANTS_RECEIPT = 1
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 4.0
_THROTTLED_FOR = 15.0
"""Seconds that a text waits here while the SMSC wants fewer; then it is planned anew."""
_DONE_WITHIN = 55.0
"""Seconds for a text with all its parts: what has not left early enough to be answered in them does not leave."""
_REPLY_ON_ITS_WAY = 2.0


class _UnboundError(Exception):
    """No connection; what that means for a text."""

    def __init__(self, result: SendResult) -> None:
        super().__init__(result.detail)
        self.result = result


@dataclass(slots=True)
class _Heard:
    said: Said
    stored: asyncio.Future[None]


@dataclass(slots=True)
class SmppSms:
    """A ReportingProvider. While somebody listens to it, it is bound as transceiver and bound again when that ends;
    otherwise as transmitter, so that no receipt comes to one who would not keep it.
    """

    settings: Settings
    throttled_for: float = _THROTTLED_FOR
    done_within: float = _DONE_WITHIN
    _session: Session | None = None
    _binding: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _ids: MessageIds = field(init=False, repr=False)
    _replies: Replies = field(default_factory=Replies, repr=False)
    _tls: ssl.SSLContext | None = field(default=None, repr=False)
    _heard: asyncio.Queue[_Heard | None] = field(default_factory=asyncio.Queue, repr=False)
    _keeper: asyncio.Task[None] | None = field(default=None, repr=False)
    _failures: int = 0
    _failed: SendResult | None = None
    _again_at: float = 0.0
    _paused_until: float = 0.0
    _pause: float = _FIRST_PAUSE
    _sending: int = 0
    _quiet: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """No text is between leaving and its answer."""

    def __post_init__(self) -> None:
        self._ids = MessageIds(self.settings.message_ids)
        self._quiet.set()

    async def send(self, message: Message) -> SendResult:
        """All parts of it, one after the other: the first that is not taken decides. When others were taken before,
        it is in doubt what the phone shows.
        """
        leaves_by = asyncio.get_running_loop().time() + self.done_within - self.settings.timeout
        segments = segments_of(
            message.text,
            alphabet=self.settings.alphabet,
            long_texts=self.settings.long_texts,
            max_parts=self.settings.max_parts,
            reference=int(message.reference, 36),
        )
        self._sending += 1
        self._quiet.clear()
        try:
            taken: list[str] = []
            for segment in segments:
                result = await self._submit(message.to, segment, leaves_by)
                if result.outcome is not Outcome.ACCEPTED:
                    return outcomes.incomplete(result, taken, len(segments)) if taken else result
                taken.append(result.provider_id)
            return SendResult(Outcome.ACCEPTED, detail=_TOOK_IT, provider_id=taken[0], part_ids=tuple(taken))
        finally:
            self._sending -= 1
            if not self._sending:
                self._quiet.set()

    async def look_up(self, question: Question) -> Finding:
        """By the SMSC's id; a text whose answer never came has none, and nothing can be asked."""
        if not question.provider_id:
            return Finding()
        asked = query_body(self._ids.as_written(question.provider_id), self.settings.source)
        try:
            answer = await (await self._bound()).request(Command.QUERY_SM, asked)
            if answer.status != OK:
                return Finding()
            reader = Reader(answer.body)
            reader.c_string(), reader.c_string()
            state = reader.octet()
        except (_UnboundError, NotSentError, NoReplyError, PduError):
            return Finding()
        status = outcomes.STATES.get(state)
        if status is None:
            return Finding()
        receipt = Receipt(status, question.reference, question.provider_id)
        return Finding(True, question.provider_id, [receipt])

    def receipts(self) -> AsyncIterator[Said]:
        """The SMSC hears that each was taken when the next one is asked for."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_bound())
        return self._told()

    async def aclose(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._session is not None:
            await self._session.aclose()
        self._heard.put_nowait(None)

    async def _told(self) -> AsyncIterator[Said]:
        while (heard := await self._heard.get()) is not None:
            yield heard.said
            if not heard.stored.done():
                heard.stored.set_result(None)

    async def _submit(self, to: str, segment: Segment, leaves_by: float) -> SendResult:
        loop = asyncio.get_running_loop()
        body = submit_body(
            ShortMessage(
                self.settings.source, self.settings.destination(to), segment.esm_class, segment.data_coding,
                segment.content, _WANTS_RECEIPT, segment.tlvs,
            )
        )  # fmt: skip
        until = min(loop.time() + self.throttled_for, leaves_by)
        while True:
            if (wait := self._paused_until - loop.time()) > 0:
                await asyncio.sleep(wait)
            try:
                if loop.time() > leaves_by:
                    return outcomes.busy()
                async with asyncio.timeout_at(leaves_by):
                    session = await self._bound()
                answer = await session.request(Command.SUBMIT_SM, body, leaves_by=leaves_by)
            except _UnboundError as error:
                return error.result
            except TimeoutError:
                return outcomes.unreached()
            except BusyError:
                return outcomes.busy()
            except NotSentError:
                return outcomes.closed()
            except NoReplyError:
                return outcomes.no_reply()
            if answer.status == OK:
                self._pause = _FIRST_PAUSE
                named = self._ids.answered(message_id_of(answer.body), to)
                return SendResult(Outcome.ACCEPTED, provider_id=named[:128])
            if answer.status not in outcomes.THROTTLED or loop.time() + self._pause > until:
                return outcomes.of_submit(answer.status)
            if self._paused_until <= loop.time():
                self._paused_until = loop.time() + self._pause
                self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def _bound(self) -> Session:
        """The connection, made when there is none; soon after a failure that is its answer once more."""
        async with self._binding:
            if self._session is not None and not self._session.closed.is_set():
                return self._session
            loop = asyncio.get_running_loop()
            if self._failed is not None and loop.time() < self._again_at:
                raise _UnboundError(self._failed)
            try:
                self._session = await self._bind()
            except _UnboundError as error:
                delay = min(_FIRST_DELAY * 2 ** min(self._failures, 10), _LONGEST_DELAY)
                self._failures += 1
                self._failed, self._again_at = error.result, loop.time() + delay * random.uniform(0.8, 1.2)
                raise
            self._failures, self._failed = 0, None
            return self._session

    async def _bind(self) -> Session:
        settings = self.settings
        try:
            session = await Session.open(
                settings.host, settings.port, await self._tls_context(), self._hear,
                window=settings.window, answers_within=settings.timeout, enquires_after=settings.enquires_after,
            )  # fmt: skip
        except ssl.SSLError:
            raise _UnboundError(outcomes.no_tls()) from None
        except (OSError, TimeoutError, ValueError):  # ValueError: a name that no resolver can be asked for
            raise _UnboundError(outcomes.unreached()) from None
        command = Command.BIND_TRANSMITTER if self._keeper is None else Command.BIND_TRANSCEIVER
        try:
            answer = await session.request(
                command, bind_body(settings.system_id, settings.password, settings.system_type)
            )
        except BaseException as error:
            await session.aclose(unbinds=False)
            if isinstance(error, NotSentError | NoReplyError):
                raise _UnboundError(outcomes.unreached()) from None
            raise
        if answer.status != OK:
            await session.aclose(unbinds=False)
            raise _UnboundError(outcomes.of_bind(answer.status))
        return session

    async def _keep_bound(self) -> None:
        """Receipts come over the connection, so there is one also when nothing is sent."""
        while True:
            try:
                session = await self._bound()
            except _UnboundError as error:
                logger.warning("an SMSC is not connected: %s", error)
                await asyncio.sleep(max(self._again_at - asyncio.get_running_loop().time(), 0.1))
                continue
            await session.closed.wait()
            logger.warning("the connection to an SMSC ended; connecting again")

    async def _hear(self, pdu: Pdu) -> bool:
        """Returns when what it says is stored; False refuses what cannot be read."""
        try:
            message = read_short_message(pdu)
            said = await self._read(message)
        except PduError:
            logger.warning("an SMSC brought a message that cannot be read")
            return False
        if said is None:
            return True
        loop, session = asyncio.get_running_loop(), self._session
        words = words_of(message) if isinstance(said, InboundText) else ""
        if isinstance(said, InboundText):
            named = self._replies.brought(message, pdu.sequence, loop.time())
            said = replace(said, provider_id=named, words=words)
        heard = _Heard(said, loop.create_future())
        self._heard.put_nowait(heard)
        await heard.stored
        if words and session is not None and not session.closed.is_set():
            self._replies.answered(message)
            self._heard.put_nowait(_Heard(Confirmed(words), loop.create_future()))
        return True

    async def _read(self, message: ShortMessage) -> Receipt | InboundText | None:
        if not is_receipt(message):
            text, part = text_of(message, alphabet=self.settings.alphabet)
            return InboundText(one_line(message.source.number), text) if part == 1 else None
        told = read_receipt(message)
        if told is None:
            return None
        if not self._ids.understands(told) and not self._quiet.is_set():
            with contextlib.suppress(TimeoutError):  # the answer that names the same message may be on its way
                async with asyncio.timeout(_REPLY_ON_ITS_WAY):
                    await self._quiet.wait()
        named, *others = (one_line(kept)[:128] for kept in self._ids.receipted(told))
        readings = (named, *others) if others else ()
        return Receipt(told.status, provider_id=named, code=told.code, readings=readings, parties=told.parties)

    async def _tls_context(self) -> ssl.SSLContext | None:
        if self.settings.is_tls and self._tls is None:
            self._tls = await asyncio.to_thread(_make_context, self.settings)
        return self._tls


def _make_context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if not settings.is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
