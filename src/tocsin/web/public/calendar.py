"""`/calendar/<token>.ics`: a schedule for calendars that subscribe. The address is a secret."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tocsin.core.clock import utc_now
from tocsin.oncall.feed import calendar_of
from tocsin.oncall.queries import schedule_by_feed_token
from tocsin.web.public.opening import refused
from tocsin.web.shared.headers import secret_page


@secret_page
@require_safe
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    now = utc_now()
    response = refused(request, now, lambda _wait: HttpResponse(status=429))
    if response is not None:
        return response
    schedule = schedule_by_feed_token(token)
    if schedule is None:
        return HttpResponse(status=404)
    return HttpResponse(calendar_of(schedule, now), content_type="text/calendar; charset=utf-8")
