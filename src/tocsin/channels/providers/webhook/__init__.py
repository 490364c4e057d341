"""Any address that takes HTTP: signed as https://www.standardwebhooks.com has it, with a body of one's own."""

from __future__ import annotations

import base64
import binascii
import json
import re

from tocsin.channels.base import Capabilities, Config, ConfigField, Provider, ProviderType
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.webhook.content import (
    SAMPLE,
    body_of,
    content_type_of,
    is_json,
    pairs_of,
    placeholders_of,
)
from tocsin.channels.providers.webhook.sender import SECRET_PREFIX, Webhook, preview
from tocsin.core.sentences import Sentence

_WHOLE_URL = Sentence("Give the whole address, starting with https:// (or http://).")
_NO_PAIRS = Sentence("Write one a line, like Name: value.")
_TOO_MANY = Sentence("At most %(count)d.")
_NO_HEADER = Sentence("%(name)s is no name of a header.")
_OWN_HEADER = Sentence("%(name)s is set by Tocsin and cannot be chosen.")
_PAIR_LENGTH = Sentence("A name and its value have 1 to %(count)d characters.")
_PAIR_LINES = Sentence("The value of %(name)s must not hold line breaks or control characters.")
_PAIR_ASCII = Sentence("The value of %(name)s must be plain ASCII: headers carry nothing else.")
_SHORT_SECRET = Sentence(
    "A signing secret has at least %(count)d characters; leave it empty to send without a signature."
)
_NO_BASE64 = Sentence("What follows whsec_ must be base64.")
_TOO_OFTEN = Sentence("$%(name)s stands here too often: at most %(count)d times, since it grows with each alert.")
_LONG_BODY = Sentence("At most %(count)d characters.")
_NO_JSON = Sentence(
    "With its placeholders filled in, this is not JSON, which its content type promises. Check commas and quotes, or "
    "set the header Content-Type: text/plain."
)

METHODS = ("POST", "GET")
_MAX_PAIRS = 20
_MAX_TEXT = 1000
_MAX_BODY = 20_000
_MOST_OFTEN = {"alertmanager_content": 3, "content": 10}
"""Placeholders that may be long, and how often one text may name them; of all others `_MOST_SHORT`."""
_MOST_SHORT = 50
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
}
_SHORTEST_SECRET = 8


def _build(config: Config, http: HttpClient) -> Provider:
    return Webhook(http, config)


def _check(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not config["url"].startswith(("https://", "http://")):
        found["url"] = _WHOLE_URL
    if problem := _pairs_problem(config["headers"], is_header=True):
        found["headers"] = problem
    if problem := _pairs_problem(config["parameters"]):
        found["parameters"] = problem
    if config["secret"] and (problem := _secret_problem(config["secret"])):
        found["secret"] = problem
    if not found:
        found |= _body_problems(config)
    return found


def _pairs_problem(text: str, *, is_header: bool = False) -> str:
    try:
        pairs = pairs_of(text)
    except ValueError:
        return _NO_PAIRS
    if len(pairs) > _MAX_PAIRS:
        return _TOO_MANY % {"count": _MAX_PAIRS}
    for name, value in pairs.items():
        if is_header and not _NAME.fullmatch(name):
            return _NO_HEADER % {"name": name[:60]}
        if is_header and name.lower() in _OURS:
            return _OWN_HEADER % {"name": name}
        if not name or len(name) + len(value) > _MAX_TEXT:
            return _PAIR_LENGTH % {"count": _MAX_TEXT}
        if not is_header and (problem := _too_often(value)):
            return problem
        if is_header and not value.isprintable():
            return _PAIR_LINES % {"name": name}
        if is_header and not value.isascii():
            return _PAIR_ASCII % {"name": name}
    return ""


def _too_often(template: str) -> str:
    """A few lines must not become a message of many megabytes."""
    for name, count in placeholders_of(template).items():
        if count > (most := _MOST_OFTEN.get(name, _MOST_SHORT)):
            return _TOO_OFTEN % {"name": name, "count": most}
    return ""


def _secret_problem(secret: str) -> str:
    if len(secret) < _SHORTEST_SECRET:
        return _SHORT_SECRET % {"count": _SHORTEST_SECRET}
    if secret.startswith(SECRET_PREFIX):
        try:
            base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            return _NO_BASE64
    return ""


def _body_problems(config: Config) -> dict[str, str]:
    """Templates that shall make JSON are tried with an example."""
    found: dict[str, str] = {}
    for field in ("body", "recovery_body"):
        template = config[field]
        if len(template) > _MAX_BODY:
            found[field] = _LONG_BODY % {"count": _MAX_BODY}
        elif problem := _too_often(template):
            found[field] = problem
        elif template and is_json(content_type_of(template, pairs_of(config["headers"]))):
            try:
                json.loads(body_of(template, SAMPLE, as_json=True))
            except ValueError:
                found[field] = _NO_JSON
    return found


WEBHOOK = ProviderType(
    name="webhook",
    title="Webhook",
    channel=Channel.WEBHOOK,
    capabilities=Capabilities(accepted_is_delivered=True, resend_is_safe=True, may_merge=False),
    fields=(
        ConfigField("url", "URL", is_secret=True),
        ConfigField("method", "Method", is_required=False, default="POST", choices=METHODS),
        ConfigField("headers", "Headers", is_secret=True, is_required=False, help="A JSON object."),
        ConfigField("parameters", "Query parameters", is_secret=True, is_required=False, help="A JSON object."),
        ConfigField("body", "Body", is_required=False, is_multiline=True),
        ConfigField("recovery_body", "Recovery body", is_required=False, is_multiline=True),
        ConfigField("secret", "Signing secret", is_secret=True, is_required=False),
    ),
    build=_build,
    check=_check,
    is_for_robots=True,
    preview=preview,
)
