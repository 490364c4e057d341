"""The robot door of DingTalk: signature, keyword, size and rate checks, and who was really mentioned.

As the vendor does, it answers HTTP 200 whatever is wrong, and rings nobody whose @ is not in the text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.serving import HttpServer
from simulators.waiting import wait_until

_PER_MINUTE = 20
_MUTE = 600.0
_MAX_BYTES = 20_000
_WINDOW = 3600.0
_TYPES = {"text": "content", "markdown": "text", "actionCard": "text"}


@dataclass(frozen=True, slots=True)
class GroupMessage:
    kind: str
    title: str
    text: str
    mentioned: tuple[str, ...]
    """Names of the members who were rung."""
    everybody: bool
    button: str = ""
    """Where the button of a card leads."""


class DingtalkSimulator(HttpServer):
    """One group with one robot. `members`: name -> their mobile and user ID. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        *,
        token: str = "robot-token",  # noqa: S107 (made up, for tests)
        secret: str = "",
        keyword: str = "",
        members: Mapping[str, tuple[str, str]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.token, self.secret, self.keyword = token, secret, keyword
        self.members = dict(members or {})
        self.messages: list[GroupMessage] = []
        self.requests = 0
        self._clock = clock
        self._sent: list[float] = []
        self._muted_until = 0.0
        self._next: list[web.Response] = []
        self._unsafe: list[str] = []
        self.refuses_form = 0
        """A code with which everything but plain text is refused; 0 takes it."""

    @property
    def webhook(self) -> str:
        return f"{self.url}/robot/send?access_token={self.token}"

    def answer_next(self, errcode: int, errmsg: str) -> None:
        """The next request is refused so, whatever it holds."""
        self._next.append(_reply(errcode, errmsg))

    def call_unsafe(self, link: str) -> None:
        """Messages that hold this text are refused for their content."""
        self._unsafe.append(link)

    def wait_for(self, count: int, *, within: float = 60.0) -> list[GroupMessage]:
        wait_until(lambda: len(self.messages) >= count, within=within, what=f"{count} group messages")
        return self.messages

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.route("*", "/robot/send", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = await request.read()
        if self._next:
            return self._next.pop(0)
        if request.method != "POST":
            return _reply(43002, "require POST http method")
        if request.content_type != "application/json":
            return _reply(43004, "invalid content-type")
        if request.query.get("access_token") != self.token:
            return _reply(300005, "token is not exist")
        if problem := self._why_not_signed(request):
            return _reply(310000, f"{problem}, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]")
        if len(body) > _MAX_BYTES:
            return _reply(460101, "message too long, exceed 20000 bytes")
        try:
            sent = json.loads(body)
            kind = sent["msgtype"]
            text = sent[kind][_TYPES[kind]]
            title = sent[kind]["title"] if kind != "text" else ""
            button = sent[kind]["singleURL"] if kind == "actionCard" and sent[kind]["singleTitle"] else ""
        except (ValueError, KeyError, TypeError):
            return _reply(40035, "missing or invalid parameter")
        if kind != "text" and self.refuses_form:
            return _reply(self.refuses_form, "refused")
        if not text.strip():
            return _reply(40035, "content is empty")
        if self.keyword and self.keyword not in text + title:
            return _reply(310000, "keywords not in content, more: [https://ding-doc.dingtalk.com]")
        if any(link in text for link in self._unsafe):
            return _reply(430101, "unsafe link")
        if not self._has_room():
            return _reply(
                130101, "send too fast, exceed 20 times per minute", status=1111, wait=5, source="x5", punish="deny"
            )
        at = sent.get("at") or {}
        self.messages.append(GroupMessage(kind, title, text, self._rung(at, text), bool(at.get("isAtAll")), button))
        return _reply(0, "ok")

    def _why_not_signed(self, request: web.Request) -> str:
        if not self.secret:
            return ""
        timestamp = request.query.get("timestamp", "")
        if not timestamp.isdigit() or abs(self._clock() - int(timestamp) / 1000) > _WINDOW:
            return "timestamp invalid"
        expected = hmac.new(self.secret.encode(), f"{timestamp}\n{self.secret}".encode(), hashlib.sha256).digest()
        is_same = hmac.compare_digest(base64.b64encode(expected).decode(), request.query.get("sign", ""))
        return "" if is_same else "sign not match"

    def _has_room(self) -> bool:
        now = self._clock()
        if now < self._muted_until:
            return False
        self._sent = [moment for moment in self._sent if now - moment < 60.0]
        if len(self._sent) >= _PER_MINUTE:
            self._muted_until = now + _MUTE
            return False
        self._sent.append(now)
        return True

    def _rung(self, at: Mapping[str, Any], text: str) -> tuple[str, ...]:
        mobiles, user_ids = at.get("atMobiles") or [], at.get("atUserIds") or []
        words = set(text.split())
        return tuple(
            name
            for name, (mobile, user_id) in self.members.items()
            if (mobile in mobiles and f"@{mobile}" in words) or (user_id in user_ids and f"@{user_id}" in words)
        )


def _reply(errcode: int, errmsg: str, **more: Any) -> web.Response:
    return web.json_response({"errcode": errcode, "errmsg": errmsg, **more})
