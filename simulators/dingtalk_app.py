"""DingTalk as an app meets it: access tokens, cards and messages, DINGs, the directory, and Stream.

As strict as the vendor: codes are words beside an HTTP status, the older API answers HTTP 200 whatever is wrong, and a
card says for each place whether it arrived there.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from simulators.pace import Pace
from simulators.serving import HttpServer
from simulators.waiting import wait_until

_TEMPLATES = ("1366a1eb-bc54-4859-ac88-517c56a9acb1.schema",)
_CARD_TOPIC = "/v1.0/card/instances/callback"
_PER_MINUTE = 20
_MAX_BODY = 32_000


@dataclass
class GroupCard:
    """One card or message in a group, as readers see it now."""

    message_id: str
    to: str
    kind: str
    params: dict[str, Any]
    mentioned: tuple[str, ...] = ()
    versions: int = 1
    private: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What one person alone sees of it."""

    @property
    def text(self) -> str:
        if self.kind == "card":
            return f"{self.params['title']}\n{self.params['markdown']}"
        return str(self.params.get("content") or f"{self.params.get('title')}\n{self.params.get('text')}")

    @property
    def buttons(self) -> dict[str, str]:
        """Label -> id."""
        if self.kind != "card":
            return {}
        made = json.loads(self.params["sys_full_json_obj"])["msgButtons"]
        assert all(button["request"] is True for button in made), "a button that only opens a page"
        return {button["text"]: button["id"] for button in made}


@dataclass(frozen=True)
class Ding:
    kind: str
    to: tuple[str, ...]
    content: str
    ding_id: str = ""
    read_by: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Colleague:
    user_id: str
    mobile: str = ""


class DingtalkAppSimulator(HttpServer):
    """One organisation with one app. `chats`: the groups that its robot is in. `people`: name -> Colleague."""

    client_id = "dingabc123"

    def __init__(
        self,
        *,
        secret: str = "client-secret-0123456789",  # noqa: S107 (made up, for tests)
        chats: tuple[str, ...] = ("cidops==",),
        people: Mapping[str, Colleague] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.secret, self.chats, self.people = secret, chats, dict(people or {})
        self.messages: list[GroupCard] = []
        self.private: list[tuple[str, str]] = []
        """(user ID, text) of messages to one person."""
        self.holds_private = False
        """As a slow vendor: messages to one person are not answered before this is over."""
        self.dings: list[Ding] = []
        self.tokens_given = 0
        self.requests = 0
        self.refuses_cards: tuple[int, str, str] | None = None
        """(HTTP status, code, message)"""
        self.refuses_connections: tuple[int, str, str] | None = None
        self.quota = 100
        self.acks: list[dict[str, Any]] = []
        self._tokens: dict[str, float] = {}
        self._old_tokens: dict[str, float] = {}
        self._next: list[web.Response] = []
        self._clock = clock
        self._pace = Pace(_PER_MINUTE, 60.0, clock)
        self._sockets: list[web.WebSocketResponse] = []
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    @property
    def config(self) -> dict[str, str]:
        return {
            "client_id": self.client_id, "client_secret": self.secret, "url": self.url, "old_url": self.url,
        }  # fmt: skip

    @property
    def connections(self) -> int:
        return len(self._sockets)

    def answer_next(self, status: int, code: str, message: str) -> None:
        """The next request with a token is refused so, whatever it holds."""
        self._next.append(_refusal(status, code, message))

    def end_tokens(self) -> None:
        self._tokens.clear()
        self._old_tokens.clear()

    def wait_for_connection(self, count: int = 1, *, within: float = 60.0) -> None:
        wait_until(lambda: self.connections == count, within=within, what=f"{count} stream connections")

    def press(self, card: GroupCard, label: str, who: str, *, token: object = None) -> str:
        """Somebody presses a button; returns the line that they alone see below it. TimeoutError after 3 seconds."""
        shown = card.buttons[label] if token is None else token
        user_id = self.people[who].user_id
        self.run(self._press(card, shown, user_id))
        return str(card.private[user_id]["tips"])

    def ask_for_anew(self) -> None:
        """Tells every connection to come again."""
        self.run(self._say("SYSTEM", "disconnect", json.dumps({"reason": "server upgrade"})))

    def ping(self) -> dict[str, Any]:
        """What came back."""
        return self.run(self._say("SYSTEM", "ping", json.dumps({"opaque": "0d9f"}), waits=True))

    def drop_connections(self) -> None:
        self.run(self._drop())

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/v1.0/oauth2/accessToken", self._token),
            web.post("/v1.0/card/instances/createAndDeliver", self._guarded(self._create)),
            web.put("/v1.0/card/instances", self._guarded(self._update)),
            web.post("/v1.0/robot/groupMessages/send", self._guarded(self._post)),
            web.post("/v1.0/robot/oToMessages/batchSend", self._guarded(self._tell)),
            web.post("/v1.0/robot/ding/send", self._guarded(self._ding)),
            web.post("/v1.0/robot/ding/readStatuses/query", self._guarded(self._ding_readers)),
            web.post("/v1.0/gateway/connections/open", self._open_connection),
            web.get("/connect", self._connect),
            web.get("/gettoken", self._old_token),
            web.post("/topapi/v2/user/getbymobile", self._by_mobile),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        sent = await _body(request)
        if sent.get("appKey") != self.client_id or sent.get("appSecret") != self.secret:
            return _refusal(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        token = secrets.token_hex(16)
        self._tokens[token] = self._clock() + 7200
        self.tokens_given += 1
        return web.json_response({"accessToken": token, "expireIn": 7200})

    async def _old_token(self, request: web.Request) -> web.Response:
        if request.query.get("appkey") != self.client_id or request.query.get("appsecret") != self.secret:
            return web.json_response({"errcode": 40089, "errmsg": "不合法的corpid或corpsecret"})
        token = secrets.token_hex(16)
        self._old_tokens[token] = self._clock() + 7200
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7200})

    def _guarded(self, handler: Callable[[dict[str, Any]], web.Response]) -> Callable[[web.Request], Any]:
        async def guarded(request: web.Request) -> web.Response:
            self.requests += 1
            token = request.headers.get("x-acs-dingtalk-access-token", "")
            if self._tokens.get(token, 0.0) <= self._clock():
                return _refusal(400, "InvalidAuthentication", "不合法的access_token")
            if self._next:
                return self._next.pop(0)
            while self.holds_private and request.path.endswith("/oToMessages/batchSend"):  # noqa: ASYNC110 (tests end it)
                await asyncio.sleep(0.01)
            return handler(await _body(request))

        return guarded

    def _create(self, sent: dict[str, Any]) -> web.Response:
        if self.refuses_cards is not None:
            return _refusal(*self.refuses_cards)
        if sent.get("cardTemplateId") not in _TEMPLATES:
            return _refusal(400, "param.cardTemplateIdNotExist", "卡片模版不存在")
        params = sent.get("cardData", {}).get("cardParamMap")
        if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
            return _refusal(400, "MissingStringValue", "cardParamMap")
        if sent.get("callbackType") != "STREAM" or not sent.get("outTrackId"):
            return _refusal(400, "param.outTrackIdEmpty", "业务标识 outTrackId 为空")
        if len(json.dumps(sent).encode()) > _MAX_BODY:
            return _refusal(400, "param.tooLong", "卡片数据过长")
        if any(card.message_id == sent["outTrackId"] for card in self.messages):
            return _refusal(400, "param.outTrackIdDuplicated", "outTrackId already exists")
        space = str(sent.get("openSpaceId", "")).removeprefix("dtv1.card//IM_GROUP.")
        deliver = sent.get("imGroupOpenDeliverModel") or {}
        if deliver.get("robotCode") != self.client_id:
            return _refusal(400, "param.robotCodeInvalid", "robotCode")
        is_in = space in self.chats
        place = {"spaceId": space, "spaceType": "IM_GROUP", "success": is_in}
        if not is_in:
            place["errorMsg"] = "chatbot not in conversation"
            return web.json_response({"success": True, "result": {"outTrackId": "", "deliverResults": [place]}})
        if not self._pace.has_room():
            return _refusal(403, "Forbidden.AccessDenied.QpsLimitForApi", "被限流")
        known = {person.user_id: name for name, person in self.people.items()}
        rung = tuple(known[user_id] for user_id in deliver.get("atUserIds", {}) if user_id in known)
        self.messages.append(GroupCard(sent["outTrackId"], space, "card", params, rung))
        return web.json_response(
            {"success": True, "result": {"outTrackId": sent["outTrackId"], "deliverResults": [place]}}
        )

    def _update(self, sent: dict[str, Any]) -> web.Response:
        card = next((card for card in self.messages if card.message_id == sent.get("outTrackId")), None)
        if card is None:
            return _refusal(400, "param.cardNotExist", "卡片不存在")
        params = sent.get("cardData", {}).get("cardParamMap")
        if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
            return _refusal(400, "MissingStringValue", "cardParamMap")
        by_key = (sent.get("cardUpdateOptions") or {}).get("updateCardDataByKey")
        card.params = {**card.params, **params} if by_key else params
        card.versions += 1
        return web.json_response({"success": True, "result": True})

    def _post(self, sent: dict[str, Any]) -> web.Response:
        if sent.get("robotCode") != self.client_id:
            return _refusal(400, "robot.notFound", "robot 不存在")
        if sent.get("openConversationId") not in self.chats:
            return _refusal(400, "invalidParameter.openConversationId", "无效的openConversationId")
        try:
            param = json.loads(sent["msgParam"])
        except (ValueError, KeyError, TypeError):
            return _refusal(400, "invalidParameter.msgParam", "msgParam")
        wanted = {"sampleText": {"content"}, "sampleMarkdown": {"title", "text"}}.get(sent.get("msgKey", ""))
        if wanted is None or set(param) != wanted or not all(param.values()):
            return _refusal(400, "invalidParameter.msgParam", "msgParam")
        if not self._pace.has_room():
            return _refusal(429, "Throttling.Api", "被限流")
        self.messages.append(GroupCard(secrets.token_hex(8), sent["openConversationId"], "text", param))
        return web.json_response({"processQueryKey": secrets.token_hex(8)})

    def _tell(self, sent: dict[str, Any]) -> web.Response:
        known = {person.user_id for person in self.people.values()}
        invalid = [user_id for user_id in sent["userIds"] if user_id not in known]
        text = json.loads(sent["msgParam"])["content"]
        self.private += [(user_id, text) for user_id in sent["userIds"] if user_id in known]
        return web.json_response(
            {"processQueryKey": secrets.token_hex(8), "invalidStaffIdList": invalid, "flowControlledStaffIdList": []}
        )

    def _ding(self, sent: dict[str, Any]) -> web.Response:
        kind = {1: "app", 2: "sms", 3: "phone"}.get(sent.get("remindType", 0))
        people = sent.get("receiverUserIdList")
        if kind is None or not isinstance(people, list) or not people or not sent.get("content"):
            return _refusal(400, "miss.staffId", "缺少参数")
        if sent.get("robotCode") != self.client_id:
            return _refusal(400, "robot.notFound", "robot 不存在")
        if kind != "app" and len(people) > 20:
            return _refusal(400, "ding.receivercount.limit", "接收人超限")
        if kind != "app" and self.quota < len(people):
            return _refusal(400, "ding.serverquota.insufficient", "DING额度不足")
        known = {person.user_id for person in self.people.values()}
        good = tuple(user_id for user_id in people if user_id in known)
        bad = [user_id for user_id in people if user_id not in known]
        self.quota -= len(good) if kind != "app" else 0
        self.dings.append(Ding(kind, good, sent["content"], secrets.token_hex(8)))
        return web.json_response(
            {"openDingId": self.dings[-1].ding_id, "failedList": {"invalidStaff": bad} if bad else {}}
        )

    def _ding_readers(self, sent: dict[str, Any]) -> web.Response:
        """As DingTalk's own SDK has it: robot_1.0, QueryRobotDingReadStatus."""
        if sent.get("robotCode") != self.client_id:
            return _refusal(400, "robot.notFound", "robot 不存在")
        ding = next((ding for ding in self.dings if ding.ding_id == sent.get("openDingId")), None)
        if ding is None:
            return _refusal(400, "invalidParameter.openDingId", "无效的openDingId")
        readers = [
            {"userId": user_id, "readStatus": "READ" if user_id in ding.read_by else "UNREAD"} for user_id in ding.to
        ]
        return web.json_response({"success": True, "result": {"robotDingReadInfoList": readers}})

    async def _by_mobile(self, request: web.Request) -> web.Response:
        if self._old_tokens.get(request.query.get("access_token", ""), 0.0) <= self._clock():
            return web.json_response({"errcode": 40014, "errmsg": "不合法的access_token"})
        self.requests += 1
        mobile = str((await _body(request)).get("mobile", ""))
        person = next((item for item in self.people.values() if item.mobile and item.mobile == mobile), None)
        if person is None:
            return web.json_response({"errcode": 60121, "errmsg": "找不到该用户", "request_id": "x"})
        return web.json_response(
            {"errcode": 0, "errmsg": "ok", "result": {"userid": person.user_id}, "request_id": "x"}
        )

    async def _open_connection(self, request: web.Request) -> web.Response:
        sent = await _body(request)
        if self.refuses_connections is not None:
            return _refusal(*self.refuses_connections)
        if sent.get("clientId") != self.client_id or sent.get("clientSecret") != self.secret:
            return _refusal(401, "authFailed", "鉴权失败")
        if {"type": "CALLBACK", "topic": _CARD_TOPIC} not in sent.get("subscriptions", []):
            return _refusal(400, "param.error", "subscriptions")
        ticket = secrets.token_hex(8) + "+/="
        self._tickets.add(ticket)
        return web.json_response({"endpoint": f"{self.url.replace('http', 'ws')}/connect", "ticket": ticket})

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                ack = json.loads(message.data)
                assert {"code", "headers", "message", "data"} <= ack.keys()
                self.acks.append(ack)
                waiting = self._waiting.get(ack["headers"]["messageId"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(ack)
        finally:
            self._sockets.remove(socket)
        return socket

    async def _press(self, card: GroupCard, token: object, user_id: str) -> None:
        content = {"cardPrivateData": {"actionIds": [str(token)], "params": {"id": token}}}
        data = {
            "extension": "{}", "corpId": "ding9f50", "spaceType": "IM_GROUP", "userIdType": 1, "type": "actionCallback",
            "userId": user_id, "content": json.dumps(content), "spaceId": card.to, "outTrackId": card.message_id,
            "value": json.dumps(content),
        }  # fmt: skip
        ack = await self._say("CALLBACK", _CARD_TOPIC, json.dumps(data), waits=True)
        assert ack["code"] == 200
        response = json.loads(ack["data"])["response"]
        card.private[user_id] = response["userPrivateData"]["cardParamMap"]

    async def _say(self, kind: str, topic: str, data: str, *, waits: bool = False) -> dict[str, Any]:
        """To one connection; with `disconnect` to all."""
        assert self._sockets, "nobody is connected"
        name = secrets.token_hex(8)
        headers = {"appId": "x", "topic": topic, "messageId": name, "contentType": "application/json", "time": "1"}
        frame = json.dumps({"specVersion": "1.0", "type": kind, "headers": headers, "data": data}, ensure_ascii=False)
        waiting = self._waiting[name] = asyncio.get_running_loop().create_future()
        for socket in list(self._sockets) if topic == "disconnect" else self._sockets[-1:]:
            await socket.send_str(frame)
        return await asyncio.wait_for(waiting, 3.0) if waits else {}

    async def _drop(self) -> None:
        for socket in list(self._sockets):
            await socket.close()


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "requestid": "x", "message": message}, status=status)
