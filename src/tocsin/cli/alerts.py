"""`tocsin alert`: what fires, and what people do about it, from a shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from tocsin.alerts import services
from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.cli.foreseeing import coming_json, coming_line
from tocsin.cli.shared import Json, counted, length_of, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError, existing
from tocsin.delivery.foreseeing import coming
from tocsin.delivery.timeline import TimelineEntry, timeline
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.naming import Names

app = App(name="alert", help="What fires, and what people do about it: list, show, claim, resolve, assign, mute.")

_Id = Annotated[int, Parameter(help="The alert's number, as `tocsin alert list` shows it.", validator=Number(gte=1))]
_Ids = Annotated[int, Parameter(help="Numbers of alerts, as `tocsin alert list` shows them.", negative="")]
_COLUMNS = {"id": "id", "severity": "severity", "state": "state", "title": "title", "policy": "policy",
            "active": "active", "opened_at": "opened", "claimed_by": "claimed by"}  # fmt: skip


@app.command(name="list")
def list_all(
    *,
    state: Annotated[
        Literal["open", "pending", "handling", "resolved", "all"], Parameter(help="Open ones are not resolved.")
    ] = "open",
    policy: Annotated[str, Parameter(help="Only of this notification policy.")] = "",
    limit: Annotated[int, Parameter(help="How many, newest first.", validator=Number(gte=1, lte=10_000))] = 50,
    json: Json = False,
) -> None:
    """The newest alerts."""
    rows = Alert.objects.select_related("policy").order_by("-pk")
    if state == "open":
        rows = rows.filter(resolved_at__isnull=True)
    elif state != "all":
        rows = rows.filter(state=AlertState(state))
    if policy:
        existing(
            NotificationPolicy.objects.filter(name=policy).first(),
            f"There is no notification policy {policy!r}; `tocsin policy list` shows those there are.",
        )
        rows = rows.filter(policy__name=policy)
    show([_as_json(row) for row in rows[:limit]], as_json=json, columns=_COLUMNS)


@app.command(name="show")
def show_one(alert_id: _Id, /, *, json: Json = False) -> None:
    """One alert with its timeline: who was told, who was not and why, who reacted."""
    row = existing(
        Alert.objects.select_related("policy", "policy_version").filter(pk=alert_id).first(),
        f"There is no alert {alert_id}; `tocsin alert list --state all` shows those there are.",
    )
    entries = timeline(alert_id)
    ahead = coming([alert_id], utc_now())[alert_id]
    if json:
        told = {"timeline": [_entry(entry) for entry in entries], "coming": [coming_json(item) for item in ahead]}
        show_json({**_as_json(row), **told})
        return
    say(f"{row.pk} P{row.severity} {row.state}: {row.title} ({row.policy.name})")
    if row.policy_version.escalation_id is not None:
        say(f"  escalated {counted(row.escalated_count, 'time')} until now")
    for entry in entries:
        by = f" by {entry.actor}" if entry.actor else ""
        say(f"  {entry.at.isoformat(timespec='seconds')}  {entry.title}{by}")
        for line in (*filter(None, (entry.text, entry.detail)), *entry.reasons):
            say(f"      {line}")
    if ahead:
        say("If nothing happens:")
    for item in ahead:
        say(f"  {coming_line(item)}")


@app.command
def claim(
    *ids: _Ids,
    lapses_after: Annotated[str, Parameter(help="The claim ends by itself, such as 30m or 4h.")] = "",
    json: Json = False,
) -> None:
    """You are on it: repeats and escalation stop."""
    lasts = length_of(lapses_after, "lapses_after") if lapses_after else None
    _act(ids, json, "is claimed", lambda **who: services.claim_alert(**who, lapses_after=lasts))


@app.command
def unclaim(*ids: _Ids, json: Json = False) -> None:
    """Nobody is on it any more: repeats and escalation go on."""
    _act(ids, json, "is claimed no more", services.unclaim_alert)


@app.command
def resolve(
    *ids: _Ids, text: Annotated[str, Parameter(help="The solution, kept on the timeline.")] = "", json: Json = False
) -> None:
    """Close it by hand. It opens again when its events go on firing."""
    _act(ids, json, "is resolved", lambda **who: services.resolve_alert(**who, text=text))


@app.command
def reopen(*ids: _Ids, json: Json = False) -> None:
    """It was resolved too early: escalation begins anew."""
    _act(ids, json, "is open again", services.reopen_alert)


@app.command
def comment(*ids: _Ids, text: Annotated[str, Parameter(help="What to write.")], json: Json = False) -> None:
    """Write on its timeline."""
    _act(ids, json, "has your comment", lambda **who: services.comment_alert(**who, text=text))


@app.command
def assign(
    *ids: _Ids,
    to: Annotated[str, Parameter(help="A contact, who is told; `Ann <ann@example.org>` where several have the name.")],
    json: Json = False,
) -> None:
    """Give it to somebody. A claim ends, and escalation goes on until they claim it."""
    contact_id = Names([to]).object(to, "to", kinds=["contact"])
    _act(ids, json, f"is given to {to}", lambda **who: services.assign_alert(**who, contact_id=contact_id))


@app.command
def severity(
    *ids: _Ids,
    to: Annotated[Literal["P1", "P2", "P3", "P4", "P5", "P6"], Parameter(help="How severe it is.")],
    json: Json = False,
) -> None:
    """It counts as this from now on, whatever its events say."""
    _act(ids, json, f"counts as {to}", lambda **who: services.change_severity(**who, severity=int(to[1])))


@app.command
def mute(
    *ids: _Ids, lasts: Annotated[str, Parameter(name="--for", help="How long, such as 30m or 2h.")], json: Json = False
) -> None:
    """Send nothing about it for a while."""
    time = length_of(lasts, "for")
    _act(ids, json, "is muted", lambda **who: services.mute_alert(**who, lasts=time))


@app.command
def unmute(*ids: _Ids, json: Json = False) -> None:
    """Let it speak again."""
    _act(ids, json, "is muted no more", services.unmute_alert)


@app.command
def escalate(
    *ids: _Ids,
    escalated_count: Annotated[
        int | None,
        Parameter(
            help="How often it was escalated when you looked, as `tocsin alert show` says; refused when it went on "
            "since, so that two who ask take one step.",
            validator=Number(gte=0),
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Take the next step of its escalation now."""
    _act(ids, json, "is escalated", lambda **who: services.escalate_alert(**who, seen=escalated_count))


def _act(ids: tuple[int, ...], json: bool, done: str, act: Callable[..., Alert]) -> None:
    """One after the other; the first that cannot be ends it with exit code 1, and those before it are done."""
    if not ids:
        raise InvalidInputError({"alert": "give the number of one alert or more; `tocsin alert list` shows them"})
    acted = []
    for alert_id in ids:
        row = act(by=SHELL, now=utc_now(), alert_id=alert_id)
        acted.append(row)
        if not json:
            say(f"{row.pk} {row.title} {done}.")
    if json:
        show([_as_json(row) for row in acted], as_json=True)


def _as_json(row: Alert) -> dict[str, Any]:
    return {
        "id": row.pk,
        "title": row.title,
        "state": row.state,
        "severity": f"P{row.severity}",
        "policy": row.policy.name,
        "group_labels": row.group_labels,
        "active": row.active_count,
        "events": row.event_count,
        "opened_at": row.opened_at,
        "claimed_by": row.claimed_by,
        "assigned_to": row.assigned_name,
        "muted_until": row.muted_until,
        "resolved_at": row.resolved_at,
        "resolved_by": row.resolved_by,
        "escalated_count": row.escalated_count,
    }


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "kind": entry.kind,
        "title": entry.title,
        "actor": entry.actor,
        "text": entry.text,
        "reasons": list(entry.reasons),
        "channel": entry.channel,
        "recipient": entry.recipient,
        "state": entry.state,
        "reason": entry.reason,
    }
