"""`tocsin explain`: who would be told of an event, and why others are not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.cli.foreseeing import coming_json, coming_line
from tocsin.cli.shared import Json, moment_of, say, show_json
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError, NotFoundError
from tocsin.core.labels import label_errors
from tocsin.delivery.explaining import ANY_SOURCE, ExplainedPolicy, ExplainedStep, Explanation, explain
from tocsin.delivery.rules import REASON_TEXTS
from tocsin.events.queries import key_of, list_integrations
from tocsin.events.rules import IntegrationKey

app = App(name="explain", help="Say who would be told of an event, and why others are not.")


@app.default
def show(
    *,
    label: Annotated[list[str], Parameter(help="A label of the event, as name=value. Give as many as it has.")],
    integration: Annotated[str, Parameter(help="The integration that it would come from.")] = "",
    at: Annotated[str, Parameter(help="Another moment, such as 2026-12-24T18:00 or 2026-12-24T18:00+01:00.")] = "",
    json: Json = False,
) -> None:
    """Exit code 0 when somebody would be told, 3 when nobody would."""
    moment = moment_of(at)
    found = explain(_labels(label), moment or utc_now(), integration=_source(integration), is_now=moment is None)
    if json:
        show_json(_as_json(found))
    else:
        _print(found)
    sys.exit(0 if found.is_anybody_told else 3)


def _labels(pairs: list[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise InvalidInputError({"label": f"Write --label name=value, not {pair!r}."})
        labels[name] = value
    if errors := label_errors(labels):
        raise InvalidInputError(errors)
    return labels


def _source(name: str) -> IntegrationKey:
    if not name:
        return ANY_SOURCE
    known = {item.name: item for item in list_integrations()}
    if name not in known:
        raise NotFoundError(f"There is no integration {name!r}. There are: {', '.join(known) or 'none'}.")
    return key_of(known[name])


def _print(found: Explanation) -> None:
    say(f"severity: P{found.severity}")
    if not found.is_now:
        say(f"at {found.at.isoformat()}, as policies and contacts are now")
    if found.silence is not None:
        until = f" until {found.silenced_until.isoformat()}" if found.silenced_until else ""
        say(f"silenced by {found.silence.name}{until}; without it:")
    if found.inhibition is not None:
        say(f"inhibited by {found.inhibition[1]}; without it:")
    if not found.policies:
        say("There is no notification policy, so nobody would be told.")
    for policy in found.policies:
        say("")
        say(f"{policy.name}: {_verdict(policy)}")
        for line in _details(policy):
            say(f"  {line}")
    if found.policies and not found.is_anybody_told:
        say("")
        say("Nobody would be told.")


def _verdict(policy: ExplainedPolicy) -> str:
    if not policy.is_match:
        return "does not match"
    if policy.is_shadow:
        return "matches, but is in shadow"
    return "matches" if policy.is_enabled else "matches, but is disabled"


def _details(policy: ExplainedPolicy) -> list[str]:
    lines = list(policy.why_not)
    if policy.is_match:
        grouped = ", ".join(f"{key}={value}" for key, value in (policy.group_labels or {}).items())
        lines.append(f"group: {grouped or 'everything together'}; wait {policy.group_wait_seconds} s")
        if policy.open_alert_id is not None:
            lines.append(f"would join alert #{policy.open_alert_id}, which is open")
        if policy.open_alert_fault:
            lines.append(f"that alert cannot be planned now, so nobody is told: {policy.open_alert_fault}")
    if policy.moment.is_dropped:
        lines.append("outside the hours of the policy: nothing is sent")
    elif policy.moment.at is not None:
        lines.append(f"outside the hours of the policy: waits until {policy.moment.at.isoformat()}")
    if policy.muted_until is not None:
        lines.append(f"that alert is muted: its messages wait until {policy.muted_until.isoformat()}")
    lines += [f"on duty on {name}: {', '.join(people) or 'nobody'}" for name, people in policy.on_duty]
    lines += _people(policy)
    if policy.is_match:
        lines += _later(policy)
    return lines


def _later(policy: ExplainedPolicy) -> Iterator[str]:
    if policy.repeat_every is not None:
        yield f"again every {_minutes(policy.repeat_every)} until it recovers or is claimed"
    for step in policy.steps:
        again = f", {step.repetitions} more times every {_minutes(step.every)}" if step.repetitions else ""
        moment = step.at.isoformat(timespec="seconds")
        yield f"{moment} unless {step.until}: {policy.escalation}, step {step.number}{again}"
        if step.is_passed_over:
            yield "  outside the step's notification period: passed over"
        yield from (f"  on duty on {name}: {', '.join(people) or 'nobody'}" for name, people in step.on_duty)
        yield from map("  {}".format, _people(step))
    if policy.open_alert_id is not None:
        yield from (f"of that alert {coming_line(item)}" for item in policy.coming)
    elif policy.rounds:
        yield f"then from the first step, {policy.rounds} more times"


def _minutes(length: timedelta) -> str:
    return f"{length.total_seconds() / 60:g} min"


def _people(told: ExplainedPolicy | ExplainedStep) -> Iterator[str]:
    yield from (f"tells {item.name} by {item.channel} {item.address_masked}".rstrip() for item in told.deliveries)
    for lack in told.shortfalls:
        who = " ".join(filter(None, [lack.name, f"({lack.channel})" if lack.channel else ""]))
        yield f"not {who}: {REASON_TEXTS[lack.reason]}" if who else REASON_TEXTS[lack.reason]


def _as_json(found: Explanation) -> dict[str, Any]:
    inhibited_by = {"id": found.inhibition[0], "name": found.inhibition[1]} if found.inhibition is not None else None
    return {
        "labels": dict(found.labels),
        "severity": f"P{found.severity}",
        "at": found.at,
        "is_anybody_told": found.is_anybody_told,
        "inhibited_by": inhibited_by,
        "silenced_by": {"id": found.silence.id, "name": found.silence.name} if found.silence is not None else None,
        "policies": [
            {
                "id": policy.policy_id,
                "name": policy.name,
                "is_enabled": policy.is_enabled,
                "is_match": policy.is_match,
                "why_not": list(policy.why_not),
                "group": dict(policy.group_labels or {}),
                "open_alert": policy.open_alert_id,
                "open_alert_fault": policy.open_alert_fault,
                "coming": [coming_json(item) for item in policy.coming],
                "is_dropped": policy.moment.is_dropped,
                "waits_until": policy.waits_until,
                **_told_as_json(policy),
                "repeats_after_seconds": policy.repeat_every.total_seconds() if policy.repeat_every else None,
                "escalation": policy.escalation,
                "rounds": policy.rounds,
                "steps": [
                    {
                        "number": step.number,
                        "unless": step.until,
                        "at": step.at,
                        "repetitions": step.repetitions,
                        "every_seconds": step.every.total_seconds(),
                        "is_passed_over": step.is_passed_over,
                        **_told_as_json(step),
                    }
                    for step in policy.steps
                ],
            }
            for policy in found.policies
        ],
    }


def _told_as_json(told: ExplainedPolicy | ExplainedStep) -> dict[str, Any]:
    return {
        "on_duty": [{"schedule": name, "people": list(people)} for name, people in told.on_duty],
        "tells": [
            {"id": item.recipient_id, "name": item.name, "channel": item.channel, "to": item.address_masked}
            for item in told.deliveries
        ],
        "does_not_tell": [
            {"id": lack.object_id, "name": lack.name, "channel": lack.channel, "reason": lack.reason}
            for lack in told.shortfalls
        ],
    }
