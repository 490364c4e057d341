"""`/d/<token>`: a fire drill asks whether its message arrived. Opening it confirms nothing; only the press does."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from tocsin.core.clock import utc_now
from tocsin.delivery.drill_models import DrillMember
from tocsin.delivery.drill_texts import delivery_of_token
from tocsin.delivery.drills import confirm_drill, member_asked_by
from tocsin.web.public.opening import refused, token_in
from tocsin.web.shared.csrf import csrf_by_token
from tocsin.web.shared.headers import secret_page

_TITLES = {
    "open": _("A fire drill"),
    "done": _("Confirmed, thank you"),
    "unknown": _("This link is not valid"),
    "cookie": _("Please try again"),
    "too_often": _("Please wait a little"),
}


def _no_cookie(request: HttpRequest) -> HttpResponse:
    return _page(request, "cookie", status=403)


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_by_token(on_failure=_no_cookie)
def drill_page(request: HttpRequest, token: str) -> HttpResponse:
    """Whatever the link is worth, the status is 200: only who holds a real one learns more than from any other."""
    now = utc_now()
    response = refused(request, now, lambda _wait: _page(request, "too_often", status=429))
    if response is not None:
        return response
    delivery_id = delivery_of_token(token_in(token))
    member = member_asked_by(delivery_id) if delivery_id is not None else None
    if delivery_id is None or member is None or member.contact is None:
        return _page(request, "unknown")
    contact = member.contact
    zone = ZoneInfo(contact.time_zone) if contact.time_zone else timezone.get_default_timezone()
    with translation.override(contact.language or translation.get_language()), timezone.override(zone):
        return _page(request, _outcome(request, member, delivery_id, now), member)


def _outcome(request: HttpRequest, member: DrillMember, delivery_id: int, now: datetime) -> str:
    """Pressing again shows success, as the first time did."""
    if request.method == "POST":
        confirm_drill(now=now, delivery_id=delivery_id, via="link")
        return "done"
    return "done" if member.confirmed_at is not None else "open"


def _page(request: HttpRequest, state: str, member: DrillMember | None = None, *, status: int = 200) -> HttpResponse:
    context = {"state": state, "title": _TITLES[state], "organisation": settings.ORGANISATION, "member": member}
    return render(request, "public/drill.html", context, status=status)
