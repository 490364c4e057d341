"""Text messages over Tencent Cloud (SMS 2021-01-11): an approved template whose variables are numbered.

https://cloud.tencent.com/document/product/382/55981
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from tocsin.channels.base import (
    CallbackReply,
    CallbackRequest,
    Config,
    Finding,
    Message,
    Outcome,
    Question,
    Receipt,
    ReceiptStatus,
    SendResult,
)
from tocsin.channels.groups import webhook_parts, without_reply
from tocsin.channels.http import HttpClient, HttpError, HttpReply
from tocsin.channels.providers.tencent.outcomes import read
from tocsin.channels.providers.tencent.signing import CONTENT_TYPE, authorization
from tocsin.channels.texts import one_line
from tocsin.channels.variables import filled_list, problem_of_list
from tocsin.core.sentences import Sentence

_NO_CODE_TEMPLATE = Sentence(
    "The account has no template for codes, and its template for alerts is not meant for them."
)
_LENGTH = Sentence("A number from 6 to 500.")
_NO_KEY = Sentence("A secret's ID has letters and digits only.")
_NO_URL = Sentence("An address like %(example)s.")

URL = "https://sms.tencentcloudapi.com"
_CHINA = timezone(timedelta(hours=8))
_MOST = 1000
_TAKEN = b'{"result":0,"errmsg":"OK"}'
_STATUSES: Mapping[str, ReceiptStatus] = {"SUCCESS": ReceiptStatus.DELIVERED, "FAIL": ReceiptStatus.FAILED}
_MOST_LISTED = 100
_CLOCKS_DIFFER_BY = timedelta(minutes=1)


def check(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not re.fullmatch(r"[0-9A-Za-z]{4,128}", config["secret_id"]):
        found["secret_id"] = _NO_KEY
    if (parts := webhook_parts(config["url"])) is None or parts.path not in ("", "/"):
        found["url"] = _NO_URL % {"example": URL}
    for name in ("template_params", "code_params"):
        if problem := problem_of_list(config[name]):
            found[name] = problem
    if not re.fullmatch(r"[1-9]\d{0,2}", config["longest"]) or not 6 <= int(config["longest"]) <= 500:
        found["longest"] = _LENGTH
    return found


class TencentSms:
    def __init__(self, config: Config, http: HttpClient) -> None:
        self._http, self._config = http, config
        self._url, self._longest = config["url"].rstrip("/"), int(config["longest"])

    async def send(self, message: Message) -> SendResult:
        is_code = bool(message.variables.get("code"))
        template = self._config["code_template" if is_code else "template_id"]
        if not template:
            return SendResult(Outcome.PERMANENT_CONFIG, "template", _NO_CODE_TEMPLATE, is_about_message=True)
        params = filled_list(self._config["code_params" if is_code else "template_params"], message, self._longest)
        asked = {
            "PhoneNumberSet": [message.to],
            "SmsSdkAppId": self._config["app_id"],
            "SignName": self._config["sign_name"],
            "TemplateId": template,
            "TemplateParamSet": params,
            "SessionContext": message.reference,
        }
        try:
            reply = await self._request("SendSms", asked)
        except HttpError as error:
            return without_reply(error)
        return read(reply, self._config["secret_key"], message.to, message.to.lstrip("+"), *params)

    async def look_up(self, question: Question) -> Finding:
        """Among what was reported of texts to the number, by the vendor's id or our reference. One without a report yet
        stands in no list, so nothing can be told of it.

        https://cloud.tencent.com/document/product/382/55983
        """
        asked = {
            "BeginTime": int((question.sent_at - _CLOCKS_DIFFER_BY).timestamp()),
            "Offset": 0,
            "Limit": _MOST_LISTED,
            "PhoneNumber": question.to,
            "SmsSdkAppId": self._config["app_id"],
        }
        try:
            reply = await self._request("PullSmsSendStatusByPhoneNumber", asked)
            listed = reply.json()["Response"]["PullSmsSendStatusSet"]
        except (HttpError, ValueError, TypeError, KeyError):
            return Finding()
        reported = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        return next((_finding(item, question) for item in reported if _is_of(item, question)), Finding())

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _request(self, action: str, asked: Mapping[str, Any]) -> HttpReply:
        body = json.dumps(asked, ensure_ascii=False).encode()
        headers = self._headers(action, body)
        return await self._http.request("POST", f"{self._url}/", headers=headers, body=body, is_trusted=True)

    def _headers(self, action: str, body: bytes) -> dict[str, str]:
        timestamp, host = int(time.time()), urlsplit(self._url).netloc
        key, secret = self._config["secret_id"], self._config["secret_key"]
        signed = authorization(key, secret, service="sms", host=host, body=body, timestamp=timestamp)
        return {
            "Authorization": signed,
            "Content-Type": CONTENT_TYPE,
            "Host": host,
            "X-TC-Action": action,
            "X-TC-Version": "2021-01-11",
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Region": self._config["region"],
        }


def read_callback(_config: Config, request: CallbackRequest) -> CallbackReply:
    """Nothing is signed: the address is the proof, and the number of the message must be one of ours."""
    try:
        items = json.loads(request.body)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        return CallbackReply(status=400)
    receipts = [receipt for item in items[:_MOST] if (receipt := _receipt(item)) is not None]
    return CallbackReply(receipts, 200, "application/json; charset=utf-8", _TAKEN)


def _receipt(item: Any) -> Receipt | None:
    if not isinstance(item, Mapping) or not item.get("sid"):
        return None
    status = _STATUSES.get(str(item.get("report_status")))
    if status is None:
        return None
    has_failed = status is ReceiptStatus.FAILED
    return Receipt(
        status,
        provider_id=one_line(str(item["sid"]))[:128],
        occurred_at=_moment(item.get("user_receive_time")),
        code=one_line(str(item.get("errmsg") or ""))[:64] if has_failed else "",
        detail=one_line(str(item.get("description") or ""))[:300] if has_failed else "",
    )


def _is_of(item: Mapping[str, Any], question: Question) -> bool:
    if question.provider_id:
        return item.get("SerialNo") == question.provider_id
    return item.get("SessionContext") == question.reference


def _finding(item: Mapping[str, Any], question: Question) -> Finding:
    serial = one_line(str(item.get("SerialNo") or question.provider_id))[:128]
    status = _STATUSES.get(str(item.get("ReportStatus")))
    if status is None:
        return Finding(True, serial)
    detail = one_line(str(item.get("Description") or ""))[:300] if status is ReceiptStatus.FAILED else ""
    return Finding(True, serial, [Receipt(status, question.reference, serial, detail=detail)])


def _moment(text: object) -> datetime | None:
    """Times are China's."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=_CHINA)
    except ValueError:
        return None
