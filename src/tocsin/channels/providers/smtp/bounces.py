"""Bounces: mail to the address that a message came from, with its token. Pure. RFC 3464, and qmail's own form."""

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
_NAMED = ("Original-Recipient", "Final-Recipient")
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
    tokens = list(_tokens(headers, request.query.get("to", "")))
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
            if isinstance(part, Mail) and part.get_content_type() == "message/delivery-status":
                return _report(part, reference, is_addressee)
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
    is_ours = not named or any(is_addressee(address) for address in named[:_PARTS_READ])
    return _receipt("failed" if is_ours else "expanded", code, failed.partition(":\n")[2], reference)


def _report(part: Mail, reference: str, is_addressee: Callable[[str], bool]) -> Receipt | None:
    """The first recipient's: each of our messages has one."""
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Mail) and block.get("Action"):
            status = match.group(1) if (match := _CODE.search(str(block.get("Status", "")))) else "5.0.0"
            said = str(block.get("Diagnostic-Code", ""))
            named = [str(block[name]).partition(";")[2].strip(" <>\t\r\n") for name in _NAMED if block.get(name)]
            is_ours = not named or any(is_addressee(address) for address in named)
            action = str(block["Action"]).strip().lower() if is_ours else "expanded"
            return _receipt(action, status, said.partition(";")[2] or said, reference)
    return None


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
