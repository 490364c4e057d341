"""`/calendar/<token>.ics`: a schedule for calendars that subscribe. The address is a secret."""

from __future__ import annotations

from math import ceil

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tocsin.contacts.rules import OPENING_LINKS
from tocsin.contacts.services import count_request
from tocsin.core.clock import utc_now
from tocsin.oncall.feed import calendar_of
from tocsin.oncall.queries import schedule_by_feed_token
from tocsin.web.shared.addresses import client_address
from tocsin.web.shared.headers import secret_page


@secret_page
@require_safe
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    now = utc_now()
    until = count_request(limit=OPENING_LINKS, address=client_address(request), now=now)
    if until is not None:
        return HttpResponse(status=429, headers={"Retry-After": str(ceil((until - now).total_seconds()))})
    schedule = schedule_by_feed_token(token)
    if schedule is None:
        return HttpResponse(status=404)
    return HttpResponse(calendar_of(schedule, now), content_type="text/calendar; charset=utf-8")
