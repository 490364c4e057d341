"""Slack's two doors: an incoming webhook, and the API that a bot posts to and changes its messages with.

As the vendor does, the API answers HTTP 200 whatever is wrong, with `ok` false and a word; the webhook answers words.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from simulators.pace import Pace
from simulators.serving import HttpServer
from simulators.waiting import wait_until

_PER_WINDOW, _WINDOW = 4, 4.0
"""One a second in a channel, and a short burst."""
_COME_AGAIN = {"type": "disconnect", "reason": "refresh_requested"}
_MAX_BLOCKS, _MAX_SECTION, _MAX_TEXT = 50, 3000, 40_000
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_EVERYBODY = re.compile(r"<!(?:channel|here|everyone)(?:\|[^>]*)?>|<!subteam\^")
_LINK = re.compile(r"<(https?://[^|>]+)(?:\|([^>]*))?>")


@dataclass(slots=True)
class SlackMessage:
    """`raw`: the mrkdwn as it was posted; `text`: what is read."""

    channel: str
    ts: str
    raw: str
    notification: str
    has_blocks: bool
    mentioned: tuple[str, ...]
    everybody: bool
    edits: int = 0
    history: list[str] = field(default_factory=list)
    """What was read before each change."""
    blocks: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        shown = _LINK.sub(lambda found: found[2] or found[1], _MENTION.sub("@somebody", self.raw))
        return html.unescape(shown).replace("\u200b", "")


class SlackSimulator(HttpServer):
    """One workspace with one channel. `members`: name -> member ID. `clock` gives seconds since the epoch."""

    channel = "C0123ABCD"

    def __init__(
        self,
        *,
        token: str = "xoxb-demo-1",  # noqa: S107 (made up, for tests)
        hook: str = "B0HOOK",
        members: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.token, self.hook, self.members = token, hook, dict(members or {})
        self.messages: list[SlackMessage] = []
        self.requests: list[str] = []
        """Methods that were asked for, "hook" for the webhook."""
        self.refuses_blocks = ""
        """A word with which every message with blocks is refused; "" takes them."""
        self.is_unlimited = False
        self.app_token = "xapp-demo-1"
        self.private: list[tuple[str, str]] = []
        """Members and what they alone were told."""
        self.connected = 0
        """How often."""
        self._socket: web.WebSocketResponse | None = None
        self._envelopes = 0
        self._acknowledged: dict[str, asyncio.Event] = {}
        self._clock = clock
        self._pace = Pace(_PER_WINDOW, _WINDOW, clock)
        self._next: list[web.Response] = []

    @property
    def webhook(self) -> str:
        return f"{self.url}/services/T0TEAM/{self.hook}/s3cret"

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    @property
    def config(self) -> dict[str, str]:
        """Of an app; the channel belongs to its robots."""
        return {"token": self.token, "app_token": self.app_token, "api": self.api}

    @property
    def settings(self) -> dict[str, str]:
        return {"token": self.token, "channel": self.channel, "api": self.api}

    def answer_next(self, word: str, *, status: int = 200, **headers: str) -> None:
        """The next request is refused so, whatever it holds: `ok` false for the API, the word alone for the webhook."""
        body = json.dumps({"ok": False, "error": word}) if status == 200 else word
        kind = "application/json" if status == 200 else "text/plain"
        self._next.append(web.Response(status=status, text=body, content_type=kind, headers=headers))

    def wait_for(self, count: int, *, within: float = 60.0) -> list[SlackMessage]:
        wait_until(lambda: len(self.messages) >= count, within=within, what=f"{count} messages")
        return self.messages

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/services/{team}/{hook}/{secret}", self._hook),
            web.post("/api/apps.connections.open", self._open_socket),
            web.get("/link", self._connect),
            web.post("/api/{method}", self._api),
        ]

    def press(self, message: SlackMessage, label: str, user: str, *, is_last: bool = False) -> None:
        """Somebody presses a button. TimeoutError when it is not acknowledged within three seconds. `is_last`: in the
        same breath Slack asks to come again.
        """
        self.run(self._press(message, label, user, is_last))

    def ask_to_come_again(self) -> None:
        """As Slack does every few hours."""
        self.run(self._say(_COME_AGAIN))

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    def wait_for_connection(self) -> None:
        wait_until(lambda: self.is_connected, what="a connection")

    async def _press(self, message: SlackMessage, label: str, user: str, is_last: bool) -> None:
        elements = [item for block in message.blocks if block["type"] == "actions" for item in block["elements"]]
        button = next(item for item in elements if item["text"]["text"] == label)
        self._envelopes += 1
        envelope = f"e{self._envelopes}"
        self._acknowledged[envelope] = asyncio.Event()
        payload = {
            "type": "block_actions", "user": {"id": user}, "actions": [button],
            "container": {"channel_id": message.channel, "message_ts": message.ts},
        }  # fmt: skip
        await self._say({"type": "interactive", "envelope_id": envelope, "payload": payload})
        if is_last:
            await self._say(_COME_AGAIN)
        await asyncio.wait_for(self._acknowledged[envelope].wait(), 3)

    async def _say(self, frame: dict[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.send_json(frame)

    async def _open_socket(self, request: web.Request) -> web.Response:
        if self._next:
            return self._next.pop(0)
        if request.headers.get("Authorization") != f"Bearer {self.app_token}":
            return _no("invalid_auth")
        return web.json_response({"ok": True, "url": f"{self.url.replace('http', 'ws')}/link?ticket=t1"})

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self._socket = socket
        self.connected += 1
        async for frame in socket:
            said = frame.json()
            if said.get("envelope_id") in self._acknowledged:
                self._acknowledged[said["envelope_id"]].set()
        self._socket = None
        return socket

    async def _hook(self, request: web.Request) -> web.Response:
        self.requests.append("hook")
        if self._next:
            return self._next.pop(0)
        if request.match_info["hook"] != self.hook:
            return web.Response(status=404, text="no_service")
        try:
            sent = await request.json()
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if (word := self._fault(sent)) is not None:
            return web.Response(status=400, text=word)
        if not self._has_room():
            return web.Response(status=429, text="rate_limited", headers={"Retry-After": "1"})
        self._keep(self.channel, sent)
        return web.Response(text="ok")

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.requests.append(method)
        if self._next:
            return self._next.pop(0)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _no("invalid_auth")
        if not request.content_type.startswith("application/json"):
            return _no("invalid_form_data")
        try:
            sent = await request.json()
        except ValueError:
            return _no("invalid_json")
        if sent.get("channel") != self.channel:
            return _no("channel_not_found")
        if method == "chat.postEphemeral":
            self.private.append((sent["user"], html.unescape(sent["text"])))
            return web.json_response({"ok": True, "message_ts": "1.1"})
        if (word := self._fault(sent)) is not None:
            return _no(word)
        if method == "chat.postMessage":
            if not self._has_room():
                return web.json_response(
                    {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "1"}
                )
            message = self._keep(sent["channel"], sent)
            return web.json_response({"ok": True, "channel": message.channel, "ts": message.ts, "message": {}})
        if method != "chat.update":
            return _no("unknown_method")
        found = next((message for message in self.messages if message.ts == sent.get("ts")), None)
        if found is None:
            return _no("message_not_found")
        found.history.append(found.text)
        found.edits += 1
        self._fill(found, sent)
        return web.json_response({"ok": True, "channel": found.channel, "ts": found.ts, "text": found.text})

    def _fault(self, sent: Mapping[str, Any]) -> str | None:
        text, blocks = sent.get("text", ""), sent.get("blocks") or []
        if not text and not blocks:
            return "no_text"
        if len(text) > _MAX_TEXT:
            return "msg_too_long"
        if blocks and self.refuses_blocks:
            return self.refuses_blocks
        return None if len(blocks) <= _MAX_BLOCKS and all(map(_is_block, blocks)) else "invalid_blocks"

    def _keep(self, channel: str, sent: Mapping[str, Any]) -> SlackMessage:
        ts = f"{int(self._clock())}.{len(self.messages):06d}"
        message = SlackMessage(channel, ts, "", "", False, (), False)
        self._fill(message, sent)
        self.messages.append(message)
        return message

    def _fill(self, message: SlackMessage, sent: Mapping[str, Any]) -> None:
        message.blocks = list(sent.get("blocks") or [])
        marked = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]
        message.has_blocks, message.notification = bool(message.blocks), sent.get("text", "")
        message.raw = "\n".join(marked) if marked else message.notification
        everything = "\n".join([message.raw, message.notification])
        rung = _MENTION.findall(everything)
        message.mentioned = tuple(name for name, member in self.members.items() if member in rung)
        message.everybody = bool(_EVERYBODY.search(everything))

    def _has_room(self) -> bool:
        return self.is_unlimited or self._pace.has_room()


def _is_block(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    if block.get("type") == "actions":
        return 1 <= len(block.get("elements", [])) <= 25
    text = block.get("text", {})
    is_text = text.get("type") == "mrkdwn" and 1 <= len(text.get("text", "")) <= _MAX_SECTION
    return block.get("type") == "section" and is_text


def _no(word: str) -> web.Response:
    return web.json_response({"ok": False, "error": word})
