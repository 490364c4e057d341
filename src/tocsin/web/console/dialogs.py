"""Pages that open as a dialog box: script asks for the same address with a header, and the frame is left away.

What such a page posts is answered as ever; a redirect is only named, so that script can close the box and follow it.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

HEADER = "X-Tocsin-Dialog"
LOCATION = "X-Tocsin-Location"


def mark(request: HttpRequest) -> None:
    """Templates ask `request.in_dialog`."""
    request.in_dialog = HEADER in request.headers  # type: ignore[attr-defined]


def in_dialog(request: HttpRequest) -> bool:
    return bool(getattr(request, "in_dialog", False))


def answer(request: HttpRequest, response: HttpResponse) -> None:
    """Names where a redirect leads instead of redirecting: 204, or 401 where it leads to the sign-in."""
    if not in_dialog(request):
        return
    patch_vary_headers(response, [HEADER])
    if 300 <= response.status_code < 400 and "Location" in response.headers:
        response.headers[LOCATION] = response.headers["Location"]
        del response.headers["Location"]
        response.status_code = 204 if request.user.is_authenticated else 401
        response.content = b""
