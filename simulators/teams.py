"""A workflow that posts to a channel of Microsoft Teams: checks the card as Teams does, and answers 202 and nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.serving import HttpServer
from simulators.waiting import wait_until

_MAX_BYTES = 28 * 1024
_AT_TAG = re.compile(r"<at\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TeamsMessage:
    text: str
    """As it is read, without what stands on buttons."""
    buttons: dict[str, str]
    links: tuple[str, ...]
    mentions: tuple[str, ...]
    """Texts that are mentions: `<at>` with an entity of the card."""
    card: dict[str, Any]
    is_lost: bool = False
    """The workflow has begun, and Teams refused its card afterwards; nobody is told."""


class TeamsSimulator(HttpServer):
    def __init__(self, *, signature: str = "s1gn4ture-of-it") -> None:
        super().__init__()
        self.signature = signature
        self.messages: list[TeamsMessage] = []
        self.requests = 0
        self._next: list[web.Response] = []

    @property
    def webhook(self) -> str:
        path = "/workflows/0123456789abcdef/triggers/manual/paths/invoke"
        return f"{self.url}{path}?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={self.signature}"

    def answer_next(self, status: int, code: str, message: str = "no", **headers: str) -> None:
        """The next request is refused so, whatever it holds."""
        self._next.append(_no(status, code, message, headers))

    def wait_for(self, count: int, *, within: float = 60.0) -> list[TeamsMessage]:
        wait_until(lambda: len(self.messages) >= count, within=within, what=f"{count} cards")
        return self.messages

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/workflows/{flow}/triggers/manual/paths/invoke", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = await request.read()
        if self._next:
            return self._next.pop(0)
        if request.query.get("sig") != self.signature:
            return _no(401, "AuthorizationFailed", "The authentication credentials are not valid.")
        try:
            sent = json.loads(body)
            card = sent["attachments"][0]["content"]
            assert sent["type"] == "message"
            assert sent["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
        except (ValueError, KeyError, TypeError, IndexError, AssertionError):
            return _no(400, "TriggerInputSchemaMismatch", "The input body did not match its schema definition.")
        self.messages.append(_read(card, is_lost=len(body) > _MAX_BYTES))
        return web.Response(status=202)


def _read(card: dict[str, Any], *, is_lost: bool) -> TeamsMessage:
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    lines, links = [], []
    for block in card["body"]:
        assert block["type"] == "RichTextBlock", block
        lines.append("".join(run["text"] for run in block["inlines"]))
        links += [run["selectAction"]["url"] for run in block["inlines"] if "selectAction" in run]
    text = "\n".join(lines)
    named = [entity["text"] for entity in card.get("msteams", {}).get("entities", []) if entity["type"] == "mention"]
    mentions = tuple(name for name in named if name in text and _AT_TAG.search(name))
    buttons = {action["title"]: action["url"] for action in card.get("actions", [])}
    return TeamsMessage(text, buttons, tuple(links), mentions, card, is_lost)


def _no(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=headers)
