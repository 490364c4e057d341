"""Text messages over Alibaba Cloud (Dysmsapi 2017-05-25): an approved template with variables, never free text.

https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
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
from tocsin.channels.providers.aliyun.account import CHINA, AliyunApi, check_account, number
from tocsin.channels.providers.aliyun.pushes import answer, items_of, moment, said
from tocsin.channels.variables import filled, problem_of, values_of
from tocsin.core.sentences import Sentence

_NO_CODE_TEMPLATE = Sentence(
    "The account has no template for codes, and its template for alerts is not meant for them."
)
_LENGTH = Sentence("A number from 6 to 500.")

URL = "https://dysmsapi.aliyuncs.com"
_PAGE, _MOST_PAGES = 50, 10
_CLOCKS_DIFFER_BY = timedelta(minutes=1)
_LEAVES_WITHIN = timedelta(minutes=5)
"""What was claimed leaves at the latest, but for very slow days."""


def check(config: Config) -> dict[str, str]:
    found = check_account(config, URL)
    for name in ("template_params", "code_params"):
        if problem := problem_of(config[name]):
            found[name] = problem
    if not re.fullmatch(r"[1-9]\d{0,2}", config["longest"]) or not 6 <= int(config["longest"]) <= 500:
        found["longest"] = _LENGTH
    return found


class AliyunSms:
    def __init__(self, config: Config, http: HttpClient) -> None:
        self._api = AliyunApi(config, http, "2017-05-25")
        self._sign = config["sign_name"]
        self._templates = {False: config["template_code"], True: config["code_template"]}
        self._params = {False: config["template_params"], True: config["code_params"]}
        self._longest = int(config["longest"])

    async def send(self, message: Message) -> SendResult:
        is_code = bool(message.variables.get("code"))
        if not self._templates[is_code]:
            return SendResult(Outcome.PERMANENT_CONFIG, "template", _NO_CODE_TEMPLATE, is_about_message=True)
        params = filled(self._params[is_code], message, self._longest)
        query = {
            "PhoneNumbers": number(message.to),
            "SignName": self._sign,
            "TemplateCode": self._templates[is_code],
            "TemplateParam": params,
            "OutId": message.reference,
        }
        told = values_of(params).values()
        return await self._api.create("SendSms", query, "BizId", message.to, number(message.to), *told)

    async def look_up(self, question: Question) -> Finding:
        """By our reference among what was sent to the number on that day, in China's time: around midnight that may be
        the one before or after.
        """
        near = {question.sent_at + shift for shift in (-_CLOCKS_DIFFER_BY, timedelta(), _LEAVES_WITHIN)}
        for day in sorted({at.astimezone(CHINA).strftime("%Y%m%d") for at in near}):
            finding = await self._look_up(question, day)
            if finding.is_known is not False:
                return finding
        return Finding(is_known=False)

    async def _look_up(self, question: Question, day: str) -> Finding:
        """Page by page: nobody must take a text for lost because others were sent to the number that day."""
        query = {"PhoneNumber": number(question.to), "SendDate": day, "PageSize": str(_PAGE)}
        if question.provider_id:
            query["BizId"] = question.provider_id
        for page in range(1, _MOST_PAGES + 1):
            found = await self._api.ask("QuerySendDetails", {**query, "CurrentPage": str(page)})
            try:
                details = found["SmsSendDetailDTOs"]["SmsSendDetailDTO"] if found is not None else None
            except (KeyError, TypeError):
                details = None
            if not isinstance(details, list):
                return Finding()
            mine = next((item for item in details if isinstance(item, dict) and _is_of(item, question)), None)
            if mine is not None:
                return _finding(mine, question)
            if len(details) < _PAGE:
                return Finding(is_known=False)
        return Finding()

    async def aclose(self) -> None:
        """The client is the caller's."""


def read_callback(_config: Config, request: CallbackRequest) -> CallbackReply:
    """SmsReport. Alibaba Cloud signs nothing: the address is the proof, and who it names must be ours."""
    items = items_of(request.body)
    if items is None:
        return CallbackReply(status=400)
    return answer([receipt for item in items if (receipt := _receipt(item)) is not None])


def _receipt(item: Mapping[str, Any]) -> Receipt | None:
    reference, provider_id = said(item, "out_id")[:64], said(item, "biz_id")[:128]
    if not (reference or provider_id) or not isinstance(item.get("success"), bool):
        return None
    is_delivered = item["success"] is True
    return Receipt(
        ReceiptStatus.DELIVERED if is_delivered else ReceiptStatus.FAILED,
        reference,
        provider_id,
        occurred_at=moment(item.get("report_time")),
        code="" if is_delivered else said(item, "err_code")[:64],
        detail="" if is_delivered else said(item, "err_msg")[:300],
    )


def _is_of(item: Mapping[str, Any], question: Question) -> bool:
    return bool(item.get("OutId")) and str(item["OutId"]) == question.reference


def _finding(item: Mapping[str, Any], question: Question) -> Finding:
    status = {"2": ReceiptStatus.FAILED, "3": ReceiptStatus.DELIVERED}.get(str(item.get("SendStatus")))
    if status is None:
        return Finding(True, question.provider_id)
    code = str(item.get("ErrCode") or "")[:64] if status is ReceiptStatus.FAILED else ""
    received: datetime | None = moment(item.get("ReceiveDate"))
    return Finding(
        True,
        question.provider_id,
        [Receipt(status, question.reference, question.provider_id, occurred_at=received, code=code)],
    )
