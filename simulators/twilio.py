"""Twilio's REST doors for messages and calls, its signed callbacks, and phones that do as they are told.

As strict as the vendor: basic authentication, required parameters, its error codes and bodies, callbacks signed with
the account's token over the whole address, statuses in any order a test wants.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from simulators import twiml
from simulators.serving import HttpServer
from simulators.waiting import wait_until
from tocsin.channels.texts import sms_parts

_MAX_BODY = 1600
_MESSAGES = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    21201: (400, "No 'To' number is specified"),
    21210: (400, "'From' phone number not verified"),
    21219: (400, "Invalid MachineDetection"),
    21626: (400, "Invalid StatusCallbackEvent"),
    21211: (400, "Invalid 'To' Phone Number: {to}"),
    21212: (400, "Invalid 'From' Number"),
    21205: (400, "Url is not a valid URL"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21608: (400, "The number {to} is unverified. Trial accounts cannot send messages to unverified numbers"),
    21609: (400, "The StatusCallback URL {callback} is not a valid URL"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21614: (400, "'To' number is not a valid mobile number: {to}"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit."),
    12100: (400, "Document parse failure"),
}


@dataclass
class TwilioMessage:
    """`status` is what a look-up tells."""

    sid: str
    to: str
    sender: str
    body: str
    parts: int
    status: str
    created_at: datetime
    callback: str = ""
    error_code: int | None = None


@dataclass
class TwilioCall:
    """`document` is what the one called hears now; `events` are what the caller wants to be told of."""

    sid: str
    to: str
    sender: str
    document: twiml.Document
    created_at: datetime
    status: str = "queued"
    answered_by: str = ""
    callback: str = ""
    machine_callback: str = ""
    detects_machines: bool = False
    timeout: int = 60
    events: tuple[str, ...] = ("completed",)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A callback as Twilio makes it: its address, its headers, its form."""

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def sign(token: str, url: str, form: Mapping[str, str], digest: str = "sha1") -> str:
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), getattr(hashlib, digest)).digest()).decode()


class TwilioSimulator(HttpServer):
    """One account. `clock` gives the time at which things are created."""

    account_sid = "AC" + "0123456789abcdef" * 2
    auth_token = "twilio-Auth-token-9"
    number = "+15005550006"

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.messages: list[TwilioMessage] = []
        self.calls: list[TwilioCall] = []
        self.keys: dict[str, str] = {}
        """API keys by SID, with their secrets."""
        self.asked: list[str] = []
        self.loses_replies = False
        """Takes what it gets and cuts the connection off before it answers."""
        self._clock, self._numbers = clock, count(1)
        self.retry_after = "7"
        """What it asks for when it is asked too often."""
        self._refused: dict[str, int] = {}
        self._next: list[int] = []

    @property
    def config(self) -> dict[str, str]:
        return {
            "account_sid": self.account_sid, "auth_token": self.auth_token, "url": self.url, "sender": self.number,
        }  # fmt: skip

    def refuse(self, number: str, code: int) -> None:
        """Whatever is sent to this number gets Twilio's error."""
        self._refused[number] = code

    def answer_next(self, *codes: int) -> None:
        """The next requests get these errors, whatever they hold."""
        self._next += codes

    def wait_for(self, messages: int, *, within: float = 60.0) -> list[TwilioMessage]:
        wait_until(lambda: len(self.messages) >= messages, within=within, what=f"{messages} messages")
        return self.messages

    def message_becomes(self, message: TwilioMessage, status: str, code: int | None = None) -> SignedRequest:
        """The status callback of this change."""
        message.status, message.error_code = status, code
        form = {
            "ApiVersion": "2010-04-01", "AccountSid": self.account_sid, "From": message.sender, "To": message.to,
            "MessageSid": message.sid, "SmsSid": message.sid, "MessageStatus": status, "SmsStatus": status,
        }  # fmt: skip
        if code is not None:
            form["ErrorCode"] = str(code)
        return self.signed(message.callback, form)

    def call_becomes(self, call: TwilioCall, status: str, **fields: str) -> SignedRequest:
        """The status callback of this change; AssertionError for one that nobody asked to be told of."""
        call.status, call.answered_by = status, fields.get("AnsweredBy", call.answered_by)
        event = {"in-progress": "answered", "ringing": "ringing", "queued": "initiated"}.get(status, "completed")
        assert event in call.events, f"no callback was asked for {event}"
        form = {**self._about(call), "CallStatus": status, "SequenceNumber": "1", **fields}
        return self.signed(call.callback, form)

    def detects(self, call: TwilioCall, answered_by: str) -> SignedRequest:
        """What asynchronous detection of machines tells."""
        assert call.detects_machines
        call.answered_by = answered_by
        form = {"CallSid": call.sid, "AccountSid": self.account_sid, "AnsweredBy": answered_by}
        return self.signed(call.machine_callback, {**form, "MachineDetectionDuration": "3200"})

    def presses(self, call: TwilioCall, key: str) -> SignedRequest:
        """The request of the Gather that is heard now."""
        assert call.document.action, "nothing hears keys"
        form = {
            **self._about(call),
            "CallStatus": "in-progress",
            "Digits": key,
            "FinishedOnKey": "",
            "msg": "Gather End",
        }
        return self.signed(call.document.action, form)

    def hears(self, call: TwilioCall, status: int, content_type: str, answer: bytes) -> str:
        """Goes on with the answer to `presses`; returns what is said."""
        assert (status, content_type.partition(";")[0]) == (200, "text/xml")
        call.document = twiml.read(answer.decode())
        return call.document.text

    def _about(self, call: TwilioCall) -> dict[str, str]:
        return {
            "CallSid": call.sid, "AccountSid": self.account_sid, "From": call.sender, "To": call.to,
            "ApiVersion": "2010-04-01", "Direction": "outbound-api", "Caller": call.sender, "Called": call.to,
        }  # fmt: skip

    def signed(self, url: str, form: Mapping[str, str], *, digest: str = "sha1") -> SignedRequest:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Twilio-Signature": sign(self.auth_token, url, form, digest),
            "I-Twilio-Idempotency-Token": f"token-{next(self._numbers)}",
        }
        if digest == "sha256":
            headers["X-Twilio-Webhooks-Signature-Settings"] = "key=AuthToken,algorithm=HMAC_SHA256"
        return SignedRequest(url, headers, urlencode(form).encode())

    def _routes(self) -> list[web.AbstractRouteDef]:
        base = "/2010-04-01/Accounts/{account}"
        return [
            web.post(base + "/Messages.json", self._create_message),
            web.get(base + "/Messages.json", self._list_messages),
            web.get(base + "/Messages/{sid}.json", self._get_message),
            web.post(base + "/Calls.json", self._create_call),
            web.get(base + "/Calls.json", self._list_calls),
            web.get(base + "/Calls/{sid}.json", self._get_call),
        ]

    async def _create_message(self, request: web.Request) -> web.Response:
        form = await request.post()
        sent = {name: str(value) for name, value in form.items()}
        to, body = sent.get("To", ""), sent.get("Body", "")
        if (problem := self._problem(request, sent)) is not None:
            return _error(problem, to, sent.get("StatusCallback", ""), self.retry_after)
        if not sent.get("From") and not sent.get("MessagingServiceSid"):
            return _error(21603, to)
        if not body:
            return _error(21602, to)
        if len(body) > _MAX_BODY:
            return _error(21617, to)
        message = TwilioMessage(
            sid=f"SM{next(self._numbers):032x}", to=to, sender=sent.get("From") or sent["MessagingServiceSid"],
            body=body, parts=sms_parts(body), status="queued" if sent.get("From") else "accepted",
            created_at=self._clock(), callback=sent.get("StatusCallback", ""),
        )  # fmt: skip
        self.messages.append(message)
        if self.loses_replies:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(_shown(message), status=201)

    async def _list_messages(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(20003, "")
        self.asked.append(request.path_qs)
        found = [message for message in reversed(self.messages) if message.to == request.query.get("To", message.to)]
        size = int(request.query.get("PageSize", "50"))
        return web.json_response({"messages": [_shown(message) for message in found[:size]], "page_size": size})

    async def _get_message(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(20003, "")
        self.asked.append(request.path_qs)
        found = next((item for item in self.messages if item.sid == request.match_info["sid"]), None)
        return _error(20404, "") if found is None else web.json_response(_shown(found))

    async def _create_call(self, request: web.Request) -> web.Response:
        form = await request.post()
        sent = {name: str(value) for name, value in form.items()}
        to = sent.get("To", "")
        if (problem := self._problem(request, sent)) is not None:
            return _error(problem, to, sent.get("StatusCallback", ""), self.retry_after)
        if sent.get("From") != self.number:
            return _error(21210, to)
        if sum(name in sent for name in ("Twiml", "Url", "ApplicationSid")) != 1:
            return _error(21205, to)
        try:
            document = twiml.read(sent.get("Twiml", ""), is_inline=True)
        except ValueError:
            return _error(12100, to)
        events = tuple(map(str, form.getall("StatusCallbackEvent", ["completed"])))
        if not set(events) <= {"initiated", "ringing", "answered", "completed"}:
            return _error(21626, to)
        if sent.get("MachineDetection", "Enable") not in ("Enable", "DetectMessageEnd"):
            return _error(21219, to)
        call = TwilioCall(
            sid=f"CA{next(self._numbers):032x}", to=to, sender=sent["From"], document=document,
            created_at=self._clock(), callback=sent.get("StatusCallback", ""), events=events,
            machine_callback=sent.get("AsyncAmdStatusCallback", ""), timeout=int(sent.get("Timeout", "60")),
            detects_machines="MachineDetection" in sent and sent.get("AsyncAmd") == "true",
        )  # fmt: skip
        self.calls.append(call)
        if self.loses_replies:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(_shown_call(call), status=201)

    async def _list_calls(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(20003, "")
        self.asked.append(request.path_qs)
        found = [call for call in reversed(self.calls) if call.to == request.query.get("To", call.to)]
        return web.json_response({"calls": [_shown_call(call) for call in found]})

    async def _get_call(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(20003, "")
        self.asked.append(request.path_qs)
        found = next((item for item in self.calls if item.sid == request.match_info["sid"]), None)
        return _error(20404, "") if found is None else web.json_response(_shown_call(found))

    def _problem(self, request: web.Request, sent: Mapping[str, str]) -> int | None:
        to, callback = sent.get("To", ""), sent.get("StatusCallback", "")
        if self._next:
            return self._next.pop(0)
        if not self._is_ours(request):
            return 20003
        if not to:
            return 21201
        if not (to.startswith("+") and to[1:].isdigit()):
            return 21211
        if callback and not callback.startswith(("http://", "https://")):
            return 21609
        return self._refused.get(to)

    def _is_ours(self, request: web.Request) -> bool:
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(given).decode().partition(":") if kind == "Basic" else ("", "", "")
        known = {self.account_sid: self.auth_token, **self.keys}
        return request.match_info["account"] == self.account_sid and bool(password) and known.get(user) == password


def _shown(message: TwilioMessage) -> dict[str, Any]:
    return {
        "sid": message.sid, "to": message.to, "from": message.sender, "body": message.body, "status": message.status,
        "num_segments": str(message.parts), "direction": "outbound-api", "error_code": message.error_code,
        "error_message": None, "date_created": format_datetime(message.created_at), "date_sent": None,
    }  # fmt: skip


def _shown_call(call: TwilioCall) -> dict[str, Any]:
    return {
        "sid": call.sid, "to": call.to, "from": call.sender, "status": call.status, "direction": "outbound-api",
        "answered_by": call.answered_by or None, "date_created": format_datetime(call.created_at), "duration": None,
    }  # fmt: skip


def _error(code: int, to: str, callback: str = "", retry_after: str = "7") -> web.Response:
    status, says = _MESSAGES.get(code, (400, "Something is wrong with {to}"))
    more = f"https://www.twilio.com/docs/errors/{code}"
    headers = {"Retry-After": retry_after} if status == 429 else {}
    answer = {"code": code, "message": says.format(to=to, callback=callback), "more_info": more, "status": status}
    return web.json_response(answer, status=status, headers=headers)
