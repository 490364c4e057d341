"""What every console page gets: the user's language and time zone, a policy against foreign content, and dialogs."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone, translation

from tocsin.accounts.models import User
from tocsin.accounts.services import see_session
from tocsin.core.clock import utc_now
from tocsin.web.console import dialogs
from tocsin.web.console.second_factor_needed import is_in_the_way
from tocsin.web.shared.addresses import client_address

# Alpine.js evaluates the expressions in unfold's templates ('unsafe-eval') and shows and hides with style attributes.
_CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


_METHODS = ("GET", "HEAD", "POST")
"""What browsers ask with. Django's admin shows a page to any other one, past whatever is decided by GET and POST."""


class ConsoleMiddleware:
    """Acts on /console/ only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/console/"):
            return self._get_response(request)
        if request.method not in _METHODS:
            return HttpResponseNotAllowed(_METHODS)
        user = request.user if isinstance(request.user, User) else None
        language = (user.language if user else "") or translation.get_language() or "en"
        zone = ZoneInfo(user.time_zone) if user and user.time_zone else timezone.get_default_timezone()
        with translation.override(language), timezone.override(zone):
            dialogs.mark(request)
            if user and request.session.session_key:
                see_session(session_key=request.session.session_key, address=client_address(request), now=utc_now())
            if is_in_the_way(request):
                response: HttpResponse = HttpResponseRedirect(reverse("account"))
            else:
                response = self._get_response(request)
        dialogs.answer(request, response)
        response.headers.setdefault("Content-Language", language)
        response.headers.setdefault("Content-Security-Policy", _CONTENT_POLICY)
        return response
