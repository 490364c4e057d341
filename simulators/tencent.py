"""Tencent Cloud's door for text messages: signatures, templates with numbered variables, a code for each number."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

from aiohttp import web

from simulators.serving import HttpServer

CHINA = timezone(timedelta(hours=8))
_WINDOW = 300.0
_LINK = re.compile(r"https?://|www\.|[A-Za-z0-9-]+\.(com|cn|net|org|io)\b", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(\w+)/(\d{4}-\d\d-\d\d)/sms/tc3_request, "
    r"SignedHeaders=content-type;host, Signature=([0-9a-f]{64})"
)


@dataclass
class TencentText:
    number: str
    template: str
    params: list[str]
    reference: str
    serial: str
    sent_at: float = 0.0
    status: str = ""
    """What was reported of it, and is listed from then on."""
    error: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.params)


class TencentSimulator(HttpServer):
    """One application. `templates`: ID -> how many variables. `clock` gives seconds."""

    key, secret, app_id, sign = "AKIDsimulated", "tencent-s3cret-word", "1400006666", "墨斯科技"

    def __init__(self, *, longest: int = 12, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.templates = {"1110": 2, "1111": 1}
        self.texts: list[TencentText] = []
        self._longest, self._clock, self._numbers = longest, clock, count(1)
        self._last: dict[str, float] = {}
        self._next: list[tuple[str, bool]] = []
        self.asked: list[dict[str, Any]] = []

    @property
    def config(self) -> dict[str, str]:
        return {
            "secret_id": self.key, "secret_key": self.secret, "url": self.url, "app_id": self.app_id,
            "sign_name": self.sign, "template_id": "1110", "code_template": "1111",
        }  # fmt: skip

    def answer_next(self, code: str, *, for_number: bool = False) -> None:
        """The next request gets this error, of the request or of its number."""
        self._next.append((code, for_number))

    def report(self, *texts: TencentText, error: str = "") -> bytes:
        at = datetime.fromtimestamp(self._clock(), CHINA).strftime("%Y-%m-%d %H:%M:%S")
        for text in texts:
            text.status, text.error = "FAIL" if error else "SUCCESS", error
        return json.dumps(
            [
                {
                    "user_receive_time": at, "nationcode": "86", "mobile": text.number[3:], "sid": text.serial,
                    "report_status": "FAIL" if error else "SUCCESS", "errmsg": error or "DELIVRD",
                    "description": "用户关机" if error else "用户短信送达成功",
                }
                for text in texts
            ],
            ensure_ascii=False,
        ).encode()  # fmt: skip

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        error, is_of_number = self._next.pop(0) if self._next else (self._gateway(request, body), False)
        if error and not is_of_number:
            return _answer({"Error": {"Code": error, "Message": "refused"}})
        sent = json.loads(body)
        if request.headers["X-TC-Action"] == "PullSmsSendStatusByPhoneNumber":
            return _answer(self._list(sent))
        numbers: list[str] = sent["PhoneNumberSet"]
        statuses = [self._status(number, sent, error or self._problem(number, sent)) for number in numbers]
        return _answer({"SendStatusSet": statuses})

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(asked)
        if asked["SmsSdkAppId"] != self.app_id or asked["Offset"] != 0 or not 1 <= asked["Limit"] <= 100:
            return {"Error": {"Code": "InvalidParameterValue", "Message": "refused"}}
        found = [
            {
                "UserReceiveTime": int(text.sent_at) + 5, "CountryCode": "86", "SubscriberNumber": text.number[3:],
                "PhoneNumber": text.number, "SerialNo": text.serial, "ReportStatus": text.status,
                "Description": text.error or "DELIVRD", "SessionContext": text.reference,
            }
            for text in self.texts
            if text.number == asked["PhoneNumber"] and text.status and text.sent_at >= asked["BeginTime"]
        ]  # fmt: skip
        return {"PullSmsSendStatusSet": found[: asked["Limit"]]}

    def _gateway(self, request: web.Request, body: bytes) -> str:
        headers = {name.lower(): value for name, value in request.headers.items()}
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            return "AuthFailure.SignatureFailure"
        key, day, given = found.groups()
        timestamp = headers.get("x-tc-timestamp", "")
        if key != self.key:
            return "AuthFailure.SecretIdNotFound"
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > _WINDOW:
            return "AuthFailure.SignatureExpire"
        canonical = (
            f"POST\n/\n\ncontent-type:{headers['content-type']}\nhost:{headers['host']}\n\n"
            f"content-type;host\n{hashlib.sha256(body).hexdigest()}"
        )
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"TC3-HMAC-SHA256\n{timestamp}\n{day}/sms/tc3_request\n{hashed}"
        signing_key = f"TC3{self.secret}".encode()
        for part in (day, "sms", "tc3_request", text):
            signing_key = hmac.new(signing_key, part.encode(), hashlib.sha256).digest()
        if signing_key.hex() != given:
            return "AuthFailure.SignatureFailure"
        known = ("SendSms", "PullSmsSendStatusByPhoneNumber")
        if headers.get("x-tc-action") not in known or headers.get("x-tc-version") != "2021-01-11":
            return "InvalidAction"
        return ""

    def _problem(self, number: str, sent: dict[str, Any]) -> str:
        params = sent["TemplateParamSet"]
        if sent["SmsSdkAppId"] != self.app_id:
            return "UnauthorizedOperation.SmsSdkAppIdVerifyFail"
        if sent["SignName"] != self.sign:
            return "FailedOperation.SignatureIncorrectOrUnapproved"
        if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
            return "InvalidParameterValue.IncorrectPhoneNumber"
        if sent["TemplateId"] not in self.templates:
            return "FailedOperation.TemplateIncorrectOrUnapproved"
        if len(params) != self.templates[sent["TemplateId"]] or not all(isinstance(text, str) for text in params):
            return "InvalidParameterValue.TemplateParameterFormatError"
        if any(len(text) > self._longest for text in params):
            return "InvalidParameterValue.TemplateParameterLengthLimit"
        if any(_LINK.search(text) for text in params):
            return "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
        if len(sent.get("SessionContext", "").encode()) > 512:
            return "InvalidParameterValue.SessionContext"
        if self._clock() - self._last.get(number, 0.0) < 30:
            return "LimitExceeded.PhoneNumberThirtySecondLimit"
        return ""

    def _status(self, number: str, sent: dict[str, Any], problem: str) -> dict[str, Any]:
        serial = ""
        if not problem:
            self._last[number] = self._clock()
            serial = f"2028:{next(self._numbers)}"
            context = sent["SessionContext"]
            params, at = sent["TemplateParamSet"], self._clock()
            self.texts.append(TencentText(number, sent["TemplateId"], params, context, serial, at))
        return {
            "SerialNo": serial, "PhoneNumber": number, "Fee": int(not problem), "IsoCode": "CN",
            "SessionContext": sent["SessionContext"], "Code": problem or "Ok", "Message": problem or "send success",
        }  # fmt: skip


def _answer(told: dict[str, Any]) -> web.Response:
    return web.json_response({"Response": {**told, "RequestId": "a0aabda6"}})
