"""`tocsin drill`: ask people to confirm that a message reaches them, and see who did not."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.channels.kinds import Channel
from tocsin.cli.shared import Json, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.drills import MemberReport, drill_report, drills, objects_named, start_drill
from tocsin.delivery.rules import REASON_TEXTS, Reason

app = App(name="drill", help="Fire drills: ask people to confirm that a message reaches them.")

_Id = Annotated[int, Parameter(help="The drill's number, as `tocsin drill list` shows it.")]


@app.command
def start(
    *names: Annotated[str, Parameter(help="Names of contacts, contact groups and on-call schedules.")],
    channel: Annotated[list[str], Parameter(help="phone, sms or email. Give as many as you like.")],
    minutes: Annotated[int, Parameter(help="How long a confirmation is in time.")] = 60,
    json: Json = False,
) -> None:
    """Send the messages now. `drill show` says who confirmed."""
    found = objects_named(names)
    if missing := [name for name in names if name not in found]:
        raise InvalidInputError({"names": f"There is no contact, group or schedule called {', '.join(missing)}."})
    if unknown := sorted(set(channel) - {Channel.PHONE, Channel.SMS, Channel.EMAIL}):
        raise InvalidInputError({"channel": f"Write phone, sms or email, not {', '.join(unknown)}."})
    drill = start_drill(
        by=SHELL,
        now=utc_now(),
        object_ids=[pk for ids in found.values() for pk in ids],
        channels=[Channel(value) for value in channel],
        lasts=timedelta(minutes=minutes),
    )
    if json:
        show_json({"id": drill.pk, "about": drill.about, "deadline_at": drill.deadline_at})
    else:
        say(f"Drill {drill.pk}: {drill.members.count()} people are asked. See `tocsin drill show {drill.pk}`.")


@app.command(name="list")
def list_drills(*, json: Json = False) -> None:
    """The newest 50."""
    rows = [
        {
            "id": row.pk,
            "who": row.about,
            "started": row.started_at,
            "deadline": row.deadline_at,
            "asked": row.total,  # type: ignore[attr-defined]
            "confirmed": row.confirmed,  # type: ignore[attr-defined]
        }
        for row in drills()[:50]
    ]
    show(rows, as_json=json)


@app.command(name="show")
def show_drill(drill_id: _Id, *, json: Json = False) -> None:
    """Who confirmed, when and over what; who did not, and what became of the messages to them."""
    report = drill_report(drill_id, most=10_000)
    if json:
        show_json([asdict(member) for member in report.members])
        return
    say(f"{report.drill.about}: {report.confirmed} of {report.total} confirmed")
    rows = [{"name": one.name, "confirmed": one.confirmed_at, "how": _told(one)} for one in report.members]
    show(rows, as_json=False)


def _told(member: MemberReport) -> str:
    if member.confirmed_at is not None:
        return f"over {member.channel}, by {member.via}{', late' if member.is_late else ''}"
    return "; ".join(
        f"{ask.channel}: {REASON_TEXTS[Reason(ask.reason)] if ask.reason else ask.state}" for ask in member.asks
    )
