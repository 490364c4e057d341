"""`tocsin import`: another system's configuration, as files for `tocsin apply` that a person reviews."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli import goalert_api, oncall_api
from tocsin.cli.arms_api import asking
from tocsin.cli.shared import Json, counted, read_yaml, show_json
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.files.rules.importing import go_yaml
from tocsin.files.rules.importing.alertmanager import draft_of_alertmanager
from tocsin.files.rules.importing.arms import draft_of_arms
from tocsin.files.rules.importing.drafting import Draft
from tocsin.files.rules.importing.goalert import draft_of_goalert
from tocsin.files.rules.importing.goalert_query import QUERY
from tocsin.files.rules.importing.oncall import draft_of_oncall
from tocsin.files.rules.writing import as_yaml

app = App(name="import", help="Turn another system's configuration into files for `tocsin apply`.")

_EnvFile = Annotated[
    Path | None, Parameter(name="--env-file", help="Write the secrets here, as VARIABLE='value' for a shell to read.")
]


@app.command
def alertmanager(
    file: Annotated[Path, Parameter(help="alertmanager.yml")],
    /,
    *,
    time_zone: Annotated[str, Parameter(help="Of time intervals that name none.")] = "UTC",
    env_file: _EnvFile = None,
    json: Json = False,
) -> None:
    """Routes become policies that tell the same receivers; receivers contacts, webhooks and robots; inhibit rules.

    YAML goes to standard output, with what could not be carried at its top. It holds no secret: variables stand for
    them, and --env-file writes those.
    """
    try:
        draft = draft_of_alertmanager(read_yaml(file, go_yaml.load), zone=time_zone)
    except ValueError as error:
        raise InvalidInputError({"file": f"{file}: {error}"}) from error
    write_draft(draft, str(file), env_file, json)


@app.command
def arms(
    *,
    endpoint: Annotated[str, Parameter(help="Such as https://arms.cn-hangzhou.aliyuncs.com.")],
    time_zone: Annotated[str, Parameter(help="Of its hours and silences.")] = "Asia/Shanghai",
    env_file: _EnvFile = None,
    json: Json = False,
) -> None:
    """Contacts, groups, robots, webhooks, notification and silence policies, out of the ARMS API.

    The key is in ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET. Numbers have to be verified again.
    """
    write_draft(draft_of_arms(asking(endpoint), zone=time_zone), endpoint, env_file, json)


@app.command
def oncall(
    source: Annotated[
        Path | None, Parameter(help="A folder with users.json, schedules.json ..., or one file with all of it.")
    ] = None,
    /,
    *,
    endpoint: Annotated[str, Parameter(help="Instead: OnCall's own address, such as https://oncall.example.org.")] = "",
    grafana_url: Annotated[str, Parameter(help="Where the key is a Grafana service account's: that Grafana.")] = "",
    env_file: _EnvFile = None,
    json: Json = False,
) -> None:
    """Users, teams, schedules, escalation chains, integrations with their routes, out of Grafana OnCall's public API.

    Reads what was kept of its answers; or with --endpoint asks it, with the key in GRAFANA_ONCALL_ACCESS_TOKEN. The API
    tells no phone numbers.
    """
    if (source is None) == (not endpoint):
        raise InvalidInputError({"source": "Name a folder or file, or --endpoint: one of the two."})
    read = oncall_api.kept(source) if source is not None else oncall_api.asked(endpoint, grafana_url)
    try:
        draft = draft_of_oncall({resource: rows for resource, (rows, _count) in read.items()}, now=utc_now())
    except ValueError as error:
        raise InvalidInputError({"source": f"{source or endpoint}: {error}"}) from error
    for resource, (rows, count) in read.items():
        if len(rows) < count:
            draft.note(resource, f"only {len(rows)} of {count} are there; the other pages are not carried")
    write_draft(draft, str(source or endpoint), env_file, json)


@app.command
def goalert(
    source: Annotated[Path | None, Parameter(help="A file with GoAlert's answer to the query.")] = None,
    /,
    *,
    endpoint: Annotated[
        str, Parameter(help="Instead: GoAlert's own address, such as https://goalert.example.org.")
    ] = "",
    query: Annotated[
        bool, Parameter(negative="", help="Print the GraphQL query, to make an API key with or to ask it by hand.")
    ] = False,
    env_file: _EnvFile = None,
    json: Json = False,
) -> None:
    """Users with their numbers, rotations, schedules, escalation policies and services, out of GoAlert's GraphQL API.

    Reads the answer to one query, which --query prints; or with --endpoint asks it, with the key in GOALERT_API_KEY.
    Numbers have to be verified again.
    """
    if query:
        sys.stdout.write(QUERY)
        return
    if (source is None) == (not endpoint):
        raise InvalidInputError({"source": "Name a file, or --endpoint: one of the two."})
    pages = goalert_api.kept(source) if source is not None else goalert_api.asked(endpoint)
    try:
        draft = draft_of_goalert(pages.nodes, now=utc_now())
    except ValueError as error:
        raise InvalidInputError({"source": f"{source or endpoint}: {error}"}) from error
    for name in pages.cursors:
        draft.note(name, f"only {len(pages.nodes[name])} are there; the other pages are not carried")
    write_draft(draft, str(source or endpoint), env_file, json)


def write_draft(draft: Draft, source: str, env_file: Path | None, json: bool) -> None:
    document, missing = draft.filled(), sorted(name for name, value in draft.secrets.items() if not value)
    if env_file is not None:
        with os.fdopen(os.open(env_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.writelines(f"{name}={_quoted(value)}\n" for name, value in sorted(draft.secrets.items()))
    if json:
        show_json({"document": document, "notes": draft.notes, "variables": sorted(draft.secrets), "unset": missing})
        return
    lines = [f"Made from {source}. Read it, then: tocsin apply -f FILE --dry-run"]
    lines += ["", "Not carried over:", *(f"- {note}" for note in draft.notes)] if draft.notes else []
    if draft.secrets:
        told = f", written to {env_file}" if env_file else ", which --env-file writes"
        lines += ["", f"Set before it is applied{told}:"]
        lines += [f"- {name}{' (not in the source)' if name in missing else ''}" for name in sorted(draft.secrets)]
    sys.stdout.write("".join(f"# {line}".rstrip() + "\n" for text in lines for line in text.splitlines() or [""]))
    sys.stdout.write("\n" + as_yaml(document))
    sys.stderr.write(
        f"{counted(len(draft.notes), 'thing')} could not be carried over; see the top.\n" if draft.notes else ""
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
