"""DingTalk's Stream: a connection that we open, over which pressed buttons come.

https://open.dingtalk.com/document/orgapp/stream
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import quote

from tocsin.channels.base import SendResult
from tocsin.channels.listening import DONE_WITHIN, Begin, ConnectionLostError, Heard, Press, answering
from tocsin.channels.providers.dingtalk.account import DingtalkApi
from tocsin.channels.providers.dingtalk.app_outcomes import answer_of
from tocsin.channels.sockets import Socket, connected, frame_of, is_socket_address
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_REFUSED = Sentence("DingTalk refuses the stream connection: %(code)s %(says)s")
_NO_ADDRESS = Sentence("DingTalk gave no address for the stream connection.")
TOPIC = "/v1.0/card/instances/callback"
_AGENT = "tocsin"


class StreamConnection:
    def __init__(self, api: DingtalkApi, heard: Heard, tell: Callable[[str, str], Coroutine[Any, Any, None]]) -> None:
        """`tell(user_id, text)` writes to one person alone."""
        self._api, self._heard, self._tell = api, heard, tell

    async def run(self, is_connected: Callable[[], None]) -> None:
        """Returns when DingTalk asks to connect anew."""
        async with connected(await self._address()) as socket:
            is_connected()
            async with answering(done_within=DONE_WITHIN) as begin:
                async for raw in socket.frames():
                    frame = frame_of(raw)
                    if frame.get("type") == "SYSTEM" and _topic(frame) == "disconnect":
                        return
                    begin(self._take(frame, socket, begin))

    async def _address(self) -> str:
        subscriptions = [{"type": "CALLBACK", "topic": TOPIC}]
        payload = {**self._api.credentials, "subscriptions": subscriptions, "ua": _AGENT, "localIp": ""}
        reply = await self._api.open("/v1.0/gateway/connections/open", payload)
        if isinstance(reply, SendResult):
            raise ConnectionLostError(reply.detail)
        answer = answer_of(reply)
        if reply.status != 200 or "code" in answer:
            said = {"code": str(answer.get("code", reply.status)), "says": str(answer.get("message", ""))}
            text = concealed(_REFUSED % said, *self._api.secrets)
            raise ConnectionLostError(text, is_refused=400 <= reply.status < 500 and reply.status != 429)
        endpoint, ticket = str(answer.get("endpoint", "")), str(answer.get("ticket", ""))
        if not is_socket_address(endpoint) or not ticket:
            raise ConnectionLostError(_NO_ADDRESS)
        return f"{endpoint}{'&' if '?' in endpoint else '?'}ticket={quote(ticket, safe='')}"

    async def _take(self, frame: Mapping[str, Any], socket: Socket, begin: Begin) -> None:
        """Each is acknowledged; what is not in three seconds is sent again, or to another connection of the app."""
        headers = frame.get("headers")
        if not isinstance(headers, dict):
            return
        data: object = {}
        if frame.get("type") == "SYSTEM":
            data = frame.get("data", "")
        elif frame.get("type") == "EVENT":
            data = {"status": "SUCCESS", "message": "ok"}
        elif (press := press_of(frame)) is not None:
            data = {"response": await self._answer(press, begin)}
        said = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        told = {"messageId": str(headers.get("messageId", "")), "contentType": "application/json"}
        ack = {"code": 200, "headers": told, "message": "OK", "data": said}
        try:
            await socket.send(json.dumps(ack, ensure_ascii=False))
        except ConnectionLostError:
            return  # who reads the frames hears of it

    async def _answer(self, press: Press, begin: Begin) -> dict[str, Any]:
        """A line below the card that its presser alone sees, which the acknowledgement carries; more than that by a
        message to them, which it does not wait for.
        """
        answer = await self._heard(press)
        if not answer.is_done:
            begin(self._tell(press.user_id, "\n".join(filter(None, (answer.text, answer.link)))))
        return {
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
            "userPrivateData": {"cardParamMap": {"tips": answer.text}},
        }


def press_of(frame: Mapping[str, Any]) -> Press | None:
    """Of a callback; None for what is no pressed button."""
    if frame.get("type") != "CALLBACK" or _topic(frame) != TOPIC:
        return None
    about = frame_of(frame["data"]) if isinstance(frame.get("data"), str) else {}
    user_id = about.get("userId")
    if not isinstance(user_id, str) or not user_id:
        return None
    content = about.get("content") or about.get("value")
    private = (frame_of(content) if isinstance(content, str) else {}).get("cardPrivateData")
    return Press(_token(private), user_id, str(about.get("outTrackId", "")))


def _token(private: object) -> str:
    """The button's id, which stands in one of two places."""
    if not isinstance(private, dict):
        return ""
    params, ids = private.get("params"), private.get("actionIds")
    if isinstance(params, dict) and isinstance(params.get("id"), str):
        return str(params["id"])
    return ids[0] if isinstance(ids, list) and ids and isinstance(ids[0], str) else ""


def _topic(frame: Mapping[str, Any]) -> str:
    headers = frame.get("headers")
    return str(headers.get("topic", "")) if isinstance(headers, dict) else ""
