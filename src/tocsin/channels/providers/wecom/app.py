"""An app of WeCom: messages to its groups, and user IDs of people by mobile number or email.

https://developer.work.weixin.qq.com/document/path/95402 · /90245 (groups) · /95892 (by number or email)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tocsin.channels.base import Config, ConfigField, Message, Outcome, SendResult
from tocsin.channels.directory import Directory, Sought
from tocsin.channels.groups import JSON_HEADERS, Note, webhook_parts, without_reply
from tocsin.channels.http import HttpClient, HttpError, HttpReply
from tocsin.channels.providers.wecom.content import markdown_of, text_of
from tocsin.channels.providers.wecom.outcomes import AS_TEXT, is_about_the_form, read
from tocsin.channels.tokens import AccessToken
from tocsin.core.sentences import Sentence

URL = "https://qyapi.weixin.qq.com"
_NO_CORP = Sentence("A corp ID looks like ww1234567890abcdef; copy it from the admin's page.")
_NO_SECRET = Sentence("An app secret has letters, digits, - and _ only; copy it from the app's page.")
_NO_URL = Sentence("An address like %(example)s.")
_UNKNOWN = ("46004", "60111", "60103", "40096", "301006")
"""Nobody that the app may see has the number or address, or it is none."""
_TOKEN_OVER = ("40014", "42001", "40001")
_ABOUT_THE_GROUP = ("86001", "86003", "86004", "86008", "86220")


def app_fields() -> tuple[ConfigField, ...]:
    return (
        ConfigField("corp_id", "Corp ID", help="Of your organisation, like ww1234567890abcdef."),
        ConfigField("secret", "App secret", is_secret=True),
        ConfigField("url", "API address", default=URL),
    )


def check_app(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,64}", config["corp_id"]):
        found["corp_id"] = _NO_CORP
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,128}", config["secret"]):
        found["secret"] = _NO_SECRET
    if (parts := webhook_parts(config["url"])) is None or parts.path not in ("", "/"):
        found["url"] = _NO_URL % {"example": URL}
    return found


class WecomApp:
    def __init__(self, config: Config, http: HttpClient) -> None:
        self._http = http
        self._corp_id, self._secret = config["corp_id"].strip(), config["secret"].strip()
        self._url = config["url"].rstrip("/")
        self._token = AccessToken()

    async def send(self, message: Message) -> SendResult:
        """To the group `message.to`, which the app made; once more as a text when WeCom refuses the Markdown."""
        if not message.markdown:
            return await self._post(message, text_of(message))
        result = await self._post(message, markdown_of(message))
        if not is_about_the_form(result):
            return result
        again = await self._post(message, text_of(message))
        return (
            replace(again, code=Note.AS_TEXT, detail=AS_TEXT % {"code": result.code})
            if again.outcome is Outcome.ACCEPTED
            else again
        )

    async def find(self, people: Sequence[Sought]) -> Directory:
        """One request for each number or address. WeCom bears few wrong ones: the first refusal ends it."""
        found: dict[int, str] = {}
        for place, person in enumerate(people):
            user_id: str | SendResult = ""
            if person.phone:
                mobile = person.phone.removeprefix("+86") if person.phone.startswith("+861") else person.phone
                user_id = await self._find("getuserid", {"mobile": mobile}, person)
            if user_id == "" and person.email:
                user_id = await self._find("get_userid_by_email", {"email": person.email, "email_type": 1}, person)
            if isinstance(user_id, SendResult):
                return Directory(found, frozenset(item.key for item in people[place:]), user_id.detail)
            if user_id:
                found[person.key] = user_id
        return Directory(found)

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _post(self, message: Message, body: bytes) -> SendResult:
        payload = {"chatid": message.to, **json.loads(body), "safe": 0}
        reply = await self._call("/cgi-bin/appchat/send", payload)
        if isinstance(reply, SendResult):
            return reply
        result = self._read(reply, message.to)
        if result.code in _ABOUT_THE_GROUP:
            return replace(result, outcome=Outcome.PERMANENT_TARGET)
        return result

    async def _find(self, how: str, payload: Mapping[str, Any], person: Sought) -> str | SendResult:
        reply = await self._call(f"/cgi-bin/user/{how}", payload)
        if isinstance(reply, SendResult):
            return reply
        result = self._read(reply, person.phone, person.phone.removeprefix("+86"), person.email)
        if result.code in _UNKNOWN:
            return ""
        return str(reply.json().get("userid", "")) if result.outcome is Outcome.ACCEPTED else result

    async def _call(self, path: str, payload: Mapping[str, Any]) -> HttpReply | SendResult:
        for _ in range(2):
            if (problem := await self._token.problem(self._fetch)) is not None:
                return problem
            body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
            reply = await self._request("POST", f"{path}?access_token={quote(self._token.text, safe='')}", body)
            if isinstance(reply, SendResult) or self._read(reply).code not in _TOKEN_OVER:
                break
            self._token.end()
        return reply

    async def _fetch(self) -> tuple[str, object] | SendResult:
        asked = f"corpid={quote(self._corp_id, safe='')}&corpsecret={quote(self._secret, safe='')}"
        reply = await self._request("GET", f"/cgi-bin/gettoken?{asked}", None)
        if isinstance(reply, SendResult):
            return reply
        result = self._read(reply)
        if result.outcome is not Outcome.ACCEPTED:
            return result
        answer = reply.json()
        return str(answer.get("access_token", "")), answer.get("expires_in")

    async def _request(self, method: str, path: str, body: bytes | None) -> HttpReply | SendResult:
        try:
            return await self._http.request(method, self._url + path, headers=JSON_HEADERS, body=body, is_trusted=True)
        except HttpError as error:
            return without_reply(error)

    def _read(self, reply: HttpReply, *more: str) -> SendResult:
        return read(reply, self._secret, self._token.text, *more, is_api=True)
