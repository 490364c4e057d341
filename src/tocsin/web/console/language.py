"""The language switch of the sign-in page and of the user's menu: kept for the user, or for a visitor's browser."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.accounts.queries import role_of
from tocsin.core.clock import utc_now
from tocsin.web.console.actors import actor_of

_KEPT_FOR = timedelta(days=365)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """The user's own choice wins over the browser's from then on; the cookie keeps it on the sign-in page too."""
    language, following = request.POST.get("language", ""), request.POST.get("next", "")
    if language not in dict(settings.LANGUAGES):
        raise BadRequest(_("There is no such language."))
    if isinstance(request.user, User) and role_of(request.user) is not None:
        services.change_user(by=actor_of(request), now=utc_now(), user_id=request.user.pk, language=language)
    is_ours = url_has_allowed_host_and_scheme(following, allowed_hosts=None) and following.startswith(
        reverse("console:index")
    )
    response = HttpResponseRedirect(following if is_ours else reverse("console:index"))
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=_KEPT_FOR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response
