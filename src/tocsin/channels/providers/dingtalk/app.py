"""An app's robot in DingTalk's groups: cards whose buttons act, and the connection over which they are heard."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tocsin.channels.base import Config, Message, Outcome, SendResult
from tocsin.channels.directory import Directory, Sought
from tocsin.channels.groups import Note, without_id
from tocsin.channels.http import HttpClient
from tocsin.channels.listening import Heard
from tocsin.channels.providers.dingtalk.account import DingtalkApi
from tocsin.channels.providers.dingtalk.app_content import TEMPLATE, card_params, group_message, mentioned
from tocsin.channels.providers.dingtalk.app_outcomes import AS_TEXT, answer_of, read_api, read_card
from tocsin.channels.providers.dingtalk.directory import find_people
from tocsin.channels.providers.dingtalk.stream import StreamConnection
from tocsin.core.sentences import Sentence

_OURS = "tocsin-"
_NO_CARD = Sentence("Only cards can be changed, and this message is a text.")


class DingtalkApp:
    def __init__(self, config: Config, http: HttpClient) -> None:
        self._api = DingtalkApi(config, http)

    async def send(self, message: Message) -> SendResult:
        """To the group `message.to`: a card where there are buttons; as Markdown when DingTalk refuses the card."""
        if not message.buttons:
            return await self._post(message)
        result = await self._create(message)
        if result.outcome not in (Outcome.PERMANENT_TARGET, Outcome.PERMANENT_CONFIG):
            return result
        again = await self._post(message)
        if again.outcome is Outcome.ACCEPTED:
            return replace(again, code=Note.AS_TEXT, detail=AS_TEXT % {"code": result.code})
        return again

    async def update(self, message: Message, provider_id: str) -> SendResult:
        if not provider_id.startswith(_OURS):
            return SendResult(Outcome.PERMANENT_TARGET, "text", _NO_CARD)
        payload = {
            "outTrackId": provider_id,
            "cardData": {"cardParamMap": card_params(message)},
            "cardUpdateOptions": {"updateCardDataByKey": True},
        }
        reply = await self._api.call("PUT", "/v1.0/card/instances", payload)
        return reply if isinstance(reply, SendResult) else read_api(reply, *self._api.secrets)

    async def listen(self, heard: Heard, connected: Callable[[], None]) -> None:
        await StreamConnection(self._api, heard, self._tell).run(connected)

    async def find(self, people: Sequence[Sought]) -> Directory:
        return await find_people(self._api, people)

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _create(self, message: Message) -> SendResult:
        """The card's id is ours, so that a second request makes no second card."""
        card_id = f"{_OURS}{message.reference}"
        deliver: dict[str, Any] = {"robotCode": self._api.robot_code}
        if people := mentioned(message):
            deliver["atUserIds"] = people
        payload = {
            "cardTemplateId": TEMPLATE,
            "outTrackId": card_id,
            "callbackType": "STREAM",
            "userIdType": 1,
            "cardData": {"cardParamMap": card_params(message)},
            "openSpaceId": f"dtv1.card//IM_GROUP.{message.to}",
            "imGroupOpenSpaceModel": {"supportForward": False},
            "imGroupOpenDeliverModel": deliver,
        }
        reply = await self._api.call("POST", "/v1.0/card/instances/createAndDeliver", payload)
        if isinstance(reply, SendResult):
            return reply
        return read_card(reply, card_id, *self._api.secrets, message.to)

    async def _post(self, message: Message) -> SendResult:
        payload = {"robotCode": self._api.robot_code, "openConversationId": message.to, **group_message(message)}
        reply = await self._api.call("POST", "/v1.0/robot/groupMessages/send", payload)
        if isinstance(reply, SendResult):
            return reply
        result = read_api(reply, *self._api.secrets, message.to)
        if result.outcome is not Outcome.ACCEPTED:
            return result
        key = answer_of(reply).get("processQueryKey")
        return result if key else without_id(result.code, "DingTalk")

    async def _tell(self, user_id: str, text: str) -> None:
        """One person alone. What becomes of it changes nothing."""
        payload = {
            "robotCode": self._api.robot_code,
            "userIds": [user_id],
            "msgKey": "sampleText",
            "msgParam": json.dumps({"content": text}, ensure_ascii=False),
        }
        await self._api.call("POST", "/v1.0/robot/oToMessages/batchSend", payload)
