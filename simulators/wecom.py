"""The robot door of WeCom: key, size and rate checks, and who was really mentioned.

As the vendor does, it answers HTTP 200 whatever is wrong. Markdown mentions by `<@id>` in the text alone, texts by the
lists beside it as well.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.pace import Pace
from simulators.serving import HttpServer
from simulators.waiting import wait_until

_PER_MINUTE = 20
_SIZES = {"text": 2048, "markdown": 4096, "markdown_v2": 4096, "template_card": 4096}
_MENTION = re.compile(r"<@([^>\s]+)>")
_LINK = re.compile(r"\[[^\]]*\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class WecomMessage:
    kind: str
    text: str
    mentioned: tuple[str, ...]
    """Names of the members who were rung."""
    everybody: bool
    links: tuple[str, ...] = ()
    """What a reader of the Markdown can press."""


class WecomSimulator(HttpServer):
    """One group with one robot. `members`: name -> user ID. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        *,
        key: str = "wecom-robot-key",
        members: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.key = key
        self.members = dict(members or {})
        self.messages: list[WecomMessage] = []
        self.requests = 0
        self.refuses_markdown = 0
        """A code with which Markdown is refused; 0 takes it."""
        self._pace = Pace(_PER_MINUTE, 60.0, clock)
        self._next: list[web.Response] = []

    @property
    def webhook(self) -> str:
        return f"{self.url}/cgi-bin/webhook/send?key={self.key}"

    def answer_next(self, errcode: int, errmsg: str) -> None:
        """The next request is refused so, whatever it holds."""
        self._next.append(_reply(errcode, errmsg))

    def wait_for(self, count: int, *, within: float = 60.0) -> list[WecomMessage]:
        wait_until(lambda: len(self.messages) >= count, within=within, what=f"{count} group messages")
        return self.messages

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.route("*", "/cgi-bin/webhook/send", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = await request.read()
        if self._next:
            return self._next.pop(0)
        if request.query.get("key") != self.key:
            return _reply(93000, "invalid webhook url")
        try:
            sent = json.loads(body)
            kind, part = sent["msgtype"], sent[sent["msgtype"]]
            content = _card_text(part) if kind == "template_card" else part["content"]
        except (ValueError, KeyError, TypeError):
            return _reply(40058, "invalid Request Parameter")
        if kind not in _SIZES:
            return _reply(40008, "invalid message type")
        if not content.strip():
            return _reply(44004, "empty content")
        if len(content.encode()) > _SIZES[kind]:
            return _reply(45002, "content size out of limit")
        if kind in ("markdown", "template_card") and self.refuses_markdown:
            return _reply(self.refuses_markdown, "refused")
        if not self._pace.has_room():
            return _reply(45009, "api freq out of limit")
        self.messages.append(self._read(kind, content, part))
        return _reply(0, "ok")

    def _read(self, kind: str, content: str, part: Mapping[str, Any]) -> WecomMessage:
        rung = set(_MENTION.findall(content)) if kind != "markdown_v2" else set()
        if kind == "text":
            rung |= set(part.get("mentioned_list") or ()) | set(part.get("mentioned_mobile_list") or ())
        names = tuple(name for name, user_id in self.members.items() if user_id in rung)
        everybody = kind == "text" and bool(rung & {"@all", "all"})
        links = tuple(_LINK.findall(content)) if kind == "markdown" else ()
        if kind == "template_card":
            rung, links = set(), tuple(f"[{jump['title']}]({jump['url']})" for jump in part["jump_list"])
        return WecomMessage(kind, content, names, everybody, links)


def _card_text(card: Mapping[str, Any]) -> str:
    """Of a notice, which has to lead somewhere."""
    if card["card_type"] != "text_notice" or card["card_action"]["type"] != 1 or not card["card_action"]["url"]:
        raise KeyError("card_action")
    return f"{card['main_title']['title']}\n{card['sub_title_text']}"


def _reply(errcode: int, errmsg: str) -> web.Response:
    hint = (
        ""
        if errcode == 0
        else ", hint: [1764000000123456789], from ip: 203.0.113.7, more info at https://open.work.weixin.qq.com/devtool/query?e="
        + str(errcode)
    )
    return web.json_response({"errcode": errcode, "errmsg": errmsg + hint})
