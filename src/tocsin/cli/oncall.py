"""`tocsin oncall`: who is on duty now, or at another moment."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter

from tocsin.cli.shared import Json, moment_of, say, show_json
from tocsin.core.clock import utc_now
from tocsin.core.errors import NotFoundError
from tocsin.oncall.queries import Standing, standings

app = App(name="oncall", help="Say who is on duty on the on-call schedules.")


@app.default
def show(
    *,
    schedule: Annotated[str, Parameter(help="Only the schedule of this name.")] = "",
    at: Annotated[str, Parameter(help="Another moment, such as 2026-12-24T18:00 or 2026-12-24T18:00+01:00.")] = "",
    json: Json = False,
) -> None:
    """Exit code 0 when somebody is on duty everywhere, 3 when somewhere nobody is."""
    found = [item for item in standings(moment_of(at) or utc_now()) if not schedule or item.name == schedule]
    if schedule and not found:
        raise NotFoundError(f"There is no schedule {schedule!r}.")
    if json:
        show_json([_as_json(item) for item in found])
    else:
        for item in found:
            say(_line(item))
        if not found:
            say("There is no on-call schedule.")
    sys.exit(0 if all(item.contact_id for item in found) else 3)


def _line(item: Standing) -> str:
    until = f" until {item.until.astimezone(ZoneInfo(item.time_zone)):%Y-%m-%d %H:%M %Z}" if item.until else ""
    following = f", then {item.next_name or 'nobody'}" if item.until else ""
    waiting = f"; {item.awaited_name} has not checked in" if item.awaited_name else ""
    return f"{item.name}: {item.contact_name or 'nobody'}{until}{following}{waiting}"


def _as_json(item: Standing) -> dict[str, Any]:
    return {
        "id": item.schedule_id,
        "schedule": item.name,
        "on_duty": {"id": item.contact_id, "name": item.contact_name} if item.contact_id else None,
        "until": item.until.isoformat() if item.until else None,
        "next": item.next_name or None,
        "not_checked_in": item.awaited_name or None,
        "gaps": [[gap.starts_at.isoformat(), gap.ends_at.isoformat()] for gap in item.gaps],
    }
