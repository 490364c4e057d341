"""Alerts: `ListAlerts`, `SearchAlertHistories`, and what is done to them: claim, close, block, change the severity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any

from django.db import transaction
from msgspec import UNSET, Meta, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.alerts.models import Activity, Alert
from tocsin.alerts.queries import WantedAlerts, activities_since, alerts_found, events_of_alerts
from tocsin.alerts.rules import ActivityKind, AlertState
from tocsin.alerts.services import change_severity, claim_alert, mute_alert, resolve_alert
from tocsin.channels.kinds import Channel
from tocsin.contacts.queries import names_of
from tocsin.core.actors import Actor
from tocsin.delivery.acts import act_title
from tocsin.delivery.doorbell import ring_due
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import DeliveryState
from tocsin.delivery.sent import sent, sent_of_alerts
from tocsin.web.arms.errors import invalid
from tocsin.web.arms.events import ALERT_STATES, shown_event
from tocsin.web.arms.moments import NEVER, from_milliseconds, milliseconds, read_moment, shown_moment
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import old_page_of, page_of
from tocsin.web.arms.parameters import Id, Page, Paged, Request, Size, given

_HOW = "api"
_ACTIVITIES = {
    ActivityKind.CLAIMED: 1,
    ActivityKind.UNCLAIMED: 2,
    ActivityKind.CLAIM_LAPSED: 2,
    ActivityKind.COMMENTED: 3,
    ActivityKind.RESOLVED: 4,
}
_SENT = 5
_ACTIVITIES_FOR = timedelta(days=3)
_EVENTS_SHOWN = 100
_HISTORY_FOR = timedelta(minutes=10)
_PROMETHEUS = 101
Severity = Annotated[str, Meta(pattern="^[Pp][1-6]$")]


class ListAlerts(Paged):
    alert_name: str = ""
    severity: str = ""
    state: Annotated[int, Meta(ge=0, le=2)] | UnsetType = UNSET
    dispatch_rule_id: Id | UnsetType = UNSET
    owner: str = ""
    integration_type: str = ""
    start_time: str = ""
    end_time: str = ""
    show_activities: bool = False
    show_events: bool = False


class SearchAlertHistories(Request):
    alert_id: Id | UnsetType = UNSET
    start_time: int | UnsetType = UNSET
    end_time: int | UnsetType = UNSET
    current_page: Page = 1
    page_size: Size = 10


class ClaimAlarm(Request):
    alarm_id: Id
    handler_id: Id | UnsetType = UNSET


class CloseAlarm(ClaimAlarm):
    solution: str = ""


class BlockAlarmNotification(ClaimAlarm, kw_only=True):
    timeout: Id


class ChangeAlarmSeverity(ClaimAlarm, kw_only=True):
    severity: Severity


def list_alerts(asked: ListAlerts, caller: Caller) -> Answer:
    if asked.severity and not (
        len(asked.severity) == 2 and asked.severity[0] in "Pp" and asked.severity[1] in "123456"
    ):
        raise invalid("Severity", "Severity is P1 to P6.")
    wanted = WantedAlerts(
        title=asked.alert_name,
        severity=int(asked.severity[1]) if asked.severity else None,
        state=ALERT_STATES[asked.state] if asked.state is not UNSET else None,
        policy_id=given(asked.dispatch_rule_id),
        told=asked.owner,
        opened_from=read_moment("StartTime", asked.start_time),
        opened_until=read_moment("EndTime", asked.end_time),
    )

    def shown(alerts: Sequence[Alert]) -> list[dict[str, Any]]:
        ids = [alert.pk for alert in alerts]
        closings = activities_since(ids, [ActivityKind.RESOLVED])
        activities = _activities(ids, caller) if asked.show_activities else {}
        events = events_of_alerts(ids, most=_EVENTS_SHOWN) if asked.show_events else {}
        return [
            {
                **_shown(alert, closings.get(alert.pk, [])),
                "Activities": activities.get(alert.pk, []),
                "AlertEvents": [shown_event(row.event, state_name="State") for row in events.get(alert.pk, [])],
            }
            for alert in alerts
        ]

    return {"Message": "success", **page_of(alerts_found(wanted), asked, "ListAlerts", shown)}


def search_histories(asked: SearchAlertHistories, caller: Caller) -> Answer:
    """One record for each message that left, of the last ten minutes unless other times are given."""
    until = caller.now if asked.end_time is UNSET else from_milliseconds("EndTime", asked.end_time)
    since = until - _HISTORY_FOR if asked.start_time is UNSET else from_milliseconds("StartTime", asked.start_time)
    found = sent(since=since, until=until, alert_id=given(asked.alert_id))
    return old_page_of(found, asked, "AlarmHistories", lambda rows: [_history(row) for row in rows])


def claim(asked: ClaimAlarm, caller: Caller) -> Answer:
    return _act(asked, caller, lambda by: claim_alert(by=by, now=caller.now, alert_id=asked.alarm_id, how=_HOW))


def close(asked: CloseAlarm, caller: Caller) -> Answer:
    return _act(
        asked,
        caller,
        lambda by: resolve_alert(by=by, now=caller.now, alert_id=asked.alarm_id, text=asked.solution, how=_HOW),
    )


def block(asked: BlockAlarmNotification, caller: Caller) -> Answer:
    lasts = timedelta(seconds=min(asked.timeout, 10**8))
    return _act(
        asked, caller, lambda by: mute_alert(by=by, now=caller.now, alert_id=asked.alarm_id, lasts=lasts, how=_HOW)
    )


def change(asked: ChangeAlarmSeverity, caller: Caller) -> Answer:
    severity = int(asked.severity[1])
    return _act(
        asked,
        caller,
        lambda by: change_severity(by=by, now=caller.now, alert_id=asked.alarm_id, severity=severity, how=_HOW),
    )


def _act(asked: ClaimAlarm, caller: Caller, act: Callable[[Actor], Alert]) -> Answer:
    """In the name of the handler, a contact, where one is named; timeline and audit say also through which key."""
    by = caller.by
    if asked.handler_id is not UNSET:
        handler = names_of([asked.handler_id]).get(asked.handler_id)
        if handler is None or handler.kind != "contact":
            raise invalid("HandlerId", "There is no such contact.")
        by = Actor(by.kind, handler.name, by.id, by.address, through=by.name)
    act(by)
    with transaction.atomic():
        ring_due()
    return {"Code": 200, "Message": "success", "Result": True, "Success": True}


def _activities(alert_ids: Sequence[int], caller: Caller) -> dict[int, list[dict[str, Any]]]:
    """Of the last three days, what people did and what was sent, in order."""
    since = caller.now - _ACTIVITIES_FOR
    entries = [
        (alert_id, activity.at, _activity(activity))
        for alert_id, rows in activities_since(alert_ids, list(_ACTIVITIES), since).items()
        for activity in rows
    ]
    entries += [
        (alert_id, row.planned_at, _sending(row))
        for alert_id, rows in sent_of_alerts(alert_ids, since).items()
        for row in rows
    ]
    found: dict[int, list[dict[str, Any]]] = {}
    for alert_id, _at, entry in sorted(entries, key=lambda entry: entry[1]):
        found.setdefault(alert_id, []).append(entry)
    return found


def _activity(activity: Activity) -> dict[str, Any]:
    kind = ActivityKind(activity.kind)
    return {
        "Type": _ACTIVITIES[kind],
        "Time": shown_moment(activity.at),
        "HandlerName": activity.actor,
        "Content": activity.text,
        "Description": act_title(kind, activity.actor, activity.data),
    }


def _sending(row: Delivery) -> dict[str, Any]:
    return {
        "Type": _SENT,
        "Time": shown_moment(row.planned_at),
        "HandlerName": row.recipient_name,
        "Content": row.content.text if row.content is not None else "",
        "Description": f"{row.channel}: {row.state}",
    }


def _shown(alert: Alert, closings: Sequence[Activity]) -> dict[str, Any]:
    is_over = alert.state == AlertState.RESOLVED
    handler = alert.claimed_by or alert.assigned_name or alert.resolved_by
    return {
        "AlertId": alert.pk,
        "AlertName": alert.title,
        "CreateTime": shown_moment(alert.opened_at),
        "Severity": f"P{alert.severity}",
        "State": ALERT_STATES.index(AlertState(alert.state)),
        "DispatchRuleId": alert.policy_id,
        "DispatchRuleName": alert.policy.name,
        "AcknowledgeTime": milliseconds(alert.claimed_at),
        "RecoverTime": milliseconds(alert.resolved_at) if is_over else NEVER,
        "Describe": ", ".join(f"{name}={value}" for name, value in alert.group_labels.items()),
        "Handler": handler,
        "Owner": alert.assigned_name,
        "NotifyRobots": "",
        "Solution": closings[-1].text if closings and is_over else "",
    }


def _history(row: Delivery) -> dict[str, Any]:
    """Numbers and addresses are kept masked, so nobody sees them whole."""
    alert = row.notification.alert if row.notification is not None else None
    is_phone = row.channel in (Channel.PHONE, Channel.SMS)
    is_email = row.channel == Channel.EMAIL
    went_out = row.state in (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)
    return {
        "Id": row.pk,
        "AlarmTime": milliseconds(row.planned_at),
        "AlarmType": _PROMETHEUS,
        "AlarmContent": row.content.text if row.content is not None else "",
        "AlarmResponseCode": 200 if went_out else 500,
        "Emails": row.address_masked if is_email else "",
        "Phones": row.address_masked if is_phone else "",
        "AlarmSources": "" if is_phone or is_email else row.recipient_name,
        "StrategyId": str(alert.policy_id) if alert is not None else "",
        "Target": alert.title if alert is not None else "",
        "UserId": "",
    }


OPERATIONS = (
    Operation(ListAlerts, Permission.VIEW, list_alerts),
    Operation(SearchAlertHistories, Permission.VIEW, search_histories),
    Operation(ClaimAlarm, Permission.RESPOND, claim),
    Operation(CloseAlarm, Permission.RESPOND, close, {"text": "Solution"}),
    Operation(BlockAlarmNotification, Permission.RESPOND, block, {"lasts": "Timeout"}),
    Operation(ChangeAlarmSeverity, Permission.RESPOND, change, {"severity": "Severity"}),
)
