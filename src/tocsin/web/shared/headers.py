"""Headers of pages whose address is a secret."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse

_POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

View = Callable[..., HttpResponse]


def secret_page(view: View) -> View:
    """Nothing foreign and no script on the page; its address goes to no other site, no cache and no search engine.

    Templates put `request.style_nonce` on their one `<style>`.
    """

    @wraps(view)
    def with_headers(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.style_nonce = nonce  # type: ignore[attr-defined]
        response = view(request, *args, **kwargs)
        response.headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    return with_headers
