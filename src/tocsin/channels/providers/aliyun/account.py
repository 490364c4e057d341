"""What an account of Alibaba Cloud says, and its requests: all parameters in the query, the body empty."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from tocsin.channels.base import Config, ConfigField, SendResult
from tocsin.channels.groups import webhook_parts, without_reply
from tocsin.channels.http import HttpClient, HttpError, HttpReply
from tocsin.channels.providers.aliyun.outcomes import read
from tocsin.channels.providers.aliyun.signing import EMPTY, authorization, query_string
from tocsin.channels.texts import national_number
from tocsin.core.sentences import Sentence

_NO_KEY = Sentence("An access key's ID has letters and digits only.")
_NO_URL = Sentence("An address like %(example)s.")

CHINA = timezone(timedelta(hours=8))
_AGENT = "Tocsin"


def account_fields(url: str) -> tuple[ConfigField, ...]:
    return (
        ConfigField("access_key_id", "Access key ID"),
        ConfigField("access_key_secret", "Access key secret", is_secret=True),
        ConfigField("url", "API address", default=url),
    )


def check_account(config: Config, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if not re.fullmatch(r"[0-9A-Za-z.]{4,128}", config["access_key_id"]):
        found["access_key_id"] = _NO_KEY
    if (parts := webhook_parts(config["url"])) is None or parts.path not in ("", "/"):
        found["url"] = _NO_URL % {"example": example}
    return found


def number(e164: str) -> str:
    """Numbers of the mainland without their country code, others with it and without a sign."""
    return national_number(e164) if e164.startswith("+86") else e164.lstrip("+")


class AliyunApi:
    """Signed requests of one account to one product."""

    def __init__(self, config: Config, http: HttpClient, version: str) -> None:
        self._http, self._version = http, version
        self._key, self._secret = config["access_key_id"], config["access_key_secret"]
        self._url = config["url"].rstrip("/")

    async def create(self, action: str, query: Mapping[str, str], name_of_id: str, *hidden: str) -> SendResult:
        try:
            reply = await self._request(action, query)
        except HttpError as error:
            return without_reply(error)
        return read(reply, name_of_id, self._secret, *hidden)

    async def ask(self, action: str, query: Mapping[str, str]) -> dict[str, Any] | None:
        """What a question is answered with; None when it cannot be asked, or is refused."""
        try:
            answer = (await self._request(action, query)).json()
        except (HttpError, ValueError):
            return None
        return answer if isinstance(answer, dict) and answer.get("Code") == "OK" else None

    async def _request(self, action: str, query: Mapping[str, str]) -> HttpReply:
        headers = {
            "host": urlsplit(self._url).netloc,
            "accept": "application/json",
            "user-agent": _AGENT,
            "x-acs-action": action,
            "x-acs-version": self._version,
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": EMPTY,
        }
        headers["Authorization"] = authorization(self._key, self._secret, query, headers)
        url = f"{self._url}/?{query_string(query)}"
        return await self._http.request("POST", url, headers=headers, is_trusted=True)
