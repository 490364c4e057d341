"""`tocsin policy`: who is told of what. Their content is written by the console, `tocsin apply` and the API."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.shared import Json, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.files.queries import state_of
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.queries import existing_policies
from tocsin.policies.services import disable_policy, enable_policy, shadow_policy

app = App(name="policy", help="Notification policies: list, enable, disable, shadow.")

_Name = Annotated[str, Parameter(help="The policy's name.")]


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """In the order in which events are offered to them."""
    rows = [item.values for item in state_of({"policies": None})["policies"]]
    shown = rows if json else [{**row, "tells": ", ".join(row["tells"])} for row in rows]
    show(shown, as_json=json, columns={"name": "name", "state": "state", "tells": "tells", "stops_here": "stops here"})


@app.command
def enable(name: _Name, /, *, json: Json = False) -> None:
    """It takes what fires now, too."""
    _tell(enable_policy(by=SHELL, now=utc_now(), policy_id=_policy(name)), "is enabled", json)


@app.command
def disable(name: _Name, /, *, json: Json = False) -> None:
    """Acts at once: its open alerts send nothing more."""
    _tell(disable_policy(by=SHELL, now=utc_now(), policy_id=_policy(name)), "is disabled", json)


@app.command
def shadow(name: _Name, /, *, json: Json = False) -> None:
    """From now on it plans and records everything and sends nothing."""
    _tell(shadow_policy(by=SHELL, now=utc_now(), policy_id=_policy(name)), "is in shadow", json)


def _policy(name: str) -> int:
    row = existing(
        existing_policies().filter(name=name).first(),
        f"There is no notification policy {name!r}; `tocsin policy list` shows those there are.",
    )
    return row.pk


def _tell(row: NotificationPolicy, text: str, json: bool) -> None:
    if json:
        show_json(state_of({"policies": [row.pk]})["policies"][0].values)
    else:
        say(f"{row.name} {text}.")
