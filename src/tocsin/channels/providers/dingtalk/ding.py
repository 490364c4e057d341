"""DINGs: calls and texts that DingTalk makes, for organisations that pay for those.

The person must be in DingTalk with the very number. https://open.dingtalk.com/document/orgapp/robot-sends-nail-message
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from tocsin.channels.base import Config, Finding, Message, Outcome, Question, Receipt, ReceiptStatus, SendResult
from tocsin.channels.groups import for_another_vendor, nothing_sent, without_id
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.dingtalk.account import DingtalkApi
from tocsin.channels.providers.dingtalk.app_outcomes import answer_of, read_api
from tocsin.channels.providers.dingtalk.directory import find_one
from tocsin.channels.texts import cut_bytes, one_line
from tocsin.core.sentences import Sentence

_UNKNOWN = Sentence("Nobody in DingTalk has this number, so DingTalk cannot reach it.")
_FAILED = Sentence("DingTalk did not reach this person.")
_READ = Sentence("The DING was read in DingTalk.")
_MAX_BYTES = 600
_KINDS = {"sms": 2, "phone": 3}
_VOICE = "Standard_Female_Voice"

How = Literal["phone", "sms"]


class DingtalkDing:
    def __init__(self, how: How, config: Config, http: HttpClient) -> None:
        self._how, self._api = how, DingtalkApi(config, http)

    async def send(self, message: Message) -> SendResult:
        """A person who is not in DingTalk is the next account's."""
        user_id = await find_one(self._api, message.to)
        if isinstance(user_id, SendResult):
            return nothing_sent(user_id)
        if not user_id:
            return SendResult(Outcome.PERMANENT_CONFIG, "unknown", _UNKNOWN, is_about_message=True)
        payload = {
            "robotCode": self._api.robot_code,
            "remindType": _KINDS[self._how],
            "receiverUserIdList": [user_id],
            "content": _text(message, self._how),
            **({"callVoice": _VOICE} if self._how == "phone" else {}),
        }
        reply = await self._api.call("POST", "/v1.0/robot/ding/send", payload)
        if isinstance(reply, SendResult):
            return reply
        result = for_another_vendor(read_api(reply, *self._api.secrets, message.to))
        if result.outcome is not Outcome.ACCEPTED:
            return result
        answer = answer_of(reply)
        if user_id in str(answer.get("failedList") or ""):
            return SendResult(Outcome.PERMANENT_CONFIG, "failed", _FAILED, is_about_message=True)
        ding_id = answer.get("openDingId")
        return replace(result, provider_id=str(ding_id)) if ding_id else without_id(result.code, "DingTalk")

    async def look_up(self, question: Question) -> Finding:
        """Who has read the DING, which is to one person, has been reached; of others DingTalk says nothing.

        `QueryRobotDingReadStatus` of `robot_1_0` in DingTalk's SDK.
        """
        if not question.provider_id:
            return Finding()
        payload = {"robotCode": self._api.robot_code, "openDingId": question.provider_id}
        reply = await self._api.call("POST", "/v1.0/robot/ding/readStatuses/query", payload)
        if isinstance(reply, SendResult) or read_api(reply, *self._api.secrets).outcome is not Outcome.ACCEPTED:
            return Finding()
        if not _is_read(answer_of(reply).get("result")):
            return Finding(is_known=True, provider_id=question.provider_id)
        status = ReceiptStatus.ANSWERED if self._how == "phone" else ReceiptStatus.DELIVERED
        receipt = Receipt(status, question.reference, question.provider_id, detail=_READ)
        return Finding(is_known=True, provider_id=question.provider_id, receipts=[receipt])

    async def aclose(self) -> None:
        """The client is the caller's."""


def _is_read(result: Any) -> bool:
    readers = result.get("robotDingReadInfoList") if isinstance(result, dict) else None
    found = [reader.get("readStatus") for reader in readers or () if isinstance(reader, dict)]
    return any(str(status).upper() == "READ" for status in found)


def _text(message: Message, how: How) -> str:
    """What was written to be read out names keys, which nobody would hear."""
    said = message.variables
    text = message.text
    if how == "phone" and "title" in said:
        text = f"P{said['severity']} {said['title']}: {said['state']}. {said['summary']}"
    return cut_bytes(one_line(text).encode("utf-8", "replace").decode(), _MAX_BYTES) or "..."
