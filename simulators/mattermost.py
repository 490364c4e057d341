"""An incoming webhook of Mattermost: who is rung, what is too long, and its errors as JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from simulators.serving import HttpServer
from simulators.waiting import wait_until

_MAX_CHARACTERS = 16_383
_NAMES = re.compile(r"(?<![\w])@([A-Za-z0-9._-]+)")
_EVERYBODY = ("all", "channel", "here")


@dataclass(frozen=True, slots=True)
class MattermostMessage:
    text: str
    """As it is read: backslashes of escapes are gone."""
    raw: str
    channel: str
    mentioned: tuple[str, ...]
    everybody: bool


class MattermostSimulator(HttpServer):
    def __init__(self, *, hook: str = "hook4demo", members: tuple[str, ...] = ("wang",)) -> None:
        super().__init__()
        self.hook, self.members = hook, members
        self.messages: list[MattermostMessage] = []
        self.requests = 0
        self._next: list[web.Response] = []

    @property
    def webhook(self) -> str:
        return f"{self.url}/hooks/{self.hook}"

    def answer_next(self, status: int, name: str, message: str, **headers: str) -> None:
        """The next request is refused so, whatever it holds."""
        self._next.append(_no(status, name, message, headers))

    def wait_for(self, count: int, *, within: float = 60.0) -> list[MattermostMessage]:
        wait_until(lambda: len(self.messages) >= count, within=within, what=f"{count} messages")
        return self.messages

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/hooks/{hook}", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self._next:
            return self._next.pop(0)
        if request.match_info["hook"] != self.hook:
            return _no(400, "web.incoming_webhook.invalid.app_error", "Invalid webhook")
        try:
            sent = await request.json()
        except ValueError:
            return _no(400, "api.webhook.incoming.error", "Could not decode the multipart payload of incoming webhook.")
        raw = str(sent.get("text", ""))
        if not raw.strip():
            return _no(400, "web.incoming_webhook.text.app_error", "No text specified.")
        if len(raw) > _MAX_CHARACTERS:
            return _no(400, "web.incoming_webhook.text.length.app_error", "Maximum text length is 16383 characters.")
        text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", raw)
        rung = tuple(name for name in _NAMES.findall(text) if name in self.members)
        everybody = any(name.lower().rstrip(".-_") in _EVERYBODY for name in _NAMES.findall(text))
        self.messages.append(MattermostMessage(text, raw, sent.get("channel", ""), rung, everybody))
        return web.Response(text="ok")


def _no(status: int, name: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    answer = {"id": name, "message": message, "detailed_error": "", "request_id": "r", "status_code": status}
    return web.json_response(answer, status=status, headers=headers)
