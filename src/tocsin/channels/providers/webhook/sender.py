"""One webhook: fills the body in, signs, posts (or gets), reads the status."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tocsin.channels.base import Config, Message, Outcome, SendResult
from tocsin.channels.groups import without_reply
from tocsin.channels.http import HttpClient, HttpError, HttpReply
from tocsin.channels.providers.webhook.content import (
    Facts,
    body_of,
    content_type_of,
    default_body,
    facts_of,
    is_form,
    is_json,
    pairs_of,
)
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_NO_REDIRECT = Sentence("HTTP %(code)s: a redirect, and none is followed. Enter the address that it leads to.")
SECRET_PREFIX = "whsec_"  # noqa: S105 (how a secret in base64 begins)
_WITHIN = 5.0
"""Seconds for the whole exchange."""
_LATER = (408, 425)
_SHORTEST_TOKEN = 8


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 of id, moment (in seconds) and body. A secret that begins with `whsec_` is base64."""
    is_encoded = secret.startswith(SECRET_PREFIX)
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX)) if is_encoded else secret.encode()
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def preview(config: Config, message: Message) -> str:
    """Method, content type and body, or what a GET asks for; no address and no other header: these may hold secrets."""
    facts = facts_of(message)
    if config["method"] == "GET":
        return f"GET ?{'&'.join(f'{name}=...' for name in pairs_of(config['parameters']))}".rstrip("?")
    body, content_type = _body(config, pairs_of(config["headers"]), facts)
    return f"POST\nContent-Type: {content_type}\n\n{body}"


class Webhook:
    def __init__(self, http: HttpClient, config: Config) -> None:
        self._http, self._config = http, config
        self._headers, self._parameters = pairs_of(config["headers"]), pairs_of(config["parameters"])

    async def send(self, message: Message) -> SendResult:
        """The id in `webhook-id` is the same over retries, so that a receiver can drop what it has already."""
        facts, method = facts_of(message), self._config["method"]
        body, content_type = (b"", "") if method == "GET" else self._encoded_body(facts)
        headers = {name: value for name, value in self._headers.items() if name.lower() != "content-type"}
        headers |= {"Content-Type": content_type} if content_type else {}
        try:
            reply = await self._http.request(
                method,
                self._url(facts),
                headers={**headers, **self._proof(message.reference, body)},
                body=body if method != "GET" else None,
                timeout=_WITHIN,
                knows_copies=True,
            )
        except HttpError as error:
            return without_reply(error)
        return self._verdict(reply)

    async def aclose(self) -> None:
        """The client is the caller's."""

    def _encoded_body(self, facts: Facts) -> tuple[bytes, str]:
        body, content_type = _body(self._config, self._headers, facts)
        return body.encode("utf-8", "replace"), content_type

    def _url(self, facts: Facts) -> str:
        url: str = self._config["url"]
        filled = {name: body_of(value, facts) for name, value in self._parameters.items()}
        if not filled:
            return url
        address, hash_sign, fragment = url.partition("#")
        query = urlencode({name: value.encode("utf-8", "replace") for name, value in filled.items()})
        return f"{address}{'&' if '?' in address else '?'}{query}{hash_sign}{fragment}"

    def _proof(self, message_id: str, body: bytes) -> dict[str, str]:
        now, secret = int(time.time()), self._config["secret"]
        proof = {"webhook-id": message_id, "webhook-timestamp": str(now)}
        return {**proof, "webhook-signature": signature(secret, message_id, now, body)} if secret else proof

    @cached_property
    def _secrets(self) -> tuple[str, ...]:
        return (self._config["secret"], *self._headers.values(), *self._parameters.values(), *_told_by(self._config))

    def _verdict(self, reply: HttpReply) -> SendResult:
        """Any 2xx is delivered: that is all a webhook's receiver can say."""
        code = str(reply.status)
        says = concealed(reply.text[:1000], *self._secrets)[:200]
        detail = f"HTTP {code}: {says}" if says else f"HTTP {code}"
        if 200 <= reply.status < 300:
            return SendResult(Outcome.ACCEPTED, code, detail)
        if reply.status == 429:
            return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=reply.retry_after)
        if 300 <= reply.status < 400:
            return SendResult(Outcome.PERMANENT_CONFIG, code, _NO_REDIRECT % {"code": code})
        if reply.status == 504:
            return SendResult(Outcome.AMBIGUOUS, code, detail)
        if reply.status in _LATER or reply.status >= 500:
            return SendResult(Outcome.TRANSIENT, code, detail, retry_after=reply.retry_after)
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail)


def _told_by(config: Config) -> list[str]:
    """What of the address may be a token, the longest first: servers name the path that they do not know."""
    parts = urlsplit(config["url"])
    segments = [part for part in parts.path.split("/") if len(part) >= _SHORTEST_TOKEN]
    values = [value for _name, value in parse_qsl(parts.query)]
    found = {parts.path, parts.query, *segments, *values, parts.username or "", parts.password or ""}
    return sorted({*found, *map(unquote, found)}, key=len, reverse=True)


def _body(config: Config, headers: Mapping[str, str], facts: Facts) -> tuple[str, str]:
    """The body and its content type: the recovery has its own template, or else the other one's."""
    template = (config["recovery_body"] if facts.is_recovery else "") or config["body"]
    content_type = content_type_of(template, headers)
    if not template.strip():
        return default_body(facts), content_type
    filled = body_of(template, facts, as_json=is_json(content_type), as_form=is_form(content_type))
    return filled, content_type
