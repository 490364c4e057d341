"""Alibaba Cloud's doors for text messages (Dysmsapi) and calls (Dyvmsapi), as strict as its documents.

Every request's signature, time and nonce are checked; templates have their variables, with their lengths; limits of a
number are counted when a request is made. Refusals are codes inside HTTP 200, except those of the gateway.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from typing import Any
from urllib.parse import quote

from aiohttp import web

from simulators.serving import HttpServer
from simulators.waiting import wait_until

CHINA = timezone(timedelta(hours=8))
_WINDOW = timedelta(minutes=15)
_LINK = re.compile(r"https?://|www\.|[A-Za-z0-9-]+\.(com|cn|net|org|io)\b", re.IGNORECASE)
_SMS_LIMITS = ((timedelta(hours=24), 50, "触发天级流控Permits:50"),)
_CALL_LIMITS = (
    (timedelta(minutes=1), 1, "触发分钟级流控Permits:1"),
    (timedelta(hours=1), 5, "触发小时级流控Permits:5"),
    (timedelta(hours=24), 20, "触发天级流控Permits:20"),
)
_MOST_OUT_ID = 15


@dataclass
class AliyunText:
    number: str
    sign: str
    template: str
    params: dict[str, str]
    out_id: str
    biz_id: str
    sent_at: datetime
    status: int = 1
    error: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.params.values())


@dataclass
class AliyunCall:
    number: str
    action: str
    code: str
    params: dict[str, str]
    out_id: str
    call_id: str
    placed_at: datetime
    keys: dict[str, str] = field(default_factory=dict)
    state: str = ""
    """What a look-up says; "" while the call goes on."""

    @property
    def text(self) -> str:
        return " ".join(self.params.values())


class AliyunSimulator(HttpServer):
    """One account. `templates`: code -> names of the variables."""

    key, secret, sign, show_number = "LTAI5tSimulated", "aliyun-s3cret-word", "墨斯科技", "057112345678"

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), longest: int = 35) -> None:
        super().__init__()
        self.templates: dict[str, set[str]] = {
            "SMS_ALERT": {"severity", "title", "state", "summary"},
            "SMS_CODE": {"code"},
            "TTS_ALERT": {"severity", "title", "state"},
            "TTS_THANKS": set(),
            "TTS_BYE": set(),
        }
        self.texts: list[AliyunText] = []
        self.calls: list[AliyunCall] = []
        self.asked: list[dict[str, str]] = []
        self.loses_replies = False
        self._clock, self._longest, self._numbers = clock, longest, count(1)
        self._nonces: set[str] = set()
        self._counted: dict[tuple[str, ...], list[datetime]] = {}
        self._next: list[tuple[str, str, int]] = []
        self._refused: dict[str, str] = {}

    @property
    def sms_config(self) -> dict[str, str]:
        return {
            "access_key_id": self.key, "access_key_secret": self.secret, "url": self.url, "sign_name": self.sign,
            "template_code": "SMS_ALERT", "code_template": "SMS_CODE",
        }  # fmt: skip

    @property
    def voice_config(self) -> dict[str, str]:
        return {
            "access_key_id": self.key, "access_key_secret": self.secret, "url": self.url, "tts_code": "TTS_ALERT",
        }  # fmt: skip

    @property
    def ivr_config(self) -> dict[str, str]:
        more = {"show_number": self.show_number, "key_code": "TTS_THANKS", "bye_code": "TTS_BYE"}
        return {**self.voice_config, **more}

    def refuse(self, number: str, code: str) -> None:
        """Every call to this number, until further notice."""
        self._refused[number.removeprefix("+86")] = code

    def answer_next(self, code: str, message: str = "refused", *, status: int = 200) -> None:
        self._next.append((code, message, status))

    def wait_for(self, texts: int, *, within: float = 60.0) -> list[AliyunText]:
        wait_until(lambda: len(self.texts) >= texts, within=within, what=f"{texts} texts")
        return self.texts

    def sms_report(self, *texts: AliyunText, error: str = "") -> bytes:
        """What is pushed of these texts, all of them arrived, or none."""
        for text in texts:
            text.status, text.error = (2, error) if error else (3, "")
        return json.dumps(
            [
                {
                    "phone_number": text.number, "send_time": _written(text.sent_at), "success": not error,
                    "report_time": _written(text.sent_at + timedelta(seconds=5)), "err_code": error or "DELIVERED",
                    "err_msg": "用户接收成功" if not error else "用户关机", "sms_size": "1", "biz_id": text.biz_id,
                    "out_id": text.out_id,
                }
                for text in texts
            ],
            ensure_ascii=False,
        ).encode()  # fmt: skip

    def voice_report(self, call: AliyunCall, status_code: str, **more: str) -> bytes:
        """VoiceReport, at the end of a call."""
        call.state = status_code
        report = {
            "call_id": call.call_id, "callee": call.number, "status_code": status_code, "status_msg": "",
            "duration": "9", "hangup_direction": "用户",
            "out_id": call.out_id, "start_time": _written(call.placed_at), "voice_type": "TTS",
            "end_time": _written(call.placed_at + timedelta(seconds=20)), **more,
        }  # fmt: skip
        return json.dumps([report], ensure_ascii=False).encode()

    def progress_report(self, call: AliyunCall, status_code: str, **more: str) -> bytes:
        """VoiceCallReport, while a call goes on."""
        at = _written(call.placed_at + timedelta(seconds=8))
        report = {"call_id": call.call_id, "status_code": status_code, "status_time": at, "out_id": call.out_id, **more}
        return json.dumps([report]).encode()

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        if await request.read():
            return _refusal("InvalidParameter", "the body is not empty", 400)
        if self._next:
            code, message, status = self._next.pop(0)
            return _refusal(code, message, status, **({"x-acs-retry-after": "9"} if "Throttling" in code else {}))
        if (problem := self._gateway(request)) is not None:
            return _refusal(problem, "refused by the gateway", 403 if problem.startswith("Forbidden") else 400)
        query, action = dict(request.query), request.headers["x-acs-action"]
        answer = {
            "SendSms": self._send_sms, "QuerySendDetails": self._query_texts, "SingleCallByTts": self._call,
            "IvrCall": self._call_ivr, "QueryCallDetailByCallId": self._query_call,
        }.get(action, _unknown)(query)  # fmt: skip
        if self.loses_replies and action in ("SendSms", "SingleCallByTts", "IvrCall"):
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"RequestId": f"R{next(self._numbers)}", **answer})

    def _gateway(self, request: web.Request) -> str | None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        found = re.fullmatch(
            r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})",
            headers.get("authorization", ""),
        )
        if found is None:
            return "IncompleteSignature"
        key, names, given = found.groups()
        if key != self.key:
            return "InvalidAccessKeyId.NotFound"
        signed = names.split(";")
        wanted = {
            "host",
            "x-acs-action",
            "x-acs-version",
            "x-acs-date",
            "x-acs-signature-nonce",
            "x-acs-content-sha256",
        }
        if not wanted <= set(signed) or signed != sorted(signed):
            return "IncompleteSignature"
        query = "&".join(
            f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(request.query.items())
        )
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in signed)
        canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        if not hmac.compare_digest(hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest(), given):
            return "SignatureDoesNotMatch"
        if headers["x-acs-content-sha256"] != hashlib.sha256(b"").hexdigest():
            return "SignatureDoesNotMatch"
        at = datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs(datetime.now(UTC) - at) > _WINDOW:
            return "InvalidTimeStamp.Expired"
        if headers["x-acs-signature-nonce"] in self._nonces:
            return "SignatureNonceUsed"
        self._nonces.add(headers["x-acs-signature-nonce"])
        return None if headers["x-acs-version"] == "2017-05-25" else "InvalidVersion"

    def _send_sms(self, query: Mapping[str, str]) -> dict[str, Any]:
        numbers, template = query.get("PhoneNumbers", ""), query.get("TemplateCode", "")
        if query.get("SignName") != self.sign:
            return _said("isv.SMS_SIGNATURE_ILLEGAL")
        if not re.fullmatch(r"1\d{10}|[1-9]\d{6,14}", numbers):
            return _said("isv.MOBILE_NUMBER_ILLEGAL")
        params = self._params(template, query.get("TemplateParam", "{}"), self._longest)
        if isinstance(params, str):
            return _said(params)
        if (limit := self._counts(_SMS_LIMITS, "sms", self.sign, template, numbers)) is not None:
            return _said("isv.BUSINESS_LIMIT_CONTROL", limit)
        number = next(self._numbers)
        text = AliyunText(
            numbers, self.sign, template, params, query.get("OutId", ""), f"90061{number}^0", self._clock()
        )
        self.texts.append(text)
        return {**_said("OK"), "BizId": text.biz_id}

    def _call(self, query: Mapping[str, str]) -> dict[str, Any]:
        return self._place("SingleCallByTts", query, query.get("TtsCode", ""), query.get("TtsParam", "{}"), {})

    def _call_ivr(self, query: Mapping[str, str]) -> dict[str, Any]:
        if query.get("CalledShowNumber") != self.show_number:
            return _said("isv.DISPLAY_NUMBER_ILLEGAL")
        keys = {}
        for number in range(1, 11):
            if f"MenuKeyMap.{number}.Key" in query:
                keys[query[f"MenuKeyMap.{number}.Key"]] = query.get(f"MenuKeyMap.{number}.Code", "")
        if not keys or any(code not in self.templates for code in (*keys.values(), query.get("ByeCode", ""))):
            return _said("isv.TTS_TEMPLATE_ILLEGAL")
        start = query.get("StartCode", ""), query.get("StartTtsParams", "{}")
        return self._place("IvrCall", query, *start, keys)

    def _place(
        self, action: str, query: Mapping[str, str], code: str, source: str, keys: dict[str, str]
    ) -> dict[str, Any]:
        callee, out_id = query.get("CalledNumber", ""), query.get("OutId", "")
        if not re.fullmatch(r"1\d{10}|0\d{9,11}", callee):
            return _said("isv.MOBILE_NUMBER_ILLEGAL")
        if callee in self._refused:
            return _said(self._refused[callee])
        if not 1 <= len(out_id.encode()) <= _MOST_OUT_ID or not 1 <= int(query.get("PlayTimes", "3")) <= 3:
            return _said("isv.INVALID_PARAMETERS")
        params = self._params(code, source, 250)
        if isinstance(params, str):
            return _said("isv.TTS_TEMPLATE_ILLEGAL" if params == "isv.SMS_TEMPLATE_ILLEGAL" else params)
        if sum(map(len, params.values())) >= 250:
            return _said("isv.PARAM_LENGTH_LIMIT")
        if (limit := self._counts(_CALL_LIMITS, "call", callee)) is not None:
            return _said("isv.BUSINESS_LIMIT_CONTROL", limit)
        call_id = f"1000016{next(self._numbers)}^1000018"
        call = AliyunCall(callee, action, code, params, out_id, call_id, self._clock(), keys)
        self.calls.append(call)
        return {**_said("OK"), "CallId": call.call_id}

    def _params(self, template: str, source: str, longest: int) -> dict[str, str] | str:
        if template not in self.templates:
            return "isv.SMS_TEMPLATE_ILLEGAL"
        try:
            params = json.loads(source)
        except ValueError:
            return "isv.INVALID_JSON_PARAM"
        if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
            return "isv.INVALID_JSON_PARAM"
        if not self.templates[template] <= set(params) or not all(params.values()):
            return "isv.TEMPLATE_MISSING_PARAMETERS"
        if any(len(value) > longest for value in params.values()):
            return "isv.PARAM_LENGTH_LIMIT"
        if any(_LINK.search(value) for value in params.values()):
            return "isv.PARAM_NOT_SUPPORT_URL"
        if any(sign in value for value in params.values() for sign in "【】\n"):
            return "isv.SMS_CONTENT_ILLEGAL"
        return params

    def _counts(self, limits: tuple[tuple[timedelta, int, str], ...], *key: str) -> str | None:
        now, made = self._clock(), self._counted.setdefault(key, [])
        for window, most, says in limits:
            if sum(now - at < window for at in made) >= most:
                return says
        made.append(now)
        return None

    def _query_texts(self, query: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append(dict(query))
        size, page = int(query.get("PageSize", "0")), int(query.get("CurrentPage", "0"))
        if not re.fullmatch(r"\d{8}", query.get("SendDate", "")) or not 1 <= size <= 50 or page < 1:
            return _said("isv.INVALID_PARAMETERS")
        if not re.fullmatch(r"1\d{10}", query.get("PhoneNumber", "")):
            return _said("isv.MOBILE_NUMBER_ILLEGAL")
        found = [
            text
            for text in self.texts
            if text.number == query.get("PhoneNumber")
            and text.sent_at.astimezone(CHINA).strftime("%Y%m%d") == query["SendDate"]
            and text.biz_id == query.get("BizId", text.biz_id)
        ]
        details = [
            {
                "PhoneNum": text.number, "SendStatus": text.status, "ErrCode": text.error or "DELIVERED",
                "TemplateCode": text.template, "Content": text.text, "OutId": text.out_id,
                "SendDate": _written(text.sent_at), "ReceiveDate": _written(text.sent_at + timedelta(seconds=5)),
            }
            for text in found[(page - 1) * size : page * size]
        ]  # fmt: skip
        return {**_said("OK"), "TotalCount": str(len(found)), "SmsSendDetailDTOs": {"SmsSendDetailDTO": details}}

    def _query_call(self, query: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append(dict(query))
        prod = {"SingleCallByTts": "11010000138001", "IvrCall": "11000000300005"}
        found = next((call for call in self.calls if call.call_id == query.get("CallId")), None)
        if found is None or prod[found.action] != query.get("ProdId") or not query.get("QueryDate", "").isdigit():
            return _said("isv.INVALID_PARAMETERS")
        data = {"callId": found.call_id, "callee": found.number, "state": found.state, "stateDesc": ""}
        return {**_said("OK"), "Data": json.dumps(data)}


def _written(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _unknown(_query: Mapping[str, str]) -> dict[str, Any]:
    return _said("InvalidAction.NotFound")


def _said(code: str, message: str = "") -> dict[str, Any]:
    return {"Code": code, "Message": message or code}


def _refusal(code: str, message: str, status: int, **headers: str) -> web.Response:
    return web.json_response({"RequestId": "R0", "Code": code, "Message": message}, status=status, headers=headers)
