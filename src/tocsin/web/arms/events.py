"""Events: `ListAlertEvents`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tocsin.accounts.rules import Permission
from tocsin.alerts.queries import alerts_of_events
from tocsin.alerts.rules import AlertState
from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.policies.queries.events import events_found
from tocsin.policies.rules import parse_rules
from tocsin.web.arms.conditions import ConditionAsked, typed_rules
from tocsin.web.arms.errors import invalid
from tocsin.web.arms.moments import read_moment, shown_moment
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import page_of
from tocsin.web.arms.parameters import Paged, read_json

INTEGRATION_TYPE = "CUSTOM"
_STATES = {"Active": EventState.ACTIVE, "Silenced": EventState.SILENCED, "Resolved": EventState.RESOLVED}
_NAMES = {state.value: name for name, state in _STATES.items()}
ALERT_STATES = (AlertState.PENDING, AlertState.HANDLING, AlertState.RESOLVED)
"""By the numbers of State."""


class ListAlertEvents(Paged):
    alert_name: str = ""
    start_time: str = ""
    end_time: str = ""
    status: str = ""
    matching_conditions: str = ""
    show_notification_policies: bool = False


def list_events(asked: ListAlertEvents, caller: Caller) -> Answer:
    if asked.status and asked.status not in _STATES:
        raise invalid("Status", f"Status is one of {', '.join(_STATES)}.")
    conditions = []
    if asked.matching_conditions.strip():
        typed = read_json("MatchingConditions", asked.matching_conditions, list[ConditionAsked])
        conditions = list(parse_rules(typed_rules([typed]))) if typed else []
    found = events_found(
        name=asked.alert_name,
        state=_STATES.get(asked.status),
        since=read_moment("StartTime", asked.start_time),
        until=read_moment("EndTime", asked.end_time),
        conditions=conditions[0] if conditions else (),
    )

    def shown(events: Sequence[Event]) -> list[dict[str, Any]]:
        alerts = alerts_of_events([event.pk for event in events])
        answers = []
        for event in events:
            of = alerts.get(event.pk, [])
            policies = {alert.policy_id: alert.policy.name for alert in of}
            answers.append(
                {
                    **shown_event(event, state_name="Status"),
                    "TriggerCount": event.count,
                    "HandlerName": next((alert.claimed_by for alert in of if alert.claimed_by), ""),
                    "Alarms": [
                        {
                            "AlarmId": alert.pk,
                            "AlarmName": alert.title,
                            "CreateTime": shown_moment(alert.opened_at),
                            "State": ALERT_STATES.index(AlertState(alert.state)),
                        }
                        for alert in of
                    ],
                    "NotificationPolicies": [{"Id": pk, "Name": name} for pk, name in policies.items()]
                    if asked.show_notification_policies
                    else [],
                }
            )
        return answers

    return page_of(found, asked, "Events", shown)


def shown_event(event: Event, *, state_name: str) -> dict[str, Any]:
    """The row comes with its integration."""
    noted = event.annotations
    return {
        "AlertName": event.labels.get("alertname", ""),
        "Description": noted.get("message") or noted.get("description") or noted.get("summary") or "",
        "Severity": f"P{event.severity}",
        state_name: _NAMES[event.state],
        "StartTime": shown_moment(event.starts_at),
        "EndTime": shown_moment(event.ends_at),
        "ReceiveTime": shown_moment(event.last_seen_at),
        "GeneratorURL": event.generator_url,
        "IntegrationName": event.integration.name,
        "IntegrationType": INTEGRATION_TYPE,
        "Labels": json.dumps(event.labels, ensure_ascii=False),
        "Annotations": json.dumps(noted, ensure_ascii=False),
    }


OPERATIONS = (Operation(ListAlertEvents, Permission.VIEW, list_events, {"rules": "MatchingConditions"}),)
