"""Bounces: mail to the address that a message came from, with its token. Pure. RFC 3464, 6533, qmail's own form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message as Mail
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import parseaddr

from tocsin.channels.base import CallbackReply, CallbackRequest, Config, Receipt, ReceiptStatus
from tocsin.channels.texts import concealed

_TOKEN = re.compile(r"\+([a-z0-9]{1,13}-[a-z0-9]{16})@", re.IGNORECASE)
_RECIPIENT_HEADERS = ("X-Original-To", "Delivered-To", "Envelope-To", "To")
_CODE = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ADDRESS = re.compile(r"[^\s<>@,;:]{1,64}@[^\s<>@,;:]{1,255}")
_QMAIL = re.compile(r"\AHi\. This is the ")
_QMAIL_RECIPIENT = re.compile(r"^<([^<>\s]{1,320})>:$", re.MULTILINE)
_STATUS = "message/delivery-status"
_INTERNATIONAL_STATUS = "message/global-delivery-status"
_BLANK_LINE = re.compile(rb"\r?\n(?:\r?\n)+")
_NAMED = ("original-recipient", "final-recipient")
_MACHINES = ("mailer-daemon", "postmaster", "microsoftexchange")
"""How the senders of reports begin, where the envelope's, which is empty, is not in the headers."""
_GONE = frozenset({"5.0.0", "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})
"""The address does not exist, or takes nothing any more. What is full, too large or refused as spam may work again."""
_PARTS_READ = 20
_SAID_READ = 1000


def read_callback(_config: Config, request: CallbackRequest) -> CallbackReply:
    """A mail as it came, in the body; `?to=` its envelope recipient, where the headers do not say. Bounces of ours are
    receipts; other mail (an answer from a holiday) is taken and means nothing. A token that is not ours gives 403.
    """
    headers = BytesHeaderParser(policy=compat32).parsebytes(request.body)
    recipient = request.query.get("to", "").replace(" ", "+")  # which a + in an address of the web means
    tokens = list(_tokens(headers, recipient))
    if not tokens:
        return CallbackReply(status=400)
    reference = next(filter(None, (request.reference_of(token) for token in tokens)), "")
    if not reference:
        return CallbackReply(status=403)
    if not _is_of_a_machine(headers):
        return CallbackReply([])
    try:
        mail = message_from_bytes(request.body, policy=compat32)
    except RecursionError:  # parts within parts: no mail server writes that
        return CallbackReply([])
    receipt = read_bounce(mail, reference, lambda address: request.is_addressee(reference, address))
    return CallbackReply([receipt] if receipt is not None else [])


def read_bounce(mail: Mail, reference: str, is_addressee: Callable[[str], bool] = lambda _: True) -> Receipt | None:
    """None when it is none: only what a mail server reports itself counts, never what a person or a machine answers,
    or passes on. What became of another address than the message's is kept and changes nothing.
    """
    if mail.get_content_type() == "multipart/report":
        parts = mail.get_payload()
        if str(mail.get_param("report-type", "")).lower() != "delivery-status" or not isinstance(parts, list):
            return None
        for part in parts[:_PARTS_READ]:
            if isinstance(part, Mail) and part.get_content_type() in (_STATUS, _INTERNATIONAL_STATUS):
                return _report(_blocks(part), reference, is_addressee)
        return None
    return _qmails(mail, reference, is_addressee) if mail.get_content_type() == "text/plain" else None


def _is_of_a_machine(headers: Mail) -> bool:
    """Reports have no sender, so that they are never answered by another one."""
    envelope = headers.get("Return-Path")
    sender = str(headers.get("From", "") if envelope is None else envelope)
    address = parseaddr(sender)[1].lower()
    return (envelope is not None and not address) or address.startswith(_MACHINES)


def _qmails(mail: Mail, reference: str, is_addressee: Callable[[str], bool]) -> Receipt | None:
    body = mail.get_payload(decode=True)
    said = body.decode("utf-8", "replace").lstrip() if isinstance(body, bytes) else ""
    if not _QMAIL.match(said):
        return None
    failed = said.partition("--- Below this line")[0]
    code = match.group(1) if (match := _CODE.search(failed)) else "5.0.0"
    named = _QMAIL_RECIPIENT.findall(failed)
    is_ours = not named or any(
        is_addressee(spelling) for address in named[:_PARTS_READ] for spelling in _spellings(address)
    )
    return _receipt("failed" if is_ours else "expanded", code, failed.partition(":\n")[2], reference)


def _blocks(part: Mail) -> list[Mail]:
    """The fields of the message, then those of each recipient. Python takes the international form for a mail, whose
    fields are the first block and whose text is the others.
    """
    payload = part.get_payload()
    blocks = [block for block in payload if isinstance(block, Mail)] if isinstance(payload, list) else []
    if part.get_content_type() == _INTERNATIONAL_STATUS and blocks:
        rest = blocks[0].get_payload(decode=True)
        others = _BLANK_LINE.split(rest, _PARTS_READ) if isinstance(rest, bytes) else []
        blocks += [message_from_bytes(block, policy=compat32) for block in others]
    return blocks


def _report(blocks: list[Mail], reference: str, is_addressee: Callable[[str], bool]) -> Receipt | None:
    """The first recipient's: each of our messages has one."""
    for block in blocks:
        fields = {name.lower(): _unicode(str(value)) for name, value in block.raw_items()}
        if action := fields.get("action", "").strip().lower():
            status = match.group(1) if (match := _CODE.search(fields.get("status", ""))) else "5.0.0"
            said = fields.get("diagnostic-code", "")
            named = [fields[name].partition(";")[2].strip(" <>\t\r\n") for name in _NAMED if name in fields]
            is_ours = not named or any(is_addressee(spelling) for name in named for spelling in _spellings(name))
            return _receipt(action if is_ours else "expanded", status, said.partition(";")[2] or said, reference)
    return None


def _unicode(field: str) -> str:
    """A field as it came, whose bytes outside ASCII the parser has kept for us."""
    return field.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _spellings(address: str) -> Iterator[str]:
    """As the server writes it, and with an international domain as people write it."""
    yield address
    local, _, domain = address.rpartition("@")
    try:
        yield f"{local}@{domain.encode('ascii').decode('idna')}"
    except UnicodeError:
        return


def _receipt(action: str, code: str, said: str, reference: str) -> Receipt | None:
    said = said[:_SAID_READ]
    match action:
        case "delivered":
            status = ReceiptStatus.DELIVERED
        case "failed":
            precise = match.group(1) if code == "5.0.0" and (match := _CODE.search(said)) else code
            code = precise
            status = ReceiptStatus.BOUNCED if code in _GONE else ReceiptStatus.FAILED
        case "delayed" | "relayed" | "expanded":
            status = ReceiptStatus.QUEUED
        case _:
            return None
    return Receipt(status, reference, code=code, detail=concealed(_ADDRESS.sub("***", said)))


def _tokens(mail: Mail, recipient: str) -> Iterator[str]:
    """Of the addresses that it came to, in small letters: some servers change them."""
    named = (
        [recipient] if recipient else [str(value) for name in _RECIPIENT_HEADERS for value in mail.get_all(name, [])]
    )
    for text in named[:_PARTS_READ]:
        for token in _TOKEN.findall(text):
            yield token.lower()
