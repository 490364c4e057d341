"""A mail server that keeps what it takes, and refuses, delays or drops what it is told to.

As strict as a real one: sizes, sign-in before MAIL, TLS before sign-in where asked for, line lengths of RFC 5321.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from simulators.certificates import server_context
from simulators.serving import Server
from simulators.waiting import wait_until

_MAX_LINE = 998


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    sender: str
    recipient: str
    content: bytes = field(repr=False)
    user: str = ""
    over_tls: bool = False

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=default)

    def part(self, kind: str) -> str:
        """The text of the part "plain" or "html"; "" when there is none."""
        body = self.message.get_body((kind,))
        return body.get_content().replace("\r\n", "\n") if body is not None else ""


class SmtpSimulator(Server):
    """`tls`: "none", "starttls" or "tls". With `user`, nothing is taken before that user signed in."""

    def __init__(
        self,
        *,
        tls: str = "none",
        user: str = "",
        password: str = "",
        max_size: int = 10_000_000,
        takes_utf8: bool = False,
    ) -> None:
        super().__init__()
        self.messages: list[ReceivedMail] = []
        self.connections = 0
        self.hanging = 0
        self.refused: list[tuple[str, str]] = []
        self._tls, self._user, self._password, self._max_size = tls, user, password, max_size
        self._takes_utf8 = takes_utf8
        self._sender_replies: list[str] = []
        self._scripts: dict[str, list[str]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="smtp-")
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self._open_transports: set[asyncio.BaseTransport] = set()

    def answer(self, recipient: str, *replies: str) -> None:
        """The next replies to a recipient, in order: "550 5.1.1 no", "ok", or one of these acts:

        "refuse begin 451 4.3.1 no" (at DATA, before any of it), "refuse data 554 5.7.1 no" (after all of it), "drop at
        rcpt", "drop after data" (taken, then cut off without an answer), "hang at rcpt", "hang after data", "pause at
        rcpt" (answers 0.3 s later).
        """
        self._scripts.setdefault(recipient.lower(), []).extend(replies)

    def answer_sender(self, *replies: str) -> None:
        """The next replies to MAIL FROM, in order; "drop" cuts off."""
        self._sender_replies.extend(replies)

    def greylist(self, recipient: str) -> None:
        """Refuses the first try."""
        self.answer(recipient, "451 4.7.1 Greylisted, try again in 300 seconds", "ok")

    @property
    def open_connections(self) -> int:
        return len(self._open_transports)

    def close_idle_connections(self) -> None:
        """As servers do with connections that are kept too long."""

        async def close() -> None:
            for transport in list(self._open_transports):
                transport.close()
            await asyncio.sleep(0.05)

        self.run(close())

    def to(self, recipient: str) -> list[ReceivedMail]:
        return [mail for mail in self.messages if mail.recipient.lower() == recipient.lower()]

    def wait_for(self, count: int, *, within: float = 60.0) -> list[ReceivedMail]:
        wait_until(lambda: len(self.messages) >= count, within=within, what=f"{count} mails")
        return self.messages

    def __exit__(self, *arguments: object) -> None:
        super().__exit__(*arguments)
        self._folder.cleanup()

    async def _open(self) -> None:
        context = self._context() if self._tls != "none" else None
        self._server = await self._loop.create_server(
            lambda: self._protocol(context), self.host, self.port, ssl=context if self._tls == "tls" else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for transport in list(self._open_transports):
            transport.close()
        await asyncio.sleep(0)

    def _protocol(self, context: ssl.SSLContext | None) -> SMTP:
        self.connections += 1
        has_starttls = self._tls == "starttls"
        return _Conversation(
            self,
            handler=_Handler(self),
            loop=self._loop,
            hostname="simulator",
            enable_SMTPUTF8=self._takes_utf8,
            data_size_limit=self._max_size,
            tls_context=context if has_starttls else None,
            authenticator=self._authenticate if self._user else None,
            auth_require_tls=has_starttls,
        )

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
        expected = LoginPassword(self._user.encode(), self._password.encode())
        if mechanism in ("LOGIN", "PLAIN") and data == expected:
            return AuthResult(success=True, auth_data=self._user)
        return AuthResult(success=False, handled=False, message="535 5.7.8 Authentication credentials invalid")

    def _context(self) -> ssl.SSLContext:
        return server_context(Path(self._folder.name), self.host)

    def next_sender_reply(self) -> str:
        return self._sender_replies.pop(0) if self._sender_replies else "250 2.1.0 OK"

    def next_reply(self, recipient: str) -> str:
        script = self._scripts.get(recipient.lower())
        return script.pop(0) if script else "ok"


class _Conversation(SMTP):
    def __init__(self, simulator: SmtpSimulator, **options: Any) -> None:
        self._simulator = simulator
        super().__init__(**options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._simulator._open_transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._simulator._open_transports.discard(self.transport)
        super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:
        act = self.event_handler.act
        if act.startswith("refuse begin "):
            await self.push(act.removeprefix("refuse begin "))
            return
        await super().smtp_DATA(arg)


class _Handler:
    """aiosmtpd's hooks, whose names it decides."""

    def __init__(self, simulator: SmtpSimulator) -> None:
        self._simulator = simulator
        self.act = "ok"

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self._simulator._user and not session.authenticated:
            return "530 5.7.0 Authentication required"
        reply = self._simulator.next_sender_reply()
        if reply == "drop":
            server.transport.abort()
            await asyncio.sleep(3600)
        if reply.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:
        self.act = self._simulator.next_reply(address)
        if self.act == "drop at rcpt":
            server.transport.abort()
            await asyncio.sleep(3600)
        if self.act == "pause at rcpt":
            await asyncio.sleep(0.3)
        if self.act == "hang at rcpt":
            self._simulator.hanging += 1
            await asyncio.sleep(3600)
        if self.act[:1].isdigit():
            self._simulator.refused.append((address, self.act))
            return self.act
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if any(len(line) > _MAX_LINE for line in envelope.content.split(b"\r\n")):
            return "500 5.6.0 Line too long"
        if b"\n" in envelope.content.replace(b"\r\n", b"") or b"\r" in envelope.content.replace(b"\r\n", b""):
            return "550 5.6.11 Bare line ends are refused"
        if self.act.startswith("refuse data "):
            return self.act.removeprefix("refuse data ")
        for recipient in envelope.rcpt_tos:
            self._simulator.messages.append(
                ReceivedMail(
                    sender=envelope.mail_from,
                    recipient=recipient,
                    content=envelope.content,
                    user=session.auth_data or "",
                    over_tls=server.transport.get_extra_info("sslcontext") is not None,
                )
            )
        if self.act == "drop after data":
            server.transport.abort()
            await asyncio.sleep(3600)
        if self.act == "hang after data":
            await asyncio.sleep(3600)
        return "250 2.0.0 OK: queued"
