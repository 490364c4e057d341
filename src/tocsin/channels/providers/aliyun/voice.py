"""Calls over Alibaba Cloud (Dyvmsapi 2017-05-25): an approved text is read out; with a number of one's own, keys count.

https://help.aliyun.com/zh/vms/api-dyvmsapi-2017-05-25-singlecallbytts · .../api-dyvmsapi-2017-05-25-ivrcall
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

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
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.aliyun.account import AliyunApi, check_account
from tocsin.channels.providers.aliyun.pushes import answer, items_of, moment, said
from tocsin.channels.texts import national_number
from tocsin.channels.variables import filled, problem_of, values_of
from tocsin.core.sentences import Sentence

_ONLY_MAINLAND = Sentence("Alibaba Cloud calls numbers of the mainland only.")
_NO_CODE_TEMPLATE = Sentence(
    "The account has no template for codes, and its template for alerts is not meant for them."
)
_TIMES = Sentence("A number from 1 to 3.")
_WITH_NUMBER = Sentence("Keys need all three: the number that shows, the answer to a key, and the goodbye.")

URL = "https://dyvmsapi.aliyuncs.com"
_IN_TOTAL = 249
"""Characters of all variables together."""
_KEY_WITHIN = "8000"
"""Milliseconds to wait for a key."""
_PRODUCTS = {"SingleCallByTts": "11010000138001", "IvrCall": "11000000300005"}
_KEY = "300000"
_STATUSES: Mapping[str, ReceiptStatus] = {
    "200000": ReceiptStatus.ANSWERED,
    "200001": ReceiptStatus.ANSWERED,
    "200008": ReceiptStatus.ANSWERED,
    "200102": ReceiptStatus.ANSWERED,
    "200002": ReceiptStatus.BUSY,
    "200003": ReceiptStatus.NO_ANSWER,
    "200004": ReceiptStatus.UNREACHABLE,
    "200005": ReceiptStatus.UNREACHABLE,
    "200007": ReceiptStatus.UNREACHABLE,
    "200010": ReceiptStatus.UNREACHABLE,
    "200011": ReceiptStatus.UNREACHABLE,
    "200012": ReceiptStatus.UNREACHABLE,
    "482": ReceiptStatus.UNREACHABLE,
    "200006": ReceiptStatus.FAILED,
    "200104": ReceiptStatus.FAILED,
    "200105": ReceiptStatus.FAILED,
    "200117": ReceiptStatus.FAILED,
    "200118": ReceiptStatus.FAILED,
    "200119": ReceiptStatus.FAILED,
    "200121": ReceiptStatus.FAILED,
    "200130": ReceiptStatus.FAILED,
    "400": ReceiptStatus.FAILED,
    "476": ReceiptStatus.FAILED,
    "500": ReceiptStatus.FAILED,
    "999999": ReceiptStatus.FAILED,
}
"""Anything else is progress, or news that nobody has read yet: it proves nothing."""


def check(config: Config) -> dict[str, str]:
    found = check_account(config, URL)
    for name in ("tts_params", "code_params"):
        if problem := problem_of(config[name]):
            found[name] = problem
    if config["play_times"] not in ("1", "2", "3"):
        found["play_times"] = _TIMES
    parts = [bool(config[name]) for name in ("show_number", "key_code", "bye_code")]
    if any(parts) and not all(parts):
        found["show_number"] = _WITH_NUMBER
    return found


class AliyunVoice:
    def __init__(self, config: Config, http: HttpClient) -> None:
        self._api = AliyunApi(config, http, "2017-05-25")
        self._config = config

    async def send(self, message: Message) -> SendResult:
        if not message.to.startswith("+86"):
            return SendResult(Outcome.PERMANENT_CONFIG, "abroad", _ONLY_MAINLAND, is_about_message=True)
        is_code = bool(message.variables.get("code"))
        template = self._config["code_template" if is_code else "tts_code"]
        if not template:
            return SendResult(Outcome.PERMANENT_CONFIG, "template", _NO_CODE_TEMPLATE, is_about_message=True)
        params = filled(self._config["code_params" if is_code else "tts_params"], message, _IN_TOTAL, _IN_TOTAL)
        query = {
            "CalledNumber": _callee(message.to),
            "PlayTimes": self._config["play_times"],
            "OutId": message.reference,
        }
        keys = [key for key, meaning in message.keys.items() if not meaning.confirm]
        if self._config["show_number"] and keys:
            action = "IvrCall"
            query |= self._menu(keys) | {"StartCode": template, "StartTtsParams": params}
        else:
            action = "SingleCallByTts"
            query |= {"TtsCode": template, "TtsParam": params}
            if self._config["show_number"]:
                query["CalledShowNumber"] = self._config["show_number"]
        told = values_of(params).values()
        return await self._api.create(action, query, "CallId", message.to, query["CalledNumber"], *told)

    async def look_up(self, question: Question) -> Finding:
        """By the vendor's own id alone: a call whose reply was lost cannot be found."""
        if not question.provider_id:
            return Finding()
        products = _PRODUCTS.values() if self._config["show_number"] else [_PRODUCTS["SingleCallByTts"]]
        for product in products:
            query = {
                "CallId": question.provider_id,
                "ProdId": product,
                "QueryDate": str(int(question.sent_at.timestamp() * 1000)),
            }
            if (found := await self._api.ask("QueryCallDetailByCallId", query)) is not None:
                return _finding(found.get("Data"), question)
        return Finding()

    async def aclose(self) -> None:
        """The client is the caller's."""

    def _menu(self, keys: list[str]) -> dict[str, str]:
        """Keys that need no second press: a menu of the vendor's has one level."""
        menu = {
            "CalledShowNumber": self._config["show_number"],
            "ByeCode": self._config["bye_code"],
            "Timeout": _KEY_WITHIN,
        }
        for place, key in enumerate(keys, 1):
            menu |= {f"MenuKeyMap.{place}.Key": key, f"MenuKeyMap.{place}.Code": self._config["key_code"]}
        return menu


def read_callback(_config: Config, request: CallbackRequest) -> CallbackReply:
    """VoiceReport and VoiceCallReport. Nothing is signed: the address is the proof, and who it names must be ours."""
    items = items_of(request.body)
    if items is None:
        return CallbackReply(status=400)
    return answer([receipt for item in items for receipt in _receipts(item, request)])


def _receipts(item: Mapping[str, Any], request: CallbackRequest) -> list[Receipt]:
    reference, provider_id = said(item, "out_id")[:64], said(item, "call_id")[:128]
    if not (reference or provider_id):
        return []
    code = said(item, "status_code")[:64]
    at = moment(item.get("status_time")) or moment(item.get("end_time")) or moment(item.get("call_time"))
    receipts = []
    key = (said(item, "dtmf") or said(item, "digits"))[:1]
    script = request.script_of(reference) if key and reference else None
    if script is not None and key in script.keys and not script.keys[key].confirm:
        receipts.append(Receipt(ReceiptStatus.KEY_PRESSED, reference, provider_id, key=key, occurred_at=at))
    if code and code != _KEY:
        status = _STATUSES.get(code, ReceiptStatus.QUEUED)
        detail = said(item, "status_msg")[:300] if status is not ReceiptStatus.ANSWERED else ""
        receipts.append(Receipt(status, reference, provider_id, occurred_at=at, code=code, detail=detail))
    return receipts


def _finding(data: object, question: Question) -> Finding:
    try:
        details = json.loads(data) if isinstance(data, str) else data
        code = str(details["state"])  # type: ignore[index]
    except (ValueError, TypeError, KeyError):
        return Finding(True, question.provider_id)
    status = _STATUSES.get(code, ReceiptStatus.QUEUED)
    if status is ReceiptStatus.QUEUED:
        return Finding(True, question.provider_id)
    return Finding(True, question.provider_id, [Receipt(status, question.reference, question.provider_id, code=code)])


def _callee(e164: str) -> str:
    """Landlines are dialled with their 0."""
    national = national_number(e164)
    return national if re.fullmatch(r"1[3-9]\d{9}", national) else f"0{national.removeprefix('0')}"
