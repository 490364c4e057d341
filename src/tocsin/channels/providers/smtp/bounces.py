"""Bounces: mail to the address that a message came from, with its token. Pure. RFC 3464, and qmail's own form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message as Mail
from email.policy import compat32

from tocsin.channels.base import CallbackReply, CallbackRequest, Config, Receipt, ReceiptStatus
from tocsin.channels.texts import concealed

_TOKEN = re.compile(r"\+([a-z0-9]{1,13}-[a-z0-9]{16})@", re.IGNORECASE)
_RECIPIENT_HEADERS = ("X-Original-To", "Delivered-To", "Envelope-To", "To")
_CODE = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ADDRESS = re.compile(r"[^\s<>@,;:]+@[^\s<>@,;:]+")
_QMAIL = re.compile(r"\AHi\. This is the ")
_GONE = frozenset({"5.0.0", "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})
"""The address does not exist, or takes nothing any more. What is full, too large or refused as spam may work again."""
_PARTS_READ = 20


def read_callback(_config: Config, request: CallbackRequest) -> CallbackReply:
    """A mail as it came, in the body; `?to=` its envelope recipient, where the headers do not say. Bounces of ours are
    receipts; other mail (an answer from a holiday) is taken and means nothing. A token that is not ours gives 403.
    """
    mail = message_from_bytes(request.body, policy=compat32)
    tokens = list(_tokens(mail, request.query.get("to", "")))
    if not tokens:
        return CallbackReply(status=400)
    reference = next(filter(None, (request.reference_of(token) for token in tokens)), "")
    if not reference:
        return CallbackReply(status=403)
    receipt = read_bounce(mail, reference)
    return CallbackReply([receipt] if receipt is not None else [])


def read_bounce(mail: Mail, reference: str) -> Receipt | None:
    """None when it is none: only reports of mail servers count, never what a person or a machine answers."""
    parts = [part for _number, part in zip(range(_PARTS_READ), mail.walk(), strict=False)]
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return _report(part, reference)
    text = next((part for part in parts if part.get_content_type() == "text/plain"), None)
    body = text.get_payload(decode=True) if text is not None else None
    said = body.decode("utf-8", "replace").lstrip() if isinstance(body, bytes) else ""
    if not _QMAIL.match(said):
        return None
    failed = said.partition("--- Below this line")[0]
    code = match.group(1) if (match := _CODE.search(failed)) else "5.0.0"
    return _receipt("failed", code, failed.partition(":\n")[2], reference)


def _report(part: Mail, reference: str) -> Receipt | None:
    """The first recipient's: each of our messages has one."""
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Mail) and block.get("Action"):
            status = match.group(1) if (match := _CODE.search(str(block.get("Status", "")))) else "5.0.0"
            said = str(block.get("Diagnostic-Code", ""))
            return _receipt(str(block["Action"]).strip().lower(), status, said.partition(";")[2] or said, reference)
    return None


def _receipt(action: str, code: str, said: str, reference: str) -> Receipt | None:
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
