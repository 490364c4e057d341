"""ACS3-HMAC-SHA256. https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()


def query_string(query: Mapping[str, str]) -> str:
    """As it is signed and as it is sent."""
    return "&".join(f"{quote(name, safe='~')}={quote(query[name], safe='~')}" for name in sorted(query))


def authorization(
    key: str, secret: str, query: Mapping[str, str], headers: Mapping[str, str], method: str = "POST"
) -> str:
    """`headers` are all of those that are signed, their names in lower case; the body is empty."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = "\n".join((method, "/", query_string(query), lines, names, headers["x-acs-content-sha256"]))
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key},SignedHeaders={names},Signature={signature}"
