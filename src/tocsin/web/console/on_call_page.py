"""A schedule's page: who is on duty, the calendar, layers, substitutes and past hand-overs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import formats, timezone
from django.utils.translation import gettext as _now

from tocsin.accounts.rules import Permission
from tocsin.channels.kinds import PERSONAL_CHANNELS
from tocsin.contacts import queries as contacts
from tocsin.contacts.rules import why_not_reachable
from tocsin.core.clock import utc_now
from tocsin.oncall.models import Schedule
from tocsin.oncall.queries import Standing, people_of, rota_of, standings
from tocsin.oncall.rules import LayerDraft, Restriction, Shift, Unit, shifts
from tocsin.oncall.rules.calendar import Day, Piece, days_of, month_days, span_of, week_days
from tocsin.oncall.services import stored_layers
from tocsin.web.console.actors import may
from tocsin.web.console.display import moment
from tocsin.web.console.on_call_layers import WEEKDAYS
from tocsin.web.console.uses import uses_list
from tocsin.web.console.words import reason_text

_HUES = 8
_HANDOVERS = 10
_LOOKS_AHEAD = timedelta(days=60)
_VIEWS = ("month", "week")


def schedule_page(request: HttpRequest, context: Mapping[str, Any], schedule: Schedule, admin: Any) -> HttpResponse:
    """`?view=month|week&day=2026-11-30&zone=schedule|mine`."""
    now = utc_now()
    own = ZoneInfo(schedule.time_zone)
    zone = timezone.get_current_timezone() if request.GET.get("zone") == "mine" else own
    zone = zone if isinstance(zone, ZoneInfo) else own
    view = request.GET.get("view") if request.GET.get("view") in _VIEWS else "month"
    day = _day(request.GET.get("day", ""), now.astimezone(zone).date())
    first, count = week_days(day) if view == "week" else month_days(day)
    begin, end = span_of(first, count, zone)
    rota = rota_of(schedule.pk, min(begin, now), max(end, now + _LOOKS_AHEAD))
    planned = shifts(rota, begin, end)
    standing = next(iter(standings(now, [schedule.pk])), None)
    people = contacts.contact_views(
        people_of(rota, min(begin, now), max(end, now + _LOOKS_AHEAD))
        | {person for shift in planned for person in (shift.contact_id, shift.replaces) if person is not None}
    )
    names = {pk: person.name for pk, person in people.items()}
    return TemplateResponse(
        request,
        "console/schedule.html",
        {
            **context,
            "title": schedule.name,
            "schedule": schedule,
            "standing": standing,
            "until": _local(standing.until, zone) if standing and standing.until else "",
            "awaited": _awaited(schedule, standing),
            "gaps": [gap_text(gap, zone.key) for gap in (standing.gaps if standing else ())][:10],
            "lacks": _lacks(people.values()),
            "days": _shown_days(days_of(planned, first, count, zone), names, zone, day, now),
            "weekdays": WEEKDAYS,
            "calendar_title": _title(view, first, day),
            "is_week": view == "week",
            "zone": zone.key,
            "links": _links(view, day, first, request.GET.get("zone", ""), own.key, zone.key),
            "layers": [_layer(draft, names) for draft in stored_layers(schedule)],
            "substitutes": _substitutes(schedule, zone, now),
            "handovers": _handovers(schedule, now),
            "uses": uses_list(contacts.uses_of([schedule.pk])),
            "may_change": may(request, Permission.MANAGE),
            "list_url": admin.url("changelist"),
            "history_url": admin.url("history", schedule.pk) if may(request, Permission.REVEAL) else "",
        },
    )


def gap_text(gap: Shift, zone: str) -> str:
    return f"{_local(gap.starts_at, ZoneInfo(zone))} – {_local(gap.ends_at, ZoneInfo(zone))}"


def _local(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{formats.date_format(local, 'D')} {local:%Y-%m-%d %H:%M}"


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return day if abs(day.year - today.year) <= 10 else today


def _awaited(schedule: Schedule, standing: Standing | None) -> Any:
    """The turn that waits for a check-in, if one does."""
    if standing is None:
        return None
    latest = schedule.handovers.filter(is_missed=False).select_related("contact", "keeps").first()
    return latest if latest is not None and latest.awaits_check_in and latest.contact is not None else None


def _lacks(people: Iterable[Any]) -> list[str]:
    """People whom an alert by phone or text would not reach."""
    found = []
    for person in people:
        reasons = {why_not_reachable(person, channel): channel for channel in PERSONAL_CHANNELS if channel != "email"}
        found += [f"{person.name}: {reason_text(reason.value)}" for reason in reasons if reason is not None]
    return sorted(found)[:20]


def _shown_days(
    days: list[Day], names: Mapping[int, str], zone: ZoneInfo, chosen: date, now: datetime
) -> list[dict[str, Any]]:
    hues = {pk: number % _HUES for number, pk in enumerate(sorted(names))}
    today = now.astimezone(zone).date()
    return [
        {
            "date": day.date,
            "is_today": day.date == today,
            "is_other": day.date.month != chosen.month,
            "pieces": [_shown_piece(piece, names, hues, zone, now) for piece in day.pieces],
        }
        for day in days
    ]


def _shown_piece(
    piece: Piece, names: Mapping[int, str], hues: Mapping[int, int], zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    starts, ends = (f"{at.astimezone(zone):%H:%M}" for at in (piece.starts_at, piece.ends_at))
    until = "24:00" if ends == "00:00" else ends
    shift = piece.shift
    return {
        "from": starts,
        "until": until,
        "is_over": piece.ends_at <= now,
        "is_whole": (starts, until) == ("00:00", "24:00"),
        "who": names.get(shift.contact_id or 0, "?") if shift.contact_id else "",
        "hue": hues.get(shift.contact_id or 0, 0),
        "replaces": names.get(shift.replaces or 0, ""),
        "is_substitute": shift.is_substitute,
    }


def _title(view: str | None, first: date, day: date) -> str:
    if view == "week":
        last = first + timedelta(days=6)
        return f"{formats.date_format(first, 'SHORT_DATE_FORMAT')} – {formats.date_format(last, 'SHORT_DATE_FORMAT')}"
    return formats.date_format(day, "YEAR_MONTH_FORMAT")


def _links(view: str | None, day: date, first: date, zone: str, own: str, shown: str) -> dict[str, Any]:
    def link(**changed: str) -> str:
        return "?" + urlencode({"view": view or "month", "day": day.isoformat(), "zone": zone or "schedule"} | changed)

    if view == "week":
        before, after = first - timedelta(days=7), first + timedelta(days=7)
    else:
        before = (day.replace(day=1) - timedelta(days=1)).replace(day=1)
        after = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    mine = timezone.get_current_timezone_name()
    other = {"title": mine, "url": link(zone="mine")} if shown == own else {"title": own, "url": link(zone="schedule")}
    return {
        "before": link(day=before.isoformat()),
        "after": link(day=after.isoformat()),
        "month": link(view="month"),
        "week": link(view="week"),
        "other_zone": other if mine != own else None,
    }


def _layer(draft: LayerDraft, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "name": draft.name,
        "people": [names.get(pk, "?") for pk in draft.people],
        "turns": _turns(draft),
        "since": f"{draft.starts_on.isoformat()} {draft.handover_time:%H:%M}",
        "times": [_times(one) for one in draft.restrictions],
    }


def _turns(draft: LayerDraft) -> str:
    if draft.every == 1:
        return {Unit.WEEKS: _now("every week"), Unit.DAYS: _now("every day"), Unit.HOURS: _now("every hour")}[
            draft.unit
        ]
    several = {
        Unit.WEEKS: _now("every %(n)d weeks"),
        Unit.DAYS: _now("every %(n)d days"),
        Unit.HOURS: _now("every %(n)d hours"),
    }
    return several[draft.unit] % {"n": draft.every}


def _times(one: Restriction) -> str:
    days = ", ".join(str(WEEKDAYS[day]) for day in one.days)
    until = f"{WEEKDAYS[one.until_day]} {one.ends:%H:%M}" if one.until_day is not None else f"{one.ends:%H:%M}"
    return f"{days} {one.starts:%H:%M} – {until}"


def _substitutes(schedule: Schedule, zone: ZoneInfo, now: datetime) -> list[dict[str, Any]]:
    rows = schedule.substitutes.filter(ends_at__gt=now).select_related("contact", "replaces")
    return [
        {
            "id": row.pk,
            "who": row.contact.name,
            "for": row.replaces.name if row.replaces else _now("everybody"),
            "times": f"{_local(row.starts_at, zone)} – {_local(row.ends_at, zone)}",
        }
        for row in rows[:50]
    ]


def _handovers(schedule: Schedule, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "at": moment(row.at, now),
            "who": row.contact_name,
            "is_missed": row.is_missed,
            "checked_in": row.checked_in_at is not None,
            "was_silent": row.silence_told_at is not None and row.checked_in_at is None,
        }
        for row in schedule.handovers.all()[:_HANDOVERS]
    ]
