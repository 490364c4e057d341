"""`tocsin silence`: what is recorded and tells nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.cli.shared import Json, length_of, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.files.rules.importing.matchers import parsed_matchers
from tocsin.policies.models import SilencePolicy
from tocsin.policies.queries.silences import phase_of
from tocsin.policies.rules import stored_rules
from tocsin.policies.rules.silencing import Effect, Phase
from tocsin.policies.services.silences import create_silence, end_silence

app = App(name="silence", help="What is recorded and tells nobody: list, create, end.")

_COLUMNS = {"id": "id", "name": "name", "phase": "phase", "effect": "in force", "rules": "what", "ends_at": "until",
            "created_by": "by"}  # fmt: skip


@app.command(name="list")
def list_all(
    *,
    ended: Annotated[bool, Parameter(negative="", help="Also those that are over.")] = False,
    json: Json = False,
) -> None:
    """Silence policies that are or will be in force, and those that are disabled."""
    now = utc_now()
    rows = [row for row in SilencePolicy.objects.order_by("pk") if ended or phase_of(row, now) is not Phase.ENDED]
    shown = [_as_json(row, now) for row in rows]
    if not json:
        shown = [{**row, "rules": _written(silence)} for row, silence in zip(shown, rows, strict=True)]
    show(shown, as_json=json, columns=_COLUMNS)


@app.command
def create(
    *,
    match: Annotated[
        list[str],
        Parameter(
            negative="",
            help='What to silence, as amtool writes it: alertname="Disk full",team=~"db|web". '
            "Several are alternatives.",
        ),
    ],
    lasts: Annotated[str, Parameter(name="--for", help="How long, such as 30m, 2h or 1d.")],
    name: Annotated[str, Parameter(help="What it is called; what it matches unless given.")] = "",
    comment: Annotated[str, Parameter(help="Why, for those who see it.")] = "",
    json: Json = False,
) -> None:
    """Silence something from now on for a while. Cycles are made in the console or by `tocsin apply`."""
    try:
        rules = [list(parsed_matchers(text)) for text in match]
    except ValueError as error:
        raise InvalidInputError({"match": str(error)}) from error
    now = utc_now()
    row = create_silence(
        by=SHELL, now=now, name=name or ", ".join(match)[:64], rules=rules, comment=comment,
        effect=Effect.PERIOD, starts_at=now, ends_at=now + length_of(lasts, "for"),
    )  # fmt: skip
    _tell(row, now, json, f"Silence {row.pk} is in force until {row.ends_at:%Y-%m-%d %H:%M} UTC.")


@app.command
def end(silence_id: Annotated[int, Parameter(help="Its number, as `tocsin silence list` shows it.")], /, *,
        json: Json = False) -> None:  # fmt: skip
    """A period ends now, anything else is disabled; what still fires is told."""
    now = utc_now()
    row = end_silence(by=SHELL, now=now, silence_id=silence_id)
    _tell(row, now, json, f"Silence {row.pk} is over.")


def _tell(row: SilencePolicy, now: datetime, json: bool, text: str) -> None:
    if json:
        show_json(_as_json(row, now))
    else:
        say(text)


def _written(row: SilencePolicy) -> str:
    return " or ".join(" and ".join(map(str, rule)) for rule in stored_rules(row.rules))


def _as_json(row: SilencePolicy, now: datetime) -> dict[str, Any]:
    return {
        "id": row.pk,
        "uuid": str(row.uuid),
        "name": row.name,
        "phase": phase_of(row, now).value,
        "effect": row.effect,
        "rules": row.rules,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "comment": row.comment,
        "created_by": row.created_by,
    }
