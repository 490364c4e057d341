"""Telegram's Bot API for one bot in one group: strict tags, limits, a group that moves, and messages that are changed.

Also its long poll: buttons that somebody presses come as callback queries, which are answered.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from aiohttp import web

from simulators.pace import Pace
from simulators.serving import HttpServer
from simulators.waiting import wait_until

_PER_MINUTE = 20
_MAX_UNITS = 4096
_TAGS = {"b", "i", "u", "s", "code", "pre", "a"}
_MENTION = re.compile(r"(?<![\w])@(\w{2,32})")


@dataclass(slots=True)
class TelegramMessage:
    chat: int
    number: int
    text: str
    """As it is read."""
    raw: str
    topic: int | None
    mentioned: tuple[str, ...]
    """Names behind an @ that Telegram would ring."""
    edits: int = 0
    history: list[str] = field(default_factory=list)
    buttons: list[dict[str, str]] = field(default_factory=list)


class _Broken(Exception):
    pass


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.open = "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise _Broken(f'Unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise _Broken("Unmatched end tag")

    def handle_data(self, data: str) -> None:
        self.text += data


class TelegramSimulator(HttpServer):
    """`clock` gives seconds since the epoch."""

    def __init__(
        self,
        *,
        token: str = "123456:AAdemo-token-of-a-bot",  # noqa: S107 (made up, for tests)
        chat: int = -100200300,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.token, self.chat, self.moved_to = token, chat, 0
        self.messages: list[TelegramMessage] = []
        self.requests: list[str] = []
        self.refuses_tags = False
        self.has_other_listener = False
        self.people: tuple[str, ...] = ()
        """Who has begun a chat of their own with the bot."""
        self.private: list[tuple[str, str]] = []
        self.toasts: list[tuple[str, str, bool]] = []
        """Id of the press, text, whether it has to be clicked away."""
        self._queue: list[dict[str, Any]] = []
        self._pressed = 0
        self._pace = Pace(_PER_MINUTE, 60.0, clock)
        self._next: list[web.Response] = []

    @property
    def config(self) -> dict[str, str]:
        """Of an app; the chat belongs to its robots."""
        return {"token": self.token, "api": self.url}

    @property
    def settings(self) -> dict[str, str]:
        return {"token": self.token, "chat": str(self.chat), "api": self.url}

    def answer_next(self, code: int, description: str, **parameters: int) -> None:
        """The next request is refused so, whatever it holds."""
        self._next.append(_no(code, description, **parameters))

    def wait_for(self, count: int, *, within: float = 60.0) -> list[TelegramMessage]:
        wait_until(lambda: len(self.messages) >= count, within=within, what=f"{count} messages")
        return self.messages

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/bot{token}/{method}", self._receive)]

    def press(self, message: TelegramMessage, label: str, user_id: int) -> str:
        """Somebody presses a button; returns the id by which it is answered."""
        data = next(button["callback_data"] for button in message.buttons if button["text"] == label)
        assert len(data.encode()) <= 64
        self._pressed += 1
        query = {
            "id": f"q{self._pressed}", "from": {"id": user_id, "is_bot": False}, "data": data,
            "message": {"message_id": message.number, "chat": {"id": message.chat}},
        }  # fmt: skip
        self._queue.append({"update_id": 700 + self._pressed, "callback_query": query})
        return f"q{self._pressed}"

    def wait_for_toasts(self, count: int) -> list[tuple[str, str, bool]]:
        wait_until(lambda: len(self.toasts) >= count, what=f"{count} answers to presses")
        return self.toasts

    async def _updates(self, sent: dict[str, Any]) -> web.Response:
        if self.has_other_listener:
            return _no(409, "Conflict: terminated by other getUpdates request")
        self._queue = [update for update in self._queue if update["update_id"] >= sent.get("offset", 0)]
        for _ in range(40 if sent.get("timeout") else 0):
            if self._queue:
                break
            await asyncio.sleep(0.05)
        return web.json_response({"ok": True, "result": self._queue})

    async def _receive(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.requests.append(method)
        if self._next:
            return self._next.pop(0)
        if request.match_info["token"] != self.token:
            return _no(401, "Unauthorized")
        try:
            sent = await request.json()
        except ValueError:
            return _no(400, "Bad Request: can't parse JSON object")
        if method == "getMe":
            return web.json_response({"ok": True, "result": {"id": 123456, "is_bot": True, "username": "tocsin_bot"}})
        if method == "getUpdates":
            return await self._updates(sent)
        if method == "answerCallbackQuery":
            self.toasts.append((sent["callback_query_id"], sent["text"], bool(sent.get("show_alert"))))
            return web.json_response({"ok": True, "result": True})
        if method not in ("sendMessage", "editMessageText"):
            return _no(404, "Not Found")
        if sent.get("chat_id") in self.people:
            self.private.append((sent["chat_id"], sent["text"]))
            return web.json_response({"ok": True, "result": {"message_id": 1, "chat": {"id": int(sent["chat_id"])}}})
        if self.moved_to and str(sent.get("chat_id")) == str(self.chat):
            return _no(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.moved_to
            )
        here = self.moved_to or self.chat
        if str(sent.get("chat_id")) != str(here):
            return _no(400, "Bad Request: chat not found")
        raw = str(sent.get("text", ""))
        try:
            text = self._read(raw) if sent.get("parse_mode") == "HTML" else raw
        except _Broken as error:
            return _no(400, f"Bad Request: can't parse entities: {error} at byte offset 1")
        if not text.strip():
            return _no(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le", "replace")) // 2 > _MAX_UNITS:
            return _no(400, "Bad Request: message is too long")
        if not self._pace.has_room():
            return _no(429, "Too Many Requests: retry after 35", retry_after=35)
        return self._kept(method, here, sent, raw, text)

    def _kept(self, method: str, chat: int, sent: dict[str, Any], raw: str, text: str) -> web.Response:
        rung = tuple(_MENTION.findall(text))
        buttons = [button for row in sent.get("reply_markup", {}).get("inline_keyboard", []) for button in row]
        if method == "sendMessage":
            message = TelegramMessage(
                chat, len(self.messages) + 1, text, raw, sent.get("message_thread_id"), rung, buttons=buttons
            )
            self.messages.append(message)
        else:
            found = next((item for item in self.messages if item.number == sent.get("message_id")), None)
            if found is None:
                return _no(400, "Bad Request: message to edit not found")
            if (found.raw, found.buttons) == (raw, buttons):
                return _no(400, "Bad Request: message is not modified: specified new message content is the same")
            message = found
            message.history.append(message.text)
            message.edits += 1
            message.raw, message.text, message.mentioned, message.buttons = raw, text, rung, buttons
        result = {"message_id": message.number, "chat": {"id": chat, "type": "supergroup"}, "date": 1, "text": text}
        return web.json_response({"ok": True, "result": result})

    def _read(self, raw: str) -> str:
        if self.refuses_tags:
            raise _Broken("Unexpected end of name token")
        reader = _Reader()
        reader.feed(raw)
        reader.close()
        if reader.open:
            raise _Broken(f'Can\'t find end tag corresponding to start tag "{reader.open[-1]}"')
        return reader.text


def _no(code: int, description: str, **parameters: int) -> web.Response:
    answer: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        answer["parameters"] = parameters
    return web.Response(status=code, text=json.dumps(answer), content_type="application/json")
