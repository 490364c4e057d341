"""WeCom as an app meets it: an access token, messages to groups that the app made, and the directory.

HTTP 200 whatever is wrong. Numbers and addresses that nobody has are counted, and too many of them close the directory.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.serving import HttpServer

_SIZES = {"text": 2048, "markdown": 2048}


@dataclass(frozen=True)
class Member:
    user_id: str
    mobile: str = ""
    email: str = ""


@dataclass(frozen=True)
class ChatMessage:
    to: str
    kind: str
    text: str


class WecomAppSimulator(HttpServer):
    """One organisation with one app. `chats`: the groups that it made. `people`: name -> Member."""

    corp_id = "ww1234567890"

    def __init__(
        self,
        *,
        secret: str = "wecom-secret-0123456789",  # noqa: S107 (made up, for tests)
        chats: tuple[str, ...] = ("ops",),
        people: Mapping[str, Member] | None = None,
    ) -> None:
        super().__init__()
        self.secret, self.chats, self.people = secret, chats, dict(people or {})
        self.messages: list[ChatMessage] = []
        self.tokens_given = 0
        self.wrong_ones_left = 100
        self._tokens: set[str] = set()
        self._next: list[web.Response] = []

    @property
    def config(self) -> dict[str, str]:
        return {"corp_id": self.corp_id, "secret": self.secret, "url": self.url}

    def answer_next(self, errcode: int, errmsg: str) -> None:
        self._next.append(_reply(errcode, errmsg))

    def end_tokens(self) -> None:
        self._tokens.clear()

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/cgi-bin/gettoken", self._token),
            web.post("/cgi-bin/appchat/send", self._send),
            web.post("/cgi-bin/user/getuserid", self._by_mobile),
            web.post("/cgi-bin/user/get_userid_by_email", self._by_email),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        if request.query.get("corpid") != self.corp_id:
            return _reply(40013, "invalid corpid")
        if request.query.get("corpsecret") != self.secret:
            return _reply(40001, "invalid credential")
        token = secrets.token_hex(16)
        self._tokens.add(token)
        self.tokens_given += 1
        return _reply(0, "ok", access_token=token, expires_in=7200)

    async def _send(self, request: web.Request) -> web.Response:
        if problem := self._refused(request):
            return problem
        sent = json.loads(await request.read())
        if sent.get("chatid") not in self.chats:
            return _reply(86003, "chat id is invalid or not exist")
        kind = sent.get("msgtype")
        content = sent.get(kind, {}).get("content", "") if kind in _SIZES else ""
        if kind not in _SIZES:
            return _reply(40008, "invalid message type")
        if not content.strip():
            return _reply(44004, "empty content")
        self.messages.append(ChatMessage(sent["chatid"], kind, content))
        return _reply(0, "ok")

    async def _by_mobile(self, request: web.Request) -> web.Response:
        if problem := self._refused(request):
            return problem
        mobile = json.loads(await request.read()).get("mobile")
        return self._found([member for member in self.people.values() if member.mobile and member.mobile == mobile])

    async def _by_email(self, request: web.Request) -> web.Response:
        if problem := self._refused(request):
            return problem
        sent = json.loads(await request.read())
        if sent.get("email_type") not in (1, 2):
            return _reply(40058, "invalid Request Parameter")
        return self._found([member for member in self.people.values() if member.email == sent.get("email")])

    def _found(self, members: list[Member]) -> web.Response:
        if members:
            return _reply(0, "ok", userid=members[0].user_id)
        if self.wrong_ones_left <= 0:
            return _reply(45009, "api freq out of limit")
        self.wrong_ones_left -= 1
        return _reply(46004, "user no exist")

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.query.get("access_token") not in self._tokens:
            return _reply(40014, "invalid access_token")
        return self._next.pop(0) if self._next else None


def _reply(errcode: int, errmsg: str, **more: Any) -> web.Response:
    hint = (
        ""
        if errcode == 0
        else f", hint: [1764000000], from ip: 203.0.113.7, more info at https://open.work.weixin.qq.com/devtool/query?e={errcode}"
    )
    return web.json_response({"errcode": errcode, "errmsg": errmsg + hint, **more})
