"""`tocsin integration`: where events come from, and their tokens."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter
from django.conf import settings

from tocsin.cli.shared import Json, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import NotFoundError
from tocsin.events.models import Integration
from tocsin.events.queries import list_integrations
from tocsin.events.recipes import prometheus_yml
from tocsin.events.services import create_integration
from tocsin.events.services import rotate_token as rotate

app = App(name="integration")

_Name = Annotated[str, Parameter(help="What the source is called.")]
_LOCAL_ADDRESS = "http://127.0.0.1:8000"
_COLUMNS = {"id": "ID", "name": "name", "token": "token", "is_enabled": "enabled", "last_event_at": "last event"}


@app.command
def create(
    *,
    name: _Name,
    auto_resolve: Annotated[
        int, Parameter(help="Seconds without a report after which an event that names no end resolves.")
    ] = 300,
    json: Json = False,
) -> None:
    """Make a source of events. Its token is printed this once, with what to write into prometheus.yml."""
    integration, token = create_integration(by=SHELL, now=utc_now(), name=name, auto_resolve_seconds=auto_resolve)
    _tell_token(integration, token, as_json=json)


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """Show all of them."""
    show([_as_row(integration) for integration in list_integrations()], as_json=json, columns=_COLUMNS)


@app.command
def rotate_token(name: _Name, /, *, json: Json = False) -> None:
    """Replace the token of a source; the old one is refused within seconds."""
    named = {integration.name: integration for integration in list_integrations()}
    if name not in named:
        raise NotFoundError(f"There is no integration {name!r}. There are: {', '.join(named) or 'none'}.")
    integration, token = rotate(by=SHELL, now=utc_now(), integration_id=named[name].pk)
    _tell_token(integration, token, as_json=json)


def _tell_token(integration: Integration, token: str, *, as_json: bool) -> None:
    snippet = prometheus_yml(settings.PUBLIC_URL or _LOCAL_ADDRESS, token)
    if as_json:
        show_json({"id": integration.pk, "name": integration.name, "token": token, "prometheus_yml": snippet})
        return
    say(f"The token of {integration.name}, shown only now:")
    say("")
    say(f"    {token}")
    say("")
    say("In prometheus.yml:")
    say("")
    say("\n".join(f"    {line}" for line in snippet.splitlines()))


def _as_row(integration: Integration) -> dict[str, object]:
    return {
        "id": integration.pk,
        "name": integration.name,
        "token": f"{integration.token_prefix}...",
        "is_enabled": integration.is_enabled,
        "auto_resolve_seconds": integration.auto_resolve_seconds,
        "last_event_at": integration.last_event_at,
    }
