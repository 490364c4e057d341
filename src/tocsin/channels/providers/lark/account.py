"""An app of Lark (Feishu): its credentials, its access token, its requests.

https://open.feishu.cn/document/server-docs/authentication-management/access-token/tenant_access_token_internal
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tocsin.channels.base import Config, ConfigField, Outcome, SendResult
from tocsin.channels.groups import JSON_HEADERS, as_json, webhook_parts, without_id, without_reply
from tocsin.channels.http import HttpClient, HttpError, HttpReply
from tocsin.channels.providers.lark.outcomes import TOKEN_ENDED, code_of, read
from tocsin.channels.tokens import AccessToken
from tocsin.core.sentences import Sentence

URL = "https://open.feishu.cn"
_NO_APP = Sentence("An app ID looks like cli_a1b2c3d4e5f6; copy it from the app's page.")
_NO_SECRET = Sentence("An app secret has letters and digits only; copy it from the app's page.")
_NO_URL = Sentence("An address like %(example)s.")
_BEARER = "Bearer"


def app_fields() -> tuple[ConfigField, ...]:
    return (
        ConfigField("app_id", "App ID", help="Of an app of your own with a bot, like cli_a1b2c3d4e5f6."),
        ConfigField("app_secret", "App secret", is_secret=True),
        ConfigField("url", "API address", default=URL, help="For Lark outside of China: https://open.larksuite.com"),
    )


def check_app(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,64}", config["app_id"]):
        found["app_id"] = _NO_APP
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,128}", config["app_secret"]):
        found["app_secret"] = _NO_SECRET
    if (parts := webhook_parts(config["url"])) is None or parts.path not in ("", "/"):
        found["url"] = _NO_URL % {"example": URL}
    return found


class LarkApi:
    """Requests of one app. The token is fetched again when Lark ends it."""

    def __init__(self, config: Config, http: HttpClient) -> None:
        self._http = http
        self.app_id, self._secret = config["app_id"].strip(), config["app_secret"].strip()
        self.url = config["url"].rstrip("/")
        self._token = AccessToken()

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self._secret, self._token.text)

    @property
    def credentials(self) -> dict[str, str]:
        """As the long connection wants them."""
        return {"AppID": self.app_id, "AppSecret": self._secret}

    async def call(self, method: str, path: str, payload: Mapping[str, Any] | None) -> HttpReply | SendResult:
        """The reply, whatever it says; or why there is none."""
        reply = await self._call(method, path, payload)
        if isinstance(reply, HttpReply) and code_of(reply) in TOKEN_ENDED:
            self._token.end()
            reply = await self._call(method, path, payload)
        return reply

    async def post_message(self, by: str, payload: Mapping[str, Any], *hidden: str) -> SendResult:
        """To whom `receive_id` names, by "chat_id" or "open_id". `provider_id` is the message's."""
        reply = await self.call("POST", f"/open-apis/im/v1/messages?receive_id_type={by}", payload)
        if isinstance(reply, SendResult):
            return reply
        result = read(reply, *self.secrets, *hidden, is_api=True)
        if result.outcome is not Outcome.ACCEPTED:
            return result
        data = reply.json().get("data")
        message_id = data.get("message_id") if isinstance(data, dict) else None
        return replace(result, provider_id=str(message_id)) if message_id else without_id(result.code, "Lark")

    async def post(self, path: str, payload: Mapping[str, Any]) -> HttpReply | SendResult:
        """Without a token."""
        return await self._request("POST", path, payload, {})

    async def _call(self, method: str, path: str, payload: Mapping[str, Any] | None) -> HttpReply | SendResult:
        if (problem := await self._token.problem(self._fetch)) is not None:
            return problem
        return await self._request(method, path, payload, {"Authorization": " ".join((_BEARER, self._token.text))})

    async def _fetch(self) -> tuple[str, object] | SendResult:
        path = "/open-apis/auth/v3/tenant_access_token/internal"
        reply = await self.post(path, {"app_id": self.app_id, "app_secret": self._secret})
        if isinstance(reply, SendResult):
            return reply
        result = read(reply, *self.secrets, is_api=True)
        if result.outcome is not Outcome.ACCEPTED:
            return result
        answer = reply.json()
        return str(answer.get("tenant_access_token", "")), answer.get("expire")

    async def _request(
        self, method: str, path: str, payload: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> HttpReply | SendResult:
        body = None if payload is None else as_json(payload)
        try:
            return await self._http.request(
                method, self.url + path, headers={**JSON_HEADERS, **headers}, body=body, is_trusted=True
            )
        except HttpError as error:
            return without_reply(error)
