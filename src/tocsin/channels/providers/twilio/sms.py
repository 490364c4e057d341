"""Text messages over Twilio. https://www.twilio.com/docs/messaging/api/message-resource"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from tocsin.channels.base import (
    CallbackReply,
    CallbackRequest,
    Config,
    Finding,
    Message,
    Question,
    Receipt,
    ReceiptStatus,
    SendResult,
)
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.twilio.account import TwilioApi, check_account, moment
from tocsin.channels.providers.twilio.signing import form_of, is_signed
from tocsin.channels.texts import cut_to_parts, one_line, to_gsm7_if_possible
from tocsin.core.sentences import Sentence

_NO_SENDER = Sentence(
    "A number like +15005550006, a short code, a name of at most 11 letters and digits, or the SID of a messaging "
    "service (MG...)."
)
_FROM_1_TO_10 = Sentence("A number from 1 to 10.")

_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|MG[0-9a-zA-Z]{32}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_STATUSES: Mapping[str, ReceiptStatus] = {
    "delivered": ReceiptStatus.DELIVERED,
    "read": ReceiptStatus.DELIVERED,
    "undelivered": ReceiptStatus.FAILED,
    "failed": ReceiptStatus.FAILED,
    "canceled": ReceiptStatus.FAILED,
    "accepted": ReceiptStatus.QUEUED,
    "scheduled": ReceiptStatus.QUEUED,
    "queued": ReceiptStatus.QUEUED,
    "sending": ReceiptStatus.QUEUED,
    "sent": ReceiptStatus.QUEUED,
    "partially_delivered": ReceiptStatus.QUEUED,
}
_CLOCKS_DIFFER_BY = timedelta(seconds=30)


def check(config: Config) -> dict[str, str]:
    found = check_account(config)
    if not _SENDER.fullmatch(config["sender"]):
        found["sender"] = _NO_SENDER
    if not re.fullmatch(r"[1-9]|10", config["max_parts"]):
        found["max_parts"] = _FROM_1_TO_10
    return found


class TwilioSms:
    def __init__(self, config: Config, http: HttpClient) -> None:
        self._api = TwilioApi(config, http)
        self._sender, self._max_parts = config["sender"], int(config["max_parts"])

    async def send(self, message: Message) -> SendResult:
        body = self._body(message.text)
        is_service = self._sender.startswith("MG")
        fields = [
            ("To", message.to),
            ("MessagingServiceSid" if is_service else "From", self._sender),
            ("Body", body),
        ]
        if message.receipt_url:
            fields.append(("StatusCallback", f"{message.receipt_url}?reference={quote(message.reference)}"))
        return await self._api.create("Messages", fields, message.receipt_url, message.to, body)

    async def look_up(self, question: Question) -> Finding:
        """By its SID; without one, the newest to this number with this very text that is no other's."""
        if question.provider_id:
            found = await self._api.get(f"Messages/{quote(question.provider_id, safe='')}")
            return Finding() if found is None else _finding(found, question)
        listed = await self._api.get("Messages", To=question.to, PageSize="50")
        if listed is None or not isinstance(listed.get("messages"), list):
            return Finding()
        body, since = self._body(question.text), question.sent_at - _CLOCKS_DIFFER_BY
        for sent in listed["messages"]:
            is_ours = (
                isinstance(sent, dict) and sent.get("body") == body and str(sent.get("sid")) not in question.others
            )
            if is_ours and moment(sent.get("date_created")) >= since:
                return _finding(sent, question)
        return Finding(is_known=False)

    async def aclose(self) -> None:
        """The client is the caller's."""

    def _body(self, text: str) -> str:
        return cut_to_parts(to_gsm7_if_possible(text.encode("utf-8", "replace").decode()), self._max_parts)


def read_callback(config: Config, request: CallbackRequest) -> CallbackReply:
    try:
        form = form_of(request)
    except ValueError:
        return CallbackReply(status=400)
    if not is_signed(config["auth_token"], request, form):
        return CallbackReply(status=403)
    said = {name: one_line(values[-1]) for name, values in form.items()}
    status = _STATUSES.get(said.get("MessageStatus") or said.get("SmsStatus", ""))
    sid = (said.get("MessageSid") or said.get("SmsSid", ""))[:64]
    if status is None or not sid:
        return CallbackReply()
    code = said.get("ErrorCode", "")[:16]
    return CallbackReply([Receipt(status, request.query.get("reference", ""), sid, code=code)])


def _finding(sent: Mapping[str, Any], question: Question) -> Finding:
    sid = str(sent.get("sid") or question.provider_id)[:64]
    status = _STATUSES.get(str(sent.get("status")))
    if status is None or status is ReceiptStatus.QUEUED:
        return Finding(True, sid)
    code = str(sent.get("error_code") or "")[:16]
    return Finding(True, sid, [Receipt(status, question.reference, sid, code=code)])
