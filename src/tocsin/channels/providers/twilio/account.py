"""What an account of Twilio says, and its requests. https://www.twilio.com/docs/usage/api"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from tocsin.channels.base import Config, ConfigField, SendResult
from tocsin.channels.groups import webhook_parts, without_reply
from tocsin.channels.http import HttpClient, HttpError, HttpReply
from tocsin.channels.providers.twilio.outcomes import read
from tocsin.core.sentences import Sentence

_NO_SID = Sentence("An account SID is AC and 32 letters and digits, as Twilio's console shows it.")
_NO_KEY = Sentence("The SID of an API key is SK and 32 letters and digits; leave both fields empty to use the token.")
_BOTH = Sentence("An API key is a SID and a secret: fill in both, or neither.")
_NO_URL = Sentence("An address like https://api.twilio.com, or one of Twilio's regions.")

ACCOUNT_FIELDS = (
    ConfigField("account_sid", "Account SID"),
    ConfigField("auth_token", "Auth token", is_secret=True, help="It also proves that receipts come from Twilio."),
    ConfigField("api_key", "API key SID", is_required=False, help="Requests are signed with it instead of the token."),
    ConfigField("api_secret", "API key secret", is_secret=True, is_required=False),
    ConfigField("url", "API address", default="https://api.twilio.com"),
)


def check_account(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not re.fullmatch(r"AC[0-9a-zA-Z]{32}", config["account_sid"]):
        found["account_sid"] = _NO_SID
    if config["api_key"] and not re.fullmatch(r"SK[0-9a-zA-Z]{32}", config["api_key"]):
        found["api_key"] = _NO_KEY
    if bool(config["api_key"]) != bool(config["api_secret"]):
        found["api_secret"] = _BOTH
    if webhook_parts(config["url"]) is None:
        found["url"] = _NO_URL
    return found


class TwilioApi:
    """Signed requests of one account."""

    def __init__(self, config: Config, http: HttpClient) -> None:
        self._http = http
        self._base = f"{config['url'].rstrip('/')}/2010-04-01/Accounts/{config['account_sid']}"
        user, password = config["api_key"] or config["account_sid"], config["api_secret"] or config["auth_token"]
        self._basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._hidden = (config["auth_token"], config["api_secret"], self._basic)

    async def create(self, what: str, fields: Sequence[tuple[str, str]], *hidden: str) -> SendResult:
        """Posts a message or call; `hidden` is kept out of what Twilio says of it."""
        try:
            reply = await self._request("POST", f"/{what}.json", urlencode(fields).encode())
        except HttpError as error:
            return without_reply(error)
        return read(reply, *self._hidden, *hidden)

    async def get(self, path: str, **query: str) -> Any | None:
        """A JSON object, or None when Twilio cannot be asked or knows nothing of it."""
        try:
            reply = await self._request("GET", f"/{path}.json" + (f"?{urlencode(query)}" if query else ""))
            answer = reply.json()
        except (HttpError, ValueError):
            return None
        return answer if reply.status == 200 and isinstance(answer, dict) else None

    async def _request(self, method: str, path: str, body: bytes | None = None) -> HttpReply:
        headers = {"Authorization": " ".join(("Basic", self._basic)), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        return await self._http.request(method, self._base + path, headers=headers, body=body, is_trusted=True)


def moment(text: object) -> datetime:
    """Twilio writes "Tue, 18 Aug 2026 20:01:14 +0000"; what cannot be read is long ago."""
    try:
        found = parsedate_to_datetime(str(text))
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
