"""Asks ARMS's API, one action at a time."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tocsin.cli.sources import MOST_BYTES
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConfigurationError, ConflictError, InvalidInputError
from tocsin.files.rules.importing.arms import Ask, NotOfferedError
from tocsin.files.rules.importing.arms_signing import signed_request

_KEY_ID, _SECRET = "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
_TIMEOUT = 30
_UNKNOWN = ("InvalidAction", "UnknownAction", "UnsupportedOperation")


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A signed request is for the host that it names."""


def asking(endpoint: str) -> Ask:
    """ConfigurationError without a key; ConflictError with what the other side says of a request that it refuses."""
    key_id, secret = os.environ.get(_KEY_ID, ""), os.environ.get(_SECRET, "")
    if not (key_id and secret):
        raise ConfigurationError(f"Set {_KEY_ID} and {_SECRET} to a key that may read.")
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise InvalidInputError(
            {"endpoint": f"Write --endpoint https://arms.cn-hangzhou.aliyuncs.com, not {endpoint}."}
        )
    opener = build_opener(_NoRedirects)

    def ask(action: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        path, headers = signed_request(
            host=parts.netloc, action=action, parameters=parameters, key_id=key_id, secret=secret, now=utc_now(),
            nonce=secrets.token_hex(16),
        )  # fmt: skip
        request = Request(f"{parts.scheme}://{parts.netloc}{path}", headers=headers)  # noqa: S310 (http or https)
        try:
            with opener.open(request, timeout=_TIMEOUT) as reply:
                answer = json.loads(reply.read(MOST_BYTES))
        except HTTPError as error:
            raise _refusal(action, error.code, error.read(MOST_BYTES)) from error
        except (URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ConflictError(f"{parts.netloc} does not answer {action}: {reason}") from error
        if not isinstance(answer, Mapping):
            raise ConflictError(f"{parts.netloc} answers {action} with something that is not ARMS's.")
        return answer

    return ask


def _refusal(action: str, status: int, body: bytes) -> Exception:
    try:
        said = json.loads(body)
        code, message = str(said.get("Code", "")), str(said.get("Message", ""))
    except (ValueError, AttributeError):
        code, message = "", ""
    if code.startswith(_UNKNOWN):
        return NotOfferedError(action)
    return ConflictError(f"{action} is refused: {status} {code} {message}".strip())
