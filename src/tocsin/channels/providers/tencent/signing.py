"""TC3-HMAC-SHA256. https://cloud.tencent.com/document/api/382/52072"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

ALGORITHM = "TC3-HMAC-SHA256"
CONTENT_TYPE = "application/json; charset=utf-8"
_SIGNED = "content-type;host"


def authorization(key: str, secret: str, *, service: str, host: str, body: bytes, timestamp: int) -> str:
    """Of a POST to `/`. `timestamp` in seconds; the day of the key is that of UTC."""
    day = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    headers = f"content-type:{CONTENT_TYPE}\nhost:{host}\n"
    canonical = "\n".join(("POST", "/", "", headers, _SIGNED, hashlib.sha256(body).hexdigest()))
    scope = f"{day}/{service}/tc3_request"
    text = "\n".join((ALGORITHM, str(timestamp), scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signing_key = f"TC3{secret}".encode()
    for part in (day, service, "tc3_request"):
        signing_key = hmac.new(signing_key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(signing_key, text.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"
