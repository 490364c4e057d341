"""A bot in a channel: posts with its token, and changes what it has posted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import JSON_HEADERS, as_json, post
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.slack.outcomes import read
from tocsin.channels.providers.slack.robot import posted
from tocsin.core.sentences import Sentence

_NO_PLACE = Sentence("It is not known where this message stands, so it cannot be changed.")


class SlackBot:
    def __init__(self, http: HttpClient, *, api: str, token: str, channel: str) -> None:
        self._http, self._api, self._token, self._channel = http, api.rstrip("/"), token, channel

    async def send(self, message: Message) -> SendResult:
        """`provider_id` is the channel and the message's time stamp, which is its name there."""
        return await posted(
            message, lambda payload: self._ask("chat.postMessage", {"channel": self._channel, **payload})
        )

    async def update(self, message: Message, provider_id: str) -> SendResult:
        channel, colon, ts = provider_id.partition(":")
        if not (channel and colon and ts):
            return SendResult(Outcome.PERMANENT_TARGET, "place", _NO_PLACE)
        return await posted(
            message, lambda payload: self._ask("chat.update", {"blocks": [], **payload, "channel": channel, "ts": ts})
        )

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _ask(self, method: str, payload: Mapping[str, Any]) -> SendResult:
        headers = {**JSON_HEADERS, "Authorization": " ".join(("Bearer", self._token))}
        reply = await post(self._http, f"{self._api}/{method}", as_json(payload), headers=headers)
        return reply if isinstance(reply, SendResult) else read(reply, self._token, self._token.partition("-")[2])
