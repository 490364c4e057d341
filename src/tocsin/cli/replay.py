"""`tocsin replay [DRAFT]`: what policies would have told of what really fired."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.channels.kinds import Channel
from tocsin.cli.shared import Json, counted, length_of, read_yaml, say, show_json
from tocsin.core.clock import utc_now
from tocsin.delivery.replaying import Replay, Tally, replay_period
from tocsin.policies.drafts import parse_drafts

app = App(name="replay", help="Say what policies would have told of what fired lately.")

_SHOWN = 20
_NOUNS = {Channel.PHONE: ("call", "calls"), Channel.SMS: ("text", "texts"), Channel.EMAIL: ("email", "emails")}


@app.default
def show(
    draft: Annotated[Path | None, Parameter(help="YAML with a list `policies`; docs/policies.md shows one.")] = None,
    /,
    *,
    since: Annotated[str, Parameter(help="How far back, such as 12h, 30d or 2w.")] = "30d",
    json: Json = False,
) -> None:
    """With DRAFT, its policies beside those in force. Nothing is stored or sent."""
    now = utc_now()
    drafts = parse_drafts(read_yaml(draft)) if draft is not None else None
    found = replay_period(now - length_of(since, "since"), now, drafts)
    if json:
        show_json(asdict(found))
    else:
        _print(found)


def _print(found: Replay) -> None:
    quiet = f", {found.silenced} of them silenced throughout" if found.silenced else ""
    say(f"{counted(found.firings, 'time')} an event fired since {found.since.isoformat(timespec='minutes')}{quiet}.")
    told = found.draft or found.current
    for channel in Channel:
        count, before = told.messages.get(channel, 0), found.current.messages.get(channel, 0)
        if count or before:
            instead = f" instead of {before}" if found.draft is not None else ""
            say(f"{_messages(channel, count)}{instead}{_after_calls(channel, told)}{_merged(channel, told)}")
    instead = f" instead of {found.current.alerts}" if found.draft is not None else ""
    alerts = f"{counted(told.alerts, 'alert')}{instead}; {_reach(len(told.unreached))}"
    say(f"{alerts}; no policy takes {told.unmatched} of the firings.")
    if found.calls.made:
        say(f"({found.calls.failed} of {found.calls.made} calls failed in that time; as many would again.)")
    for title in told.unreached[:_SHOWN]:
        say(f"  reaches nobody: {title}")
    if len(told.unreached) > _SHOWN:
        say(f"  and {len(told.unreached) - _SHOWN} more")
    for name, count in told.people.items():
        say(f"  {name}: {counted(count, 'call or text', 'calls and texts')}")


def _after_calls(channel: Channel, told: Tally) -> str:
    count = told.follow_ups.get(channel, 0)
    return f", {count} of them after a call that failed" if count else ""


def _merged(channel: Channel, told: Tally) -> str:
    """Where several become one, or wait until they are no longer true."""
    planned = told.planned.get(channel, 0)
    went = told.messages.get(channel, 0) - told.follow_ups.get(channel, 0)
    return f" (planned: {planned})" if planned != went else ""


def _messages(channel: Channel, count: int) -> str:
    return counted(count, *_NOUNS.get(channel, (f"{channel} message",)))


def _reach(count: int) -> str:
    return f"{counted(count, 'alert reaches', 'alerts reach')} nobody"
