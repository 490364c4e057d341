"""Connections that are kept, and the conversation that hands one mail over."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.providers.smtp.account import Account, ascii_domain, is_address
from tocsin.channels.providers.smtp.mime import Composer
from tocsin.channels.providers.smtp.outcomes import Stage, from_error, from_reply
from tocsin.core.sentences import Sentence

_NO_ADDRESS = Sentence("This is not an email address.")
_ASCII_ONLY = Sentence("The mail server takes no international addresses.")
_NO_STARTTLS = Sentence(
    "The server offers no STARTTLS, so the password was not sent. "
    'Set the encryption to "none" if it may go in clear text.'
)
_TOOK_IT = Sentence("The mail server took it.")

_MAILS_PER_LINK = 100
_IDLE_FOR = 20.0
_GOODBYE = 2.0
_FEWER_FOR = 60.0
"""Seconds for which a server that takes no more connections at once is left with those that it has."""
_CAUGHT = (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError, RuntimeError)


@dataclass(slots=True, eq=False)
class _Link:
    """An open, signed-in connection."""

    client: aiosmtplib.SMTP
    protocol: SMTPProtocol
    mails: int = 0
    leaves: asyncio.TimerHandle | None = None


class _LostBeforeContentError(Exception):
    """A kept connection turned out to be gone, with nothing sent: a new one may be used at once."""


class SmtpEmail:
    """At most `account.connections` connections, each kept while it is busy."""

    def __init__(self, account: Account, *, idle_for: float = _IDLE_FOR) -> None:
        self._account = account
        self._idle_for = idle_for
        self._composer = Composer(account)
        self._slots = asyncio.Semaphore(account.connections)
        self._idle: list[_Link] = []
        self._tls: ssl.SSLContext | None = None
        self._is_closed = False
        self._busy = 0
        """Mails whose turn it is."""

    async def send(self, message: Message) -> SendResult:
        local, _, domain = message.to.rpartition("@")
        recipient = f"{local}@{ascii_domain(domain)}"
        if not is_address(recipient):
            return SendResult(Outcome.PERMANENT_TARGET, "address", _NO_ADDRESS)
        content = self._composer.compose(message, recipient)
        sender = self._account.envelope_sender(message.return_token)
        while (result := await self._send_in_turn(sender, recipient, content)) is None:
            pass
        return result

    async def _send_in_turn(self, sender: str, recipient: str, content: bytes) -> SendResult | None:
        """None when the server takes no more connections beside those that other mails have: one place is given up
        for a while, and this mail's turn comes when another is through.
        """
        await self._slots.acquire()
        self._busy += 1
        is_given_up = False
        try:
            link = self._kept_link()
            if link is not None:
                with contextlib.suppress(_LostBeforeContentError):
                    return await self._hand_over(link, sender, recipient, content, is_new=False)
            opened = await self._open_link()
            if not isinstance(opened, SendResult):
                return await self._hand_over(opened, sender, recipient, content, is_new=True)
            is_refused = opened.outcome is Outcome.TRANSIENT and opened.code[:1].isdigit()
            is_given_up = is_refused and self._busy > 1
            return None if is_given_up else opened
        finally:
            self._busy -= 1
            if is_given_up:
                asyncio.get_running_loop().call_later(_FEWER_FOR, self._slots.release)
            else:
                self._slots.release()

    async def aclose(self) -> None:
        self._is_closed = True
        links, self._idle = self._idle, []
        for link in links:
            if link.leaves is not None:
                link.leaves.cancel()
            transport = link.client.transport
            with contextlib.suppress(*_CAUGHT):
                await link.client.quit(timeout=_GOODBYE)
            link.client.close()
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()  # a TLS farewell would outlive the event loop
        await asyncio.sleep(0)

    def _kept_link(self) -> _Link | None:
        while self._idle:
            link = self._idle.pop()
            if link.leaves is not None:
                link.leaves.cancel()
            if link.protocol.is_connected:
                return link
            link.client.close()
        return None

    async def _open_link(self) -> _Link | SendResult:
        account, stage = self._account, Stage.CONNECT
        client = aiosmtplib.SMTP(
            hostname=account.host,
            port=account.port,
            use_tls=account.security == "tls",
            start_tls={"auto": None, "starttls": True}.get(account.security, False),
            tls_context=await self._tls_context() if account.security != "none" else None,
            local_hostname=account.hello,
            timeout=account.timeout,
        )
        try:
            await client.connect()
            if account.username:
                stage = Stage.LOGIN
                if account.security == "auto" and client.get_transport_info("sslcontext") is None:
                    client.close()
                    return SendResult(
                        Outcome.PERMANENT_CONFIG,
                        "no-starttls",
                        _NO_STARTTLS,
                    )
                await client.login(account.username, account.password)
            elif client.is_ehlo_or_helo_needed:
                await _greet(client)
            if client.protocol is None:
                raise aiosmtplib.SMTPServerDisconnected("closed after the greeting")
            return _Link(client, client.protocol)
        except _CAUGHT as error:
            client.close()
            return from_error(stage, error, account.password, account.username)
        except BaseException:
            client.close()
            raise

    async def _hand_over(self, link: _Link, sender: str, recipient: str, content: bytes, *, is_new: bool) -> SendResult:
        """MAIL, RCPT, DATA, content: the stage decides what a broken connection means."""
        protocol, timeout, stage = link.protocol, self._account.timeout, Stage.MAIL
        size = b" SIZE=%d" % len(content) if link.client.supports_extension("size") else b""
        if not (sender + recipient + self._account.sender.rpartition("@")[0]).isascii():
            if not link.client.supports_extension("smtputf8"):
                self._keep(link)
                is_theirs = not recipient.isascii()  # another server may take it, and this one is well for the others
                return SendResult(Outcome.PERMANENT_CONFIG, "smtputf8", _ASCII_ONLY, is_about_message=is_theirs)
            size += b" SMTPUTF8"
        try:
            reply = await protocol.execute_command(b"MAIL", b"FROM:<%s>%s" % (sender.encode(), size), timeout=timeout)
            if reply.code == 421 and not is_new:
                raise aiosmtplib.SMTPServerDisconnected("closed while it was kept")
            if reply.code != 250:
                return await self._refused(link, stage, reply, recipient)
            stage = Stage.RCPT
            reply = await protocol.execute_command(b"RCPT", b"TO:<%s>" % recipient.encode(), timeout=timeout)
            if reply.code not in (250, 251):
                return await self._refused(link, stage, reply, recipient)
            stage = Stage.DATA
            reply = await protocol.execute_command(b"DATA", timeout=timeout)
            if reply.code != 354:
                return await self._refused(link, stage, reply, recipient)
            protocol.write(content)
            stage = Stage.SENT
            reply = await protocol.read_response(timeout=2 * timeout)
        except _CAUGHT as error:
            link.client.close()
            is_lost = isinstance(error, ConnectionError) and not isinstance(error, aiosmtplib.SMTPResponseException)
            if is_lost and not is_new and stage is Stage.MAIL:
                raise _LostBeforeContentError from None
            return from_error(stage, error, recipient)
        except BaseException:
            link.client.close()
            raise
        if reply.code != 250:
            return await self._refused(link, stage, reply, recipient)
        self._keep(link)
        return SendResult(Outcome.ACCEPTED, str(reply.code), _TOOK_IT)

    async def _refused(self, link: _Link, stage: Stage, reply: aiosmtplib.SMTPResponse, recipient: str) -> SendResult:
        """Makes the connection ready for another mail, or lets it go."""
        result = from_reply(stage, reply.code, reply.message, recipient)
        if reply.code == 421:
            link.client.close()
            return result
        try:
            reset = await link.protocol.execute_command(b"RSET", timeout=self._account.timeout)
        except _CAUGHT:
            link.client.close()
            return result
        if reset.code == 250:
            self._keep(link)
        else:
            link.client.close()
        return result

    def _keep(self, link: _Link) -> None:
        """For the next mail, until it was idle or used for long enough: servers have few places."""
        link.mails += 1
        if self._is_closed or link.mails >= _MAILS_PER_LINK:
            _leave(link)
            return
        self._idle.append(link)
        link.leaves = asyncio.get_running_loop().call_later(self._idle_for, self._leave_idle, link)

    def _leave_idle(self, link: _Link) -> None:
        self._idle.remove(link)
        _leave(link)

    async def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.to_thread(_make_context, self._account)
        return self._tls


async def _greet(client: aiosmtplib.SMTP) -> None:
    """EHLO, or HELO with servers that know no extensions."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


def _leave(link: _Link) -> None:
    if link.protocol.is_connected:
        link.protocol.write(b"QUIT\r\n")
    link.client.close()


def _make_context(account: Account) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=account.ca_file or None)
    if not account.is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
