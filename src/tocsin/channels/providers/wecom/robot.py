"""One robot: posts, reads the verdict, and says in plain text what WeCom does not take as Markdown."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import Note, post
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.wecom.content import card_of, markdown_of, mentions_of, text_of
from tocsin.channels.providers.wecom.outcomes import AS_TEXT, is_about_the_form, read


class WecomRobot:
    def __init__(self, http: HttpClient, *, url: str, form: str = "markdown") -> None:
        self._http, self._url, self._form = http, url.strip(), form

    async def send(self, message: Message) -> SendResult:
        """Markdown or a card; once more as a text when WeCom refuses it. In a card nobody can be mentioned, so a short
        text follows it that mentions.
        """
        if not message.markdown or self._form == "text":
            return await self._post(text_of(message))
        card = card_of(message) if self._form == "card" else None
        result = await self._post(card or markdown_of(message))
        if card and result.outcome is Outcome.ACCEPTED and (mention := mentions_of(message)):
            await self._post(mention)
        if not is_about_the_form(result):
            return result
        again = await self._post(text_of(message))
        if again.outcome is Outcome.ACCEPTED:
            return replace(again, code=Note.AS_TEXT, detail=AS_TEXT % {"code": result.code})
        return again

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _post(self, body: bytes) -> SendResult:
        reply = await post(self._http, self._url, body)
        if isinstance(reply, SendResult):
            return reply
        return read(reply, *(value for _, value in parse_qsl(urlsplit(self._url).query)))
