"""`/h/<token>`: a turn on an on-call schedule begins. Opening the link never checks in; only the press does."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from tocsin.core.actors import Actor, ActorKind
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConflictError, NotFoundError
from tocsin.oncall.models import Handover
from tocsin.oncall.queries import handover_by_token, is_latest
from tocsin.oncall.services import check_in
from tocsin.web.public.opening import refused, token_in
from tocsin.web.shared.addresses import client_address
from tocsin.web.shared.csrf import csrf_by_token
from tocsin.web.shared.headers import secret_page

_TITLES = {
    "open": _("Check in"),
    "done": _("You are on duty"),
    "over": _("This turn is over"),
    "unknown": _("This link is not valid"),
    "cookie": _("Please try again"),
    "too_often": _("Please wait a little"),
}


def _no_cookie(request: HttpRequest) -> HttpResponse:
    return _page(request, "cookie", status=403)


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_by_token(on_failure=_no_cookie)
def check_in_page(request: HttpRequest, token: str) -> HttpResponse:
    """Whatever the link is worth, the status is 200: only who holds a real one learns more than from any other."""
    now = utc_now()
    response = refused(request, now, lambda _wait: _page(request, "too_often", status=429))
    if response is not None:
        return response
    row = handover_by_token(token_in(token))
    if row is None or row.contact is None:
        return _page(request, "unknown")
    zone = ZoneInfo(row.contact.time_zone or row.schedule.time_zone)
    with translation.override(row.contact.language or translation.get_language()), timezone.override(zone):
        return _page(request, _outcome(request, row, now), row)


def _outcome(request: HttpRequest, row: Handover, now: datetime) -> str:
    """Pressing again shows success, as the first time did."""
    if row.checked_in_at is not None:
        return "done" if is_latest(row) else "over"
    if not row.awaits_check_in or not is_latest(row):
        return "over"
    if request.method != "POST" or row.contact is None:
        return "open"
    by = Actor(ActorKind.CONTACT, row.contact.name, row.contact.pk, client_address(request))
    try:
        check_in(by=by, now=now, handover_id=row.pk, via="link")
    except ConflictError:
        return _outcome_now(row)
    except NotFoundError:
        return "unknown"
    return "done"


def _outcome_now(row: Handover) -> str:
    """Somebody was a moment faster."""
    row.refresh_from_db()
    return "done" if row.checked_in_at is not None and is_latest(row) else "over"


def _page(request: HttpRequest, state: str, row: Handover | None = None, *, status: int = 200) -> HttpResponse:
    context = {"state": state, "title": _TITLES[state], "organisation": settings.ORGANISATION, "turn": row}
    return render(request, "public/check_in.html", context, status=status)
