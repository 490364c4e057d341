"""An incoming webhook: posts, reads the word, and says in plain text what Slack does not take as blocks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import Note, as_json, post
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.slack.content import with_blocks, without_blocks
from tocsin.channels.providers.slack.outcomes import ABOUT_BLOCKS, read_word
from tocsin.core.sentences import Sentence

_AS_TEXT = Sentence("Slack took it as a text; it refused the blocks (%(code)s).")
_QUIET = {"unfurl_links": False, "unfurl_media": False}
"""No previews of what stands in an alert, and nothing is fetched for them."""


class SlackRobot:
    def __init__(self, http: HttpClient, *, url: str) -> None:
        self._http, self._url = http, url.strip()

    async def send(self, message: Message) -> SendResult:
        return await posted(message, self._post)

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _post(self, payload: Mapping[str, Any]) -> SendResult:
        reply = await post(self._http, self._url, as_json(payload))
        if isinstance(reply, SendResult):
            return reply
        return read_word(reply, *urlsplit(self._url).path.split("/"))


async def posted(message: Message, post_it: Callable[[Mapping[str, Any]], Awaitable[SendResult]]) -> SendResult:
    """With blocks; once more as a text when Slack refuses these."""
    result = await post_it({**with_blocks(message), **_QUIET})
    if result.code not in ABOUT_BLOCKS:
        return result
    again = await post_it({**without_blocks(message), **_QUIET})
    if again.outcome is Outcome.ACCEPTED:
        return replace(again, code=Note.AS_TEXT, detail=_AS_TEXT % {"code": result.code})
    return again
