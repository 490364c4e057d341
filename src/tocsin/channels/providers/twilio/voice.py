"""Calls over Twilio that say a message and take keys. https://www.twilio.com/docs/voice/api/call-resource"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from tocsin.channels.base import (
    REPEAT_KEY,
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
from tocsin.channels.providers.twilio.twiml import announcement, answered, asked_again, hung_up, told, with_query
from tocsin.channels.texts import one_line
from tocsin.core.sentences import Sentence

_NO_CALLER = Sentence("A number that the account may call from, like +15005550006.")
_RINGS = Sentence("A number of seconds from 5 to 120.")

_CLOCKS_DIFFER_BY = timedelta(seconds=30)
_FAILED_BY_SIP: Mapping[str, ReceiptStatus] = {
    "403": ReceiptStatus.REJECTED,
    "408": ReceiptStatus.NO_ANSWER,
    "480": ReceiptStatus.NO_ANSWER,
    "486": ReceiptStatus.BUSY,
    "487": ReceiptStatus.NO_ANSWER,
    "600": ReceiptStatus.BUSY,
    "603": ReceiptStatus.REJECTED,
}
_ENDED: Mapping[str, ReceiptStatus] = {
    "busy": ReceiptStatus.BUSY,
    "no-answer": ReceiptStatus.NO_ANSWER,
    "canceled": ReceiptStatus.FAILED,
}


def check(config: Config) -> dict[str, str]:
    found = check_account(config)
    if not re.fullmatch(r"\+[1-9]\d{6,14}", config["sender"]):
        found["sender"] = _NO_CALLER
    if not (re.fullmatch(r"[1-9]\d{0,2}", config["ring_seconds"]) and 5 <= int(config["ring_seconds"]) <= 120):
        found["ring_seconds"] = _RINGS
    return found


class TwilioVoice:
    def __init__(self, config: Config, http: HttpClient) -> None:
        self._api = TwilioApi(config, http)
        self._sender, self._rings = config["sender"], config["ring_seconds"]
        self._detects = config["machine_detection"] == "yes"

    async def send(self, message: Message) -> SendResult:
        """Twilio queues the call; what became of it comes by callbacks, and who picks up hears the message at once."""
        fields = [
            ("To", message.to),
            ("From", self._sender),
            ("Twiml", announcement(message)),
            ("Timeout", self._rings),
        ]
        if message.receipt_url:
            report = with_query(message.receipt_url, reference=message.reference)
            fields += [("StatusCallback", report), ("StatusCallbackEvent", "answered")]
            fields += [("StatusCallbackEvent", "completed")]
        if self._detects:
            fields += [("MachineDetection", "Enable"), ("AsyncAmd", "true")]
            fields += [("AsyncAmdStatusCallback", report)] if message.receipt_url else []
        return await self._api.create("Calls", fields, message.receipt_url, message.to, message.text)

    async def look_up(self, question: Question) -> Finding:
        """By its SID; without one, the newest to this number that is no other's. Nobody is called twice at a time."""
        if question.provider_id:
            found = await self._api.get(f"Calls/{quote(question.provider_id, safe='')}")
            return Finding() if found is None else self._finding(found, question)
        listed = await self._api.get("Calls", To=question.to, PageSize="50")
        if listed is None or not isinstance(listed.get("calls"), list):
            return Finding()
        since = question.sent_at - _CLOCKS_DIFFER_BY
        for call in listed["calls"]:
            is_ours = isinstance(call, dict) and call.get("from") == self._sender
            if is_ours and str(call.get("sid")) not in question.others and moment(call.get("date_created")) >= since:
                return self._finding(call, question)
        return Finding(is_known=False)

    async def aclose(self) -> None:
        """The client is the caller's."""

    def _finding(self, call: Mapping[str, Any], question: Question) -> Finding:
        sid = str(call.get("sid") or question.provider_id)[:64]
        said = {"CallStatus": str(call.get("status")), "AnsweredBy": str(call.get("answered_by") or "")}
        status = _status(said, awaits_detection=self._detects and call.get("status") == "in-progress")
        if status is ReceiptStatus.QUEUED:
            return Finding(True, sid)
        return Finding(True, sid, [Receipt(status, question.reference, sid)])


def read_callback(config: Config, request: CallbackRequest) -> CallbackReply:
    """A key that was pressed is answered in the call; anything else is news of it."""
    try:
        form = form_of(request)
    except ValueError:
        return CallbackReply(status=400)
    if not is_signed(config["auth_token"], request, form):
        return CallbackReply(status=403)
    said = {name: one_line(values[-1]) for name, values in form.items()}
    if "Digits" in said:
        return _answer(request, said)
    sid = said.get("CallSid", "")[:64]
    if not sid:
        return CallbackReply()
    status = _status(said, awaits_detection=config["machine_detection"] == "yes")
    code = said.get("SipResponseCode", "") if status is not ReceiptStatus.QUEUED else ""
    return CallbackReply([Receipt(status, request.query.get("reference", ""), sid, code=code[:16])])


def _answer(request: CallbackRequest, said: Mapping[str, str]) -> CallbackReply:
    reference, pressed = request.query.get("reference", ""), said["Digits"][:1]
    script = request.script_of(reference)
    if script is None:
        return _spoken(hung_up())
    action = with_query(request.url.partition("?")[0], reference=reference)
    key = script.keys.get(pressed)
    if key is None or pressed == REPEAT_KEY:
        return _spoken(told(script, action))
    if key.confirm and request.query.get("confirm") != pressed:
        return _spoken(asked_again(script, key, f"{action}&confirm={pressed}"))
    receipt = Receipt(ReceiptStatus.KEY_PRESSED, reference, said.get("CallSid", "")[:64], key=pressed)
    return _spoken(answered(script, key), receipt)


def _spoken(document: str, *receipts: Receipt) -> CallbackReply:
    return CallbackReply(receipts, 200, "text/xml; charset=utf-8", document.encode())


def _status(said: Mapping[str, str], *, awaits_detection: bool) -> ReceiptStatus:
    """QUEUED where nothing is certain yet.

    `awaits_detection`: who answered is told by a callback of its own, so an answer or an end without it proves nobody.
    """
    answered_by, status = said.get("AnsweredBy", ""), said.get("CallStatus", "")
    if answered_by.startswith("machine") or answered_by == "fax":
        return ReceiptStatus.MACHINE
    if answered_by or (status in ("in-progress", "completed") and not awaits_detection):
        return ReceiptStatus.ANSWERED
    if status == "failed":
        return _FAILED_BY_SIP.get(said.get("SipResponseCode", ""), ReceiptStatus.UNREACHABLE)
    return _ENDED.get(status, ReceiptStatus.QUEUED)
