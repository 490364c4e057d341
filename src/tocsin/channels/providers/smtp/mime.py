"""Making the mail. What the recipients of one content share is made once; each gets headers of its own before it."""

from __future__ import annotations

import hashlib
import re
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from functools import lru_cache

from tocsin.channels.base import Message
from tocsin.channels.providers.smtp.account import Account, ascii_domain
from tocsin.channels.texts import one_line

_POLICY = SMTP.clone(cte_type="7bit")
_SPECIAL = re.compile(r'[()<>@,;:\\".\[\]=?]')
_ID_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LEADING_DOT = re.compile(rb"(?m)^\.")


class Composer:
    """Mails of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._sender = _mailbox("From", account.sender_name, account.sender)
        self._shared = lru_cache(maxsize=64)(self._render)

    def compose(self, message: Message, recipient: str) -> bytes:
        """Ready for DATA: CRLF line ends, leading dots doubled, the closing dot included."""
        digest, shared = self._shared(
            message.subject, message.text, message.html, message.thread, message.is_thread_start, message.urgent
        )
        identity = hashlib.sha256(digest + recipient.encode()).hexdigest()[:12]
        reference = _ID_SAFE.sub("-", message.reference)
        own = (
            f"Message-ID: <{reference}.{identity}@{self._account.domain}>\r\n"
            f"Date: {formatdate()}\r\n"
            f"{self._sender}\r\n"
            f"{_mailbox('To', message.to_name, recipient)}\r\n"
        )
        return own.encode() + shared

    def _render(
        self, subject: str, text: str, html: str, thread: str, is_thread_start: bool, urgent: bool
    ) -> tuple[bytes, bytes]:
        """A digest of the content, and the mail without the headers that differ from one recipient to another.

        The digest goes into the Message-ID: it stays over retries, and another installation that sends from the same
        domain, or this one made anew, cannot have its mail dropped as a copy.
        """
        subject, text, html = (part.encode("utf-8", "replace").decode() for part in (subject, text, html))
        mail = EmailMessage(policy=_POLICY)
        mail["Subject"] = one_line(subject) or one_line(text)[:78]
        if self._account.reply_to:
            mail["Reply-To"] = self._account.reply_to
        if thread:
            root = f"<{_ID_SAFE.sub('-', thread)}@{self._account.domain}>"
            mail["References"] = root
            if not is_thread_start:
                mail["In-Reply-To"] = root
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        if urgent:
            mail["Importance"] = "high"
            mail["X-Priority"] = "1"
        mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")
        digest = hashlib.sha256("\0".join((subject, text, thread)).encode()).digest()
        return digest, _LEADING_DOT.sub(b"..", mail.as_bytes().rstrip(b"\r\n") + b"\r\n") + b".\r\n"


def _mailbox(header: str, name: str, address: str) -> str:
    """One address header, folded, in ASCII unless the address itself needs SMTPUTF8."""
    local, _, domain = address.rpartition("@")
    bare = f"{local}@{ascii_domain(domain)}"
    name = one_line(name)
    if not name:
        return f"{header}: {bare}"
    if not name.isascii():
        return f"{header}: {Header(name, 'utf-8', header_name=header).encode(linesep=chr(13) + chr(10))} <{bare}>"
    if _SPECIAL.search(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{header}: {name} <{bare}>"
