"""X-Twilio-Signature: proof that a request was made by Twilio. https://www.twilio.com/docs/usage/security"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

from tocsin.channels.base import CallbackRequest

_PORTS = {"https": 443, "http": 80}


def signature(token: str, url: str, form: Mapping[str, Sequence[str]], digest: str = "sha1") -> str:
    """Of the whole URL and of every posted value, in the order of their names; values that stand twice count once."""
    text = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), digest).digest()).decode()


def form_of(request: CallbackRequest) -> dict[str, list[str]]:
    """What was posted; ValueError for what is no form."""
    return parse_qs(request.body.decode(), keep_blank_values=True, max_num_fields=200)


def is_signed(token: str, request: CallbackRequest, form: Mapping[str, Sequence[str]]) -> bool:
    """Twilio signs the address with or without its scheme's usual port."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    given = headers.get("x-twilio-signature", "")
    is_sha256 = "algorithm=hmac_sha256" in headers.get("x-twilio-webhooks-signature-settings", "").lower()
    digest = "sha256" if is_sha256 else "sha1"
    wanted = [signature(token, url, form, digest) for url in _spellings(request.url)]
    return any(hmac.compare_digest(one.encode(), given.encode()) for one in wanted)


def _spellings(url: str) -> Iterator[str]:
    yield url
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if ":" in host:
        host = f"[{host}]"
    if port is None:
        yield urlunsplit(parts._replace(netloc=f"{host}:{_PORTS.get(parts.scheme, 443)}"))
    else:
        yield urlunsplit(parts._replace(netloc=host))
