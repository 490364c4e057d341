"""CSRF protection for pages that send `Referrer-Policy: no-referrer`.

Browsers answer that policy with `Origin: null` and no Referer on the page's own forms (Fetch, "append a request
`Origin` header"), which Django's middleware takes for a foreign site. The token in the form still has to match the
cookie, and that is what protects.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponse]


def csrf_by_token(on_failure: Callable[[HttpRequest], HttpResponse]) -> Callable[[View], View]:
    """Replaces the global check for one view; `on_failure` makes the page for a form without its token."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            middleware = _TokenOnly(lambda request: view(request, *args, **kwargs), on_failure)
            middleware.process_request(request)
            refused = middleware.process_view(request, view, args, kwargs)
            response: HttpResponse = refused or view(request, *args, **kwargs)
            middleware.process_response(request, response)
            return response

        return csrf_exempt(checked)

    return decorate


class _TokenOnly(CsrfViewMiddleware):
    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponse], on_failure: Callable[[HttpRequest], HttpResponse]
    ) -> None:
        super().__init__(get_response)
        self._on_failure = on_failure

    def _origin_verified(self, request: HttpRequest) -> bool:
        return True

    def _check_referer(self, request: HttpRequest) -> None:
        pass

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return self._on_failure(request)
