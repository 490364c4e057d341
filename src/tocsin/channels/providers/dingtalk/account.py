"""An app of DingTalk: its credentials, its access tokens, its requests.

https://open.dingtalk.com/document/orgapp/obtain-the-access-token-of-an-internal-app
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tocsin.channels.base import Config, ConfigField, SendResult
from tocsin.channels.groups import JSON_HEADERS, as_json, webhook_parts, without_reply
from tocsin.channels.http import HttpClient, HttpError, HttpReply
from tocsin.channels.providers.dingtalk.app_outcomes import is_token_over, read_api, read_token
from tocsin.channels.tokens import AccessToken
from tocsin.core.sentences import Sentence

URL = "https://api.dingtalk.com"
OLD_URL = "https://oapi.dingtalk.com"
_NO_CLIENT = Sentence("A client ID looks like dingabcd1234; copy it from the app's page.")
_NO_SECRET = Sentence("A client secret has letters, digits, - and _ only; copy it from the app's page.")
_NO_ROBOT = Sentence("A robot code looks like the client ID; leave it empty if it is the same.")
_NO_URL = Sentence("An address like %(example)s.")
_TOKEN = "x-acs-dingtalk-access-token"  # noqa: S105 (a header's name)


def app_fields() -> tuple[ConfigField, ...]:
    return (
        ConfigField("client_id", "Client ID", help="Of an app of your own with a robot, once called AppKey."),
        ConfigField("client_secret", "Client secret", is_secret=True),
        ConfigField("robot_code", "Robot code", is_required=False, help="Leave it empty if it is the client ID."),
        ConfigField("url", "API address", default=URL),
        ConfigField("old_url", "Directory address", default=OLD_URL, help="Where people are looked up."),
    )


def check_app(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,64}", config["client_id"]):
        found["client_id"] = _NO_CLIENT
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,128}", config["client_secret"]):
        found["client_secret"] = _NO_SECRET
    if config["robot_code"] and not re.fullmatch(r"[0-9A-Za-z_-]{4,64}", config["robot_code"]):
        found["robot_code"] = _NO_ROBOT
    for name, example in (("url", URL), ("old_url", OLD_URL)):
        if (parts := webhook_parts(config[name])) is None or parts.path not in ("", "/"):
            found[name] = _NO_URL % {"example": example}
    return found


class DingtalkApi:
    """Requests of one app, to the API and to the older one that knows the directory."""

    def __init__(self, config: Config, http: HttpClient) -> None:
        self._http = http
        self.client_id, self._secret = config["client_id"].strip(), config["client_secret"].strip()
        self.robot_code = config["robot_code"].strip() or self.client_id
        self._url, self._old_url = config["url"].rstrip("/"), config["old_url"].rstrip("/")
        self._token, self._old_token = AccessToken(), AccessToken()

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self._secret, self._token.text, self._old_token.text)

    @property
    def credentials(self) -> dict[str, str]:
        """As a stream connection wants them."""
        return {"clientId": self.client_id, "clientSecret": self._secret}

    async def call(self, method: str, path: str, payload: Mapping[str, Any]) -> HttpReply | SendResult:
        """The reply, whatever it says; or why there is none."""
        for _ in range(2):
            if (problem := await self._token.problem(self._fetch)) is not None:
                return problem
            reply = await self._request(method, self._url + path, payload, {_TOKEN: self._token.text})
            if isinstance(reply, SendResult) or not is_token_over(reply):
                break
            self._token.end()
        return reply

    async def open(self, path: str, payload: Mapping[str, Any]) -> HttpReply | SendResult:
        """Without a token."""
        return await self._request("POST", self._url + path, payload, {})

    async def ask(self, path: str, payload: Mapping[str, Any]) -> HttpReply | SendResult:
        """The older API."""
        for _ in range(2):
            if (problem := await self._old_token.problem(self._fetch_old)) is not None:
                return problem
            url = f"{self._old_url}{path}?access_token={quote(self._old_token.text, safe='')}"
            reply = await self._request("POST", url, payload, {})
            if isinstance(reply, SendResult) or not is_token_over(reply):
                break
            self._old_token.end()
        return reply

    async def _fetch(self) -> tuple[str, object] | SendResult:
        reply = await self.open("/v1.0/oauth2/accessToken", {"appKey": self.client_id, "appSecret": self._secret})
        if isinstance(reply, SendResult):
            return reply
        return read_token(reply, "accessToken", "expireIn") or read_api(reply, *self.secrets)

    async def _fetch_old(self) -> tuple[str, object] | SendResult:
        asked = f"appkey={quote(self.client_id, safe='')}&appsecret={quote(self._secret, safe='')}"
        reply = await self._request("GET", f"{self._old_url}/gettoken?{asked}", None, {})
        if isinstance(reply, SendResult):
            return reply
        return read_token(reply, "access_token", "expires_in") or read_api(reply, *self.secrets)

    async def _request(
        self, method: str, url: str, payload: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> HttpReply | SendResult:
        body = None if payload is None else as_json(payload)
        try:
            return await self._http.request(
                method, url, headers={**JSON_HEADERS, **headers}, body=body, is_trusted=True
            )
        except HttpError as error:
            return without_reply(error)
