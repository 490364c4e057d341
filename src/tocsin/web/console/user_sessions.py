"""Where a user is signed in, as an administrator sees and ends it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.accounts.queries import sessions_of
from tocsin.core.clock import utc_now
from tocsin.web.console.actors import actor_of
from tocsin.web.console.browsers import shown_sessions


def sessions_page(request: HttpRequest, context: dict[str, Any], user: User) -> HttpResponse:
    """GET lists them; POST ends `session`, or all without one."""
    now = utc_now()
    if request.method == "POST":
        one = request.POST.get("session")
        if one is not None and not (one.isascii() and one.isdecimal() and len(one) < 19):
            messages.error(request, _("There is no such session (any more)."))
            return HttpResponseRedirect(request.get_full_path())
        ids = None if one is None else [int(one)]
        ended = services.end_sessions(by=actor_of(request), now=now, user_id=user.pk, session_ids=ids)
        messages.success(request, _("The session has ended.") if ended == 1 else _("Sessions ended: %d.") % ended)
        return HttpResponseRedirect(request.get_full_path())
    shown = shown_sessions(sessions_of(user.pk, now), request.session.session_key)
    extra = {"title": _("Sessions of %(name)s") % {"name": user}, "sessions": shown, "now": now}
    return TemplateResponse(request, "console/account/user_sessions.html", {**context, **extra})
