"""Calls and texts that Lark makes of an urgent message, for teams that pay for those.

The person must be in Lark with the very number. https://open.feishu.cn/document/server-docs/im-v1/buzz-messages/urgent_phone
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from tocsin.channels.base import Config, Finding, Message, Outcome, Question, Receipt, ReceiptStatus, SendResult
from tocsin.channels.groups import for_another_vendor, nothing_sent, without_id
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.lark.account import LarkApi
from tocsin.channels.providers.lark.directory import find_one
from tocsin.channels.providers.lark.outcomes import read
from tocsin.channels.texts import cut_bytes
from tocsin.core.sentences import Sentence

_UNKNOWN = Sentence("Nobody in Lark has this number, so Lark cannot reach it.")
_NOT_URGED = Sentence("Lark did not reach this person: they may not be urged.")
_NOT_AVAILABLE = Sentence(
    "The app may not write to this person: take them into its availability range, on the app's page in Lark."
)
_OUT_OF_RANGE = "230013"
_READ = Sentence("The message was read in Lark.")
_MAX_BYTES = 3000

How = Literal["phone", "sms"]


class LarkUrgent:
    """A message to the person alone, and then the urge, which rings or texts them."""

    def __init__(self, how: How, config: Config, http: HttpClient) -> None:
        self._how, self._api = how, LarkApi(config, http)

    async def send(self, message: Message) -> SendResult:
        """The message's id is the vendor's id. A person who is not in Lark is the next account's."""
        open_id = await find_one(self._api, message.to)
        if isinstance(open_id, SendResult):
            return nothing_sent(open_id)
        if not open_id:
            return SendResult(Outcome.PERMANENT_CONFIG, "unknown", _UNKNOWN, is_about_message=True)
        sent = await self._post(open_id, message)
        if sent.outcome is not Outcome.ACCEPTED:
            return nothing_sent(_for_the_next(sent))  # sent again under the same uuid; nobody was rung yet
        return await self._urge(open_id, sent)

    async def look_up(self, question: Question) -> Finding:
        """Who has read the message has been reached; of others Lark says nothing."""
        if not question.provider_id:
            return Finding()
        path = f"/open-apis/im/v1/messages/{quote(question.provider_id, safe='')}/read_users?user_id_type=open_id"
        reply = await self._api.call("GET", path, None)
        if isinstance(reply, SendResult):
            return Finding()
        if read(reply, *self._api.secrets, is_api=True).outcome is not Outcome.ACCEPTED:
            return Finding()
        data: Any = reply.json().get("data")
        readers = data.get("items") if isinstance(data, dict) else None
        if not readers:
            return Finding(is_known=True, provider_id=question.provider_id)
        status = ReceiptStatus.ANSWERED if self._how == "phone" else ReceiptStatus.DELIVERED
        receipt = Receipt(status, question.reference, question.provider_id, detail=_READ)
        return Finding(is_known=True, provider_id=question.provider_id, receipts=[receipt])

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _post(self, open_id: str, message: Message) -> SendResult:
        payload = {
            "receive_id": open_id,
            "msg_type": "text",
            "content": json.dumps({"text": _text(message, self._how)}, ensure_ascii=False),
            "uuid": f"tocsin-{message.reference}-{self._how}",
        }
        return await self._api.post_message("open_id", payload, message.to)

    async def _urge(self, open_id: str, sent: SendResult) -> SendResult:
        path = f"/open-apis/im/v1/messages/{quote(sent.provider_id, safe='')}/urgent_{self._how}?user_id_type=open_id"
        reply = await self._api.call("PATCH", path, {"user_id_list": [open_id]})
        if isinstance(reply, SendResult):
            return replace(reply, provider_id=sent.provider_id)
        result = read(reply, *self._api.secrets, is_api=True)
        if result.outcome is not Outcome.ACCEPTED:
            return replace(_for_the_next(result), provider_id=sent.provider_id)
        data = reply.json().get("data")
        if not isinstance(data, dict):
            return without_id(result.code, "Lark")
        if open_id in (data.get("invalid_user_id_list") or []):
            return SendResult(Outcome.PERMANENT_CONFIG, "invalid", _NOT_URGED, sent.provider_id, is_about_message=True)
        return replace(result, provider_id=sent.provider_id)


def _for_the_next(result: SendResult) -> SendResult:
    if result.code == _OUT_OF_RANGE:
        return replace(result, outcome=Outcome.PERMANENT_CONFIG, detail=str(_NOT_AVAILABLE), is_about_message=True)
    return for_another_vendor(result)


def _text(message: Message, how: How) -> str:
    """What was written to be read out names keys, which nobody would hear."""
    said = message.variables
    if how == "sms" or "title" not in said:
        return cut_bytes(message.text.encode("utf-8", "replace").decode(), _MAX_BYTES) or "..."
    whole = f"[P{said['severity']}] {said['title']}: {said['state']}. {said['summary']}".strip()
    return cut_bytes(whole.encode("utf-8", "replace").decode(), _MAX_BYTES)
