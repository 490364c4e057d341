"""Lark as an app meets it: access tokens, messages and cards, the directory, urgent calls, and the long connection.

As strict as the vendor: a token that it did not give, a body that is not as it should be, an ID of another app and a
frame that it cannot read are refused with its codes. People are known by the open IDs of this one app.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from simulators.lark_frames import read_frame, write_frame
from simulators.serving import HttpServer
from simulators.waiting import wait_until

_PER_SECOND = 5
_MAX_CARD = 30 * 1024
_MAX_CONNECTIONS = 50


@dataclass
class AppMessage:
    """One message in a group or to one person, as readers see it now."""

    message_id: str
    to: str
    kind: str
    content: dict[str, Any]
    urged: list[tuple[str, str]] = field(default_factory=list)
    """("phone" or "sms", open ID)."""
    versions: int = 1
    read_by: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        if self.kind == "text":
            return str(self.content["text"])
        marked = [element["content"] for element in self.content["elements"] if element["tag"] == "markdown"]
        return "\n".join([self.title, *marked])

    @property
    def title(self) -> str:
        return str(self.content.get("header", {}).get("title", {}).get("content", ""))

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """Label -> value."""
        if self.kind == "text":
            return {}
        actions = [element["actions"] for element in self.content["elements"] if element["tag"] == "action"]
        return {button["text"]["content"]: button["value"] for row in actions for button in row}


@dataclass(frozen=True)
class Person:
    open_id: str
    mobile: str = ""
    email: str = ""


class LarkAppSimulator(HttpServer):
    """One tenant with one app. `chats`: the groups that its bot is in. `people`: name -> Person."""

    app_id = "cli_a1b2c3d4"

    def __init__(
        self,
        *,
        secret: str = "app-secret-0123456789",  # noqa: S107 (made up, for tests)
        chats: tuple[str, ...] = ("oc_ops",),
        people: Mapping[str, Person] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.secret, self.chats, self.people = secret, chats, dict(people or {})
        self.messages: list[AppMessage] = []
        self.requests = 0
        self.tokens_given = 0
        self.holds_private = False
        """As a slow vendor: messages to one person are not answered before this is over."""
        self.refuses_cards = 0
        self.refuses_private = 0
        """The code that messages to one person get."""
        self.refuses_connections: tuple[int, str] | None = None
        self.quota = 100
        """Urgent calls and texts that are still paid for."""
        self._tokens: dict[str, float] = {}
        self._uuids: dict[str, AppMessage] = {}
        self._next: list[web.Response] = []
        self._clock = clock
        self._sent: dict[str, list[float]] = {}
        self._sockets: list[web.WebSocketResponse] = []
        self._tickets: set[str] = set()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.pings = 0

    @property
    def config(self) -> dict[str, str]:
        return {"app_id": self.app_id, "app_secret": self.secret, "url": self.url}

    @property
    def connections(self) -> int:
        return len(self._sockets)

    def answer_next(self, code: int, msg: str, *, status: int = 200, **headers: str) -> None:
        """The next request with a token is refused so, whatever it holds."""
        self._next.append(_reply(code, msg, status=status, headers=headers))

    def end_tokens(self) -> None:
        self._tokens.clear()

    def wait_for_connection(self, count: int = 1, *, within: float = 60.0) -> None:
        wait_until(lambda: self.connections == count, within=within, what=f"{count} long connections")

    def press(
        self, message: AppMessage, label: str, who: str, *, parts: int = 1, value: object = None, within: float = 3.0
    ) -> dict[str, Any]:
        """Somebody presses a button; returns the toast that only they see. TimeoutError after three seconds."""
        shown = message.buttons[label] if value is None else value
        return self.run(self._press(message, shown, who, parts, within))

    def drop_connections(self) -> None:
        self.run(self._drop())

    def _routes(self) -> list[web.AbstractRouteDef]:
        api = "/open-apis"
        return [
            web.post(f"{api}/auth/v3/tenant_access_token/internal", self._token),
            web.post(f"{api}/im/v1/messages", self._guarded(self._create)),
            web.patch(f"{api}/im/v1/messages/{{id}}", self._guarded(self._update)),
            web.patch(f"{api}/im/v1/messages/{{id}}/urgent_{{how}}", self._guarded(self._urge)),
            web.get(f"{api}/im/v1/messages/{{id}}/read_users", self._guarded(self._readers)),
            web.post(f"{api}/contact/v3/users/batch_get_id", self._guarded(self._look_up)),
            web.post("/callback/ws/endpoint", self._endpoint),
            web.get("/ws/v2", self._connect),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        sent = await _body(request)
        if sent.get("app_id") != self.app_id or sent.get("app_secret") != self.secret:
            return _reply(10014, "app secret invalid")
        token = "t-" + secrets.token_hex(16)
        self._tokens[token] = self._clock() + 7200
        self.tokens_given += 1
        return _reply(0, "ok", tenant_access_token=token, expire=7200)

    def _guarded(self, handler: Callable[[web.Request, dict[str, Any]], Any]) -> Callable[[web.Request], Any]:
        async def guarded(request: web.Request) -> web.Response:
            self.requests += 1
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if self._tokens.get(token, 0.0) <= self._clock():
                return _reply(99991663, "Invalid access token for authorization.", status=400)
            if self._next:
                return self._next.pop(0)
            response: web.Response = await handler(request, await _body(request))
            return response

        return guarded

    async def _create(self, request: web.Request, sent: dict[str, Any]) -> web.Response:
        kind, to = sent.get("msg_type"), str(sent.get("receive_id", ""))
        by = request.query.get("receive_id_type")
        if by not in ("chat_id", "open_id") or kind not in ("text", "interactive"):
            return _reply(230001, "Your request contains an invalid request parameter.", status=400)
        uuid = str(sent.get("uuid", ""))
        if len(uuid) > 50 or not isinstance(sent.get("content"), str):
            return _reply(230001, "Your request contains an invalid request parameter.", status=400)
        try:
            content = json.loads(sent["content"])
        except ValueError:
            return _reply(230001, "invalid content", status=400)
        if by == "chat_id" and to not in self.chats:
            return _reply(230002, "Bot/User can NOT be out of the chat.", status=400)
        if by == "open_id" and to not in {person.open_id for person in self.people.values()}:
            return _reply(230013, "Bot has NO availability to this user.", status=400)
        if by == "open_id" and self.refuses_private:
            return _reply(self.refuses_private, "refused", status=400)
        while self.holds_private and by == "open_id":  # noqa: ASYNC110 (a test ends it)
            await asyncio.sleep(0.01)
        if uuid and uuid in self._uuids:
            return _reply(0, "success", data={"message_id": self._uuids[uuid].message_id})
        if not self._has_room(to):
            return _reply(230020, "This operation triggers the frequency limit.", status=400)
        if kind == "interactive" and (problem := self._card_problem(sent["content"], content)):
            return problem
        message = AppMessage(f"om_{secrets.token_hex(12)}", to, str(kind), content)
        self.messages.append(message)
        if uuid:
            self._uuids[uuid] = message
        return _reply(0, "success", data={"message_id": message.message_id})

    def _card_problem(self, raw: str, card: Any) -> web.Response | None:
        if self.refuses_cards:
            return _reply(self.refuses_cards, "Failed to create card content", status=400)
        if not isinstance(card, dict) or not isinstance(card.get("elements"), list):
            return _reply(230099, "Failed to create card content: parse card json err", status=400)
        if len(raw.encode()) > _MAX_CARD:
            return _reply(230025, "The length of the message content reaches its limit.", status=400)
        return None

    async def _update(self, request: web.Request, sent: dict[str, Any]) -> web.Response:
        message = self._message(request.match_info["id"])
        if message is None or message.kind != "interactive":
            return _reply(230001, "Your request contains an invalid request parameter.", status=400)
        if not message.content.get("config", {}).get("update_multi"):
            return _reply(230099, "Failed to update card: the card is not shared (update_multi)", status=400)
        content = json.loads(str(sent.get("content", "")))
        if problem := self._card_problem(str(sent["content"]), content):
            return problem
        message.content, message.versions = content, message.versions + 1
        return _reply(0, "success", data={})

    async def _urge(self, request: web.Request, sent: dict[str, Any]) -> web.Response:
        how, message = request.match_info["how"], self._message(request.match_info["id"])
        if how not in ("app", "sms", "phone") or request.query.get("user_id_type") != "open_id" or message is None:
            return _reply(230001, "Your request contains an invalid request parameter.", status=400)
        wanted = sent.get("user_id_list")
        if not isinstance(wanted, list) or not wanted:
            return _reply(230001, "Your request contains an invalid request parameter.", status=400)
        if how != "app" and self.quota < len(wanted):
            return _reply(230024, "Reach the upper limit of urgent message.", status=400)
        known = {person.open_id for person in self.people.values()}
        good = [open_id for open_id in wanted if open_id in known]
        self.quota -= len(good) if how != "app" else 0
        message.urged += [(how, open_id) for open_id in good]
        return _reply(0, "success", data={"invalid_user_id_list": [item for item in wanted if item not in known]})

    async def _readers(self, request: web.Request, _sent: dict[str, Any]) -> web.Response:
        message = self._message(request.match_info["id"])
        if message is None or request.query.get("user_id_type") != "open_id":
            return _reply(230001, "Your request contains an invalid request parameter.", status=400)
        readers = [{"user_id": open_id, "user_id_type": "open_id"} for open_id in message.read_by]
        return _reply(0, "success", data={"items": readers, "has_more": False})

    async def _look_up(self, request: web.Request, sent: dict[str, Any]) -> web.Response:
        mobiles, emails = sent.get("mobiles") or [], sent.get("emails") or []
        if request.query.get("user_id_type") != "open_id" or max(len(mobiles), len(emails)) > 50:
            return _reply(99992402, "field validation failed", status=400)
        by_mobile = {person.mobile: person for person in self.people.values() if person.mobile}
        by_email = {person.email: person for person in self.people.values() if person.email}
        found = [_found("mobile", item, by_mobile.get(_mainland(item))) for item in mobiles]
        found += [_found("email", item, by_email.get(item)) for item in emails]
        return _reply(0, "success", data={"user_list": found})

    async def _endpoint(self, request: web.Request) -> web.Response:
        sent = await _body(request)
        if sent.get("AppID") != self.app_id or sent.get("AppSecret") != self.secret:
            return _reply(514, "auth failed")
        if self.refuses_connections is not None:
            return _reply(*self.refuses_connections)
        if len(self._sockets) >= _MAX_CONNECTIONS:
            return _reply(1000040350, "the number of connections exceeded the limit")
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        url = f"{self.url.replace('http', 'ws')}/ws/v2?device_id={ticket}&service_id=33554678"
        config = {"ReconnectCount": -1, "ReconnectInterval": 120, "ReconnectNonce": 30, "PingInterval": 120}
        return _reply(0, "", data={"URL": url, "ClientConfig": config})

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("device_id", "")
        if ticket not in self._tickets:
            headers = {"Handshake-Status": "514", "Handshake-Msg": "invalid ticket", "Handshake-Autherrcode": "1"}
            return web.Response(status=400, headers=headers)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        try:
            async for message in socket:
                if message.type is not WSMsgType.BINARY:
                    break
                await self._read(socket, message.data)
        finally:
            self._sockets.remove(socket)
        return socket

    async def _read(self, socket: web.WebSocketResponse, data: bytes) -> None:
        frame = read_frame(data)
        headers = dict(frame["headers"])
        if frame["method"] == 0 and headers.get("type") == "ping":
            self.pings += 1
            await socket.send_bytes(write_frame(0, {"type": "pong"}, json.dumps({"PingInterval": 120}).encode()))
            return
        answer = json.loads(frame["payload"])
        waiting = self._answers.get(headers.get("message_id", ""))
        if waiting is not None and not waiting.done():
            assert "biz_rt" in headers, "an answer says how long it took"
            waiting.set_result(answer)

    async def _press(self, message: AppMessage, value: object, who: str, parts: int, within: float) -> dict[str, Any]:
        assert self._sockets, "nobody is connected"
        name = secrets.token_hex(8)
        event = {
            "schema": "2.0",
            "header": {"event_id": name, "event_type": "card.action.trigger", "app_id": self.app_id},
            "event": {
                "operator": {"tenant_key": "t", "open_id": self.people[who].open_id, "union_id": "on_x"},
                "token": "c-" + secrets.token_hex(20),
                "action": {"value": value, "tag": "button"},
                "host": "im_message",
                "context": {"open_message_id": message.message_id, "open_chat_id": message.to},
            },
        }
        waiting = self._answers[name] = asyncio.get_running_loop().create_future()
        payload = json.dumps(event, ensure_ascii=False).encode()
        size = -(-len(payload) // parts)
        for number in range(parts):
            headers = {"type": "event", "message_id": name, "trace_id": name, "sum": str(parts), "seq": str(number)}
            part = payload[number * size : (number + 1) * size]
            await self._sockets[-1].send_bytes(write_frame(1, headers, part))
        answer = await asyncio.wait_for(waiting, within)
        assert answer["code"] == 200
        told: dict[str, Any] = json.loads(base64.b64decode(answer["data"])) if "data" in answer else {}
        return told

    async def _drop(self) -> None:
        for socket in list(self._sockets):
            await socket.close()

    def _message(self, message_id: str) -> AppMessage | None:
        return next((item for item in self.messages if item.message_id == message_id), None)

    def _has_room(self, to: str) -> bool:
        now = self._clock()
        recent = [moment for moment in self._sent.get(to, []) if now - moment < 1.0]
        self._sent[to] = [*recent, now]
        return len(recent) < _PER_SECOND


def _mainland(mobile: str) -> str:
    return mobile if mobile.startswith("+") else f"+86{mobile}"


def _found(kind: str, asked: str, person: Person | None) -> dict[str, Any]:
    return {kind: asked} if person is None else {kind: asked, "user_id": person.open_id}


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _reply(
    code: int, msg: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any
) -> web.Response:
    return web.json_response({"code": code, "msg": msg, **more}, status=status, headers=headers)
