"""A schedule as an iCalendar file, for calendars that subscribe to its secret address."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from tocsin.contacts.queries import names_of
from tocsin.oncall.models import Schedule
from tocsin.oncall.queries import rota_of
from tocsin.oncall.rules import Shift, shifts

_BEFORE, _AFTER = timedelta(days=31), timedelta(days=180)
_REFRESH = timedelta(hours=1)
_MOST = 5000


def calendar_of(schedule: Schedule, now: datetime) -> bytes:
    """From a month ago to half a year ahead, gaps included: they are what should be seen."""
    begin, end = now - _BEFORE, now + _AFTER
    found = shifts(rota_of(schedule.pk, begin, end), begin, end)[:_MOST]
    people = {person for shift in found for person in (shift.contact_id, shift.replaces) if person is not None}
    names = {pk: named.name for pk, named in names_of(people).items()}
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//On-call//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", schedule.name)
    calendar.add("refresh-interval", _REFRESH, parameters={"value": "DURATION"})
    for shift in found:
        calendar.add_component(_event(schedule, shift, names, now))
    written: bytes = calendar.to_ical()
    return written


def feed_url(token: str) -> str:
    """ "" without TOCSIN_PUBLIC_URL, or where there is no feed."""
    return f"{settings.PUBLIC_URL}/calendar/{token}.ics" if settings.PUBLIC_URL and token else ""


def _event(schedule: Schedule, shift: Shift, names: dict[int, str], now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{schedule.pk}-{int(shift.starts_at.timestamp())}@tocsin")
    event.add("dtstamp", now)
    event.add("dtstart", shift.starts_at)
    event.add("dtend", shift.ends_at)
    who = names.get(shift.contact_id or 0)
    event.add("summary", f"{who or _('Nobody on duty')} · {schedule.name}")
    if shift.is_substitute and shift.replaces is not None:
        event.add("description", _("Stands in for %(name)s.") % {"name": names.get(shift.replaces, "?")})
    event.add("transp", "TRANSPARENT")
    return event
