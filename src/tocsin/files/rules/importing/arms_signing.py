"""Requests to Alibaba Cloud's RPC APIs, signed with ACS3-HMAC-SHA256. Pure: date and nonce are given."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlencode

VERSION = "2019-08-08"
_ALGORITHM = "ACS3-HMAC-SHA256"
_OF_NOTHING = hashlib.sha256(b"").hexdigest()


def signed_request(
    *, host: str, action: str, parameters: Mapping[str, str], key_id: str, secret: str, now: datetime, nonce: str
) -> tuple[str, dict[str, str]]:
    """The path with its query, and the headers, of a GET without a body."""
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(parameters.items()))
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": _OF_NOTHING,
        "x-acs-date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": VERSION,
    }
    names = ";".join(sorted(headers))
    canonical = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(("GET", "/", query, canonical, names, _OF_NOTHING))
    to_sign = f"{_ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"{_ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"
    return f"/?{urlencode(sorted(parameters.items()))}" if parameters else "/", headers


def _encoded(text: str) -> str:
    return quote(text, safe="~")
