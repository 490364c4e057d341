"""The robot door of Lark: signature, keyword, size and rate checks, and who was really mentioned.

As the vendor does, it answers HTTP 200 whatever is wrong (400 for what it cannot read), rings nobody whose ID it does
not know, and says nothing of that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.serving import HttpServer
from simulators.waiting import wait_until

_PER_MINUTE, _PER_SECOND = 100, 5
_MAX_BYTES = 20 * 1024
_WINDOW = 3600.0
_TEXT_AT = re.compile(r"<at user_id=\"([^\"]*)\">.*?</at>", re.IGNORECASE | re.DOTALL)
_CARD_AT = re.compile(r"<at id=\"?([^\s>\"]*)\"?>.*?</at>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class LarkMessage:
    """`text` is what a reader sees; `raw` what was posted of it."""

    kind: str
    title: str
    text: str
    raw: str
    mentioned: tuple[str, ...]
    """Names of the members who were rung."""
    everybody: bool


class LarkSimulator(HttpServer):
    """One group with one robot. `members`: name -> open ID. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        *,
        token: str = "lark-robot-token",  # noqa: S107 (made up, for tests)
        secret: str = "",
        keyword: str = "",
        members: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.token, self.secret, self.keyword = token, secret, keyword
        self.members = dict(members or {})
        self.messages: list[LarkMessage] = []
        self.requests = 0
        self.refuses_cards = 0
        """A code with which every card is refused; 0 takes them."""
        self._clock = clock
        self._sent: list[float] = []
        self._next: list[web.Response] = []

    @property
    def webhook(self) -> str:
        return f"{self.url}/open-apis/bot/v2/hook/{self.token}"

    def answer_next(self, code: int, msg: str, **headers: str) -> None:
        """The next request is refused so, whatever it holds."""
        self._next.append(_reply(code, msg, headers=headers))

    def wait_for(self, count: int, *, within: float = 60.0) -> list[LarkMessage]:
        wait_until(lambda: len(self.messages) >= count, within=within, what=f"{count} group messages")
        return self.messages

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.route("*", "/open-apis/bot/v2/hook/{token}", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = await request.read()
        if self._next:
            return self._next.pop(0)
        if request.match_info["token"] != self.token:
            return _reply(19001, "param invalid: incoming webhook access token invalid")
        try:
            sent = json.loads(body)
            kind = sent["msg_type"]
            content = sent["content"]["text"] if kind == "text" else sent["card"]["elements"]
        except (ValueError, KeyError, TypeError):
            return _reply(9499, "Bad Request", status=400)
        if len(body) > _MAX_BYTES:
            return _reply(9499, "Bad Request: message too large", status=400)
        if self.secret and not self._is_signed(sent):
            return _reply(19021, "sign match fail or timestamp is not within one hour from current time")
        if kind == "interactive" and self.refuses_cards:
            return _reply(self.refuses_cards, "Failed to create card content")
        title, raw, plain = _read(kind, sent, content)
        if not (title + raw).strip():
            return _reply(9499, "Bad Request: content is empty", status=400)
        if self.keyword and self.keyword not in f"{title}\n{raw}\n{plain}":
            return _reply(19024, "Key Words Not Found")
        if not self._has_room():
            return _reply(11232, "frequency limited")
        rung = (_TEXT_AT if kind == "text" else _CARD_AT).findall(raw)
        names = tuple(name for name, open_id in self.members.items() if open_id in rung)
        shown = "\n".join(filter(None, [html.unescape(raw) if kind == "interactive" else raw, plain]))
        self.messages.append(LarkMessage(kind, title, shown, raw, names, "all" in rung))
        return _reply(0, "success", data={}, StatusCode=0, StatusMessage="success")

    def _is_signed(self, sent: Mapping[str, Any]) -> bool:
        timestamp = str(sent.get("timestamp", ""))
        if not timestamp.isdigit() or abs(self._clock() - int(timestamp)) > _WINDOW:
            return False
        expected = hmac.new(f"{timestamp}\n{self.secret}".encode(), b"", hashlib.sha256).digest()
        return hmac.compare_digest(base64.b64encode(expected).decode(), str(sent.get("sign", "")))

    def _has_room(self) -> bool:
        now = self._clock()
        self._sent = [moment for moment in self._sent if now - moment < 60.0]
        if len(self._sent) >= _PER_MINUTE or sum(now - moment < 1.0 for moment in self._sent) >= _PER_SECOND:
            return False
        self._sent.append(now)
        return True


def _read(kind: str, sent: Mapping[str, Any], content: Any) -> tuple[str, str, str]:
    """Title, what is read as Lark's markup, and what is plain."""
    if kind == "text":
        return "", str(content), ""
    marked = [element["content"] for element in content if element["tag"] == "markdown"]
    notes = [part["content"] for element in content if element["tag"] == "note" for part in element["elements"]]
    title = sent["card"].get("header", {}).get("title", {}).get("content", "")
    return title, "\n".join(marked), "\n".join(notes)


def _reply(
    code: int, msg: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any
) -> web.Response:
    return web.json_response({"code": code, "msg": msg, **more}, status=status, headers=headers)
