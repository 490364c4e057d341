"""What Explain says of a moment, and what then happens at it, over configurations that nobody thought of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stories.harness import ADMIN, Story, begin
from tocsin.alerts.models import Alert
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import remove_members
from tocsin.delivery.explaining import ExplainedPolicy, Explanation, explain
from tocsin.delivery.models import Attempt, Delivery, Notification
from tocsin.delivery.rules import Cause, Reason
from tocsin.events.models import Integration
from tocsin.events.queries import key_of
from tocsin.events.services import create_integration
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.rules import Outside
from tocsin.policies.services import StepInput, create_escalation
from tocsin.policies.services.silences import create_silence

MINUTE = 60
Told = set[tuple[int, str]]
CHANNELS = st.sets(st.sampled_from(["phone", "sms", "email"]), min_size=1).map(sorted)
OBJECTS = st.dictionaries(
    st.sampled_from(["ann", "bob", "cho", "team", "nobody", "rota", "robot"]), CHANNELS, min_size=1, max_size=4
)
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "UTC"])


@dataclass(frozen=True)
class Drawn:
    """A policy as it is to be made."""

    targets: Mapping[str, Sequence[str]]
    rule: str
    state: str
    stops: bool
    wait: int
    limits: Mapping[str, int]
    window: Mapping[str, Any] | None
    steps: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


WINDOWS = st.none() | st.fixed_dictionaries({
    "start": st.sampled_from(["00:00", "11:30", "12:20", "13:00", "20:30", "22:00"]),
    "end": st.sampled_from(["06:00", "12:10", "13:30", "21:00", "23:00"]),
    "days": st.sets(st.integers(1, 7), min_size=1).map(sorted),
    "zone": ZONES,
    "outside": st.sampled_from([one.value for one in Outside]),
})  # fmt: skip
STEPS = st.lists(
    st.fixed_dictionaries({
        "targets": OBJECTS, "after": st.integers(1, 90), "until": st.sampled_from(["claimed", "resolved"]),
        "period": st.none() | st.tuples(st.sampled_from([0, 12, 13, 20]), st.sampled_from([6, 14, 15, 22]), ZONES),
    }),
    max_size=3,
)  # fmt: skip
POLICIES = st.lists(
    st.builds(
        Drawn, targets=OBJECTS, rule=st.sampled_from(["", "severe", "other source", "no match"]),
        state=st.sampled_from(["enabled", "enabled", "disabled", "shadow"]), stops=st.booleans(),
        wait=st.sampled_from([0, 5, 600, 3600]), window=WINDOWS, steps=STEPS,
        limits=st.dictionaries(st.sampled_from(["phone", "sms", "email"]), st.integers(1, 5), max_size=2),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip


@pytest.mark.thorough
@pytest.mark.timeout(900)
@given(
    drawn=POLICIES, severity=st.sampled_from(["critical", "error", "warning", "none"]),
    ahead=st.sampled_from([0, 0, 47, 20 * MINUTE]), handover=st.sampled_from(["12:30", "13:00", "08:50"]),
    is_silenced=st.sampled_from([False, False, False, True]),
)  # fmt: skip
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whoever_explain_names_is_told_then_and_nobody_else(
    db: None, now: datetime, drawn: list[Drawn], severity: str, ahead: int, handover: str, is_silenced: bool
) -> None:
    """By the policies and by the steps of their escalations: over the same channels, at the same moments, and for the
    same reasons not.
    """
    NotificationPolicy.objects.filter(deleted_at=None).update(is_enabled=False, is_shadow=False)
    story = begin(now)
    labels = {"alertname": f"Disk {NotificationPolicy.objects.count()}", "severity": severity}
    policies = _made(story, drawn, handover, labels["alertname"])
    at = story.now + timedelta(minutes=ahead)
    if is_silenced:
        rules = [[{"key": "alertname", "operator": "eq", "value": labels["alertname"]}]]
        create_silence(by=ADMIN, now=story.now, name="Works", rules=rules, effect="period", starts_at=at,
                       ends_at=at + timedelta(minutes=200))  # fmt: skip
        story.passes()

    said = explain(labels, at, integration=key_of(story.integration), is_now=ahead == 0)
    story.passes(ahead * MINUTE)
    story.fires(labels["alertname"], severity=severity)
    story.passes(199 * MINUTE)

    assert (said.silence is not None) == is_silenced
    ours = {policy.pk for policy in policies}
    for policy in (one for one in said.policies if one.policy_id in ours):
        alert = Alert.objects.filter(policy_id=policy.policy_id).first()
        is_on = policy.is_match and (policy.is_enabled or policy.is_shadow) and not is_silenced
        assert (alert is not None) == is_on
        if alert is not None:
            _is_as_told(policy, said, alert)


def _is_as_told(policy: ExplainedPolicy, said: Explanation, alert: Alert) -> None:
    assert policy.group_labels == alert.group_labels
    first = Notification.objects.filter(alert=alert, cause=Cause.FIRED).order_by("pk").last()
    assert first is not None
    waits = policy.moment.at is not None and policy.moment.at > said.at + timedelta(minutes=198)
    foretold = {(item.recipient_id, item.channel) for item in policy.deliveries}
    if not waits:
        assert _told(first) == foretold
        lacks = {(lack["id"], lack["channel"], lack["reason"]) for lack in alert.reasons}
        assert lacks == {(lack.object_id, lack.channel, lack.reason.value) for lack in policy.shortfalls}
    goes_at = policy.moment.at or said.at + timedelta(seconds=policy.group_wait_seconds)
    for delivery in Delivery.objects.filter(notification=first, fallback_of=None):
        if policy.is_shadow:
            assert delivery.reason in (Reason.SHADOW, Reason.OUTSIDE_WINDOW)
        elif policy.moment.is_dropped:
            assert delivery.reason == Reason.OUTSIDE_WINDOW
            assert not Attempt.objects.filter(delivery=delivery).exists()
        elif waits:
            assert delivery.next_at == policy.moment.at
        else:
            tries = Attempt.objects.filter(delivery_id=delivery.merged_into_id or delivery.pk)
            assert goes_at in tries.values_list("started_at", flat=True) or delivery.channel == "phone"
    taken = [step for step in policy.steps if not step.is_passed_over]
    moments = sorted({step.at for step in taken})
    escalated = Notification.objects.filter(alert=alert, cause=Cause.ESCALATED).order_by("created_at", "pk")
    assert [one.created_at for one in escalated] == [step.at for step in taken]
    for moment in moments:
        told = [_told(one) for one in escalated if one.created_at == moment]
        expected = [
            {(item.recipient_id, item.channel) for item in step.deliveries} for step in taken if step.at == moment
        ]
        assert sorted(map(sorted, told)) == sorted(map(sorted, expected))


def _told(notification: Notification) -> Told:
    rows = Delivery.objects.filter(notification=notification, fallback_of=None).exclude(reason=Reason.PLANNED_ANEW)
    return set(rows.values_list("recipient_id", "channel"))


def _made(story: Story, drawn: Sequence[Drawn], handover: str, alertname: str) -> list[NotificationPolicy]:
    ann = story.contact(fallback=Fallback.NONE)
    bob = story.contact(verified=False, fallback=Fallback.NONE)
    cho = story.contact(email=None, fallback=Fallback.NONE)
    team, nobody = story.group(ann, bob, cho), story.group(cho)
    remove_members(by=ADMIN, now=story.now, group_id=nobody.pk, contact_ids=[cho.pk])
    office = {"days": [0, 1], "from": "12:15", "until": "14:40", "until_day": None}
    objects: dict[str, Any] = {
        "ann": ann, "bob": bob, "cho": cho, "team": team, "nobody": nobody,
        "rota": story.schedule([ann, bob, cho], handover_time=handover, restrictions=[office], tells_by=[]),
        "robot": story.robot("https://oapi.dingtalk.com/robot/send?access_token=t", is_enabled=False),
    }  # fmt: skip
    story.integration  # noqa: B018 (made before the policies that name it)

    def named(targets: Mapping[str, Sequence[str]]) -> list[tuple[int, list[str]]]:
        return [(objects[name].pk, [] if name == "robot" else list(channels)) for name, channels in targets.items()]

    this = {"key": "alertname", "operator": "eq", "value": alertname}
    rules: dict[str, list[Any]] = {
        "": [[this]], "severe": [[this, {"key": "__severity__", "operator": "in", "value": "P1,P2"}]],
        "other source": [[this]], "no match": [[{**this, "value": "nothing"}]],
    }  # fmt: skip
    made = []
    for one in drawn:
        chain = create_escalation(
            by=ADMIN, now=story.now, name=f"Chain {ann.pk} {len(made)}", rounds=0,
            steps=[StepInput(
                until=step["until"], after_minutes=step["after"], targets=named(step["targets"]),
                begins=time(step["period"][0]) if step["period"] else None,
                ends=time(step["period"][1]) if step["period"] else None,
                time_zone=step["period"][2] if step["period"] else "",
            ) for step in one.steps],
        ) if one.steps else None  # fmt: skip
        made.append(story.policy(
            {objects[name]: [] if name == "robot" else channels for name, channels in one.targets.items()},
            rules=rules[one.rule], stops_here=one.stops, group_wait=one.wait, severity_limits=one.limits,
            sending_window=one.window, is_enabled=one.state == "enabled", is_shadow=one.state == "shadow",
            escalation_id=chain.pk if chain is not None else None,
            sources=[] if one.rule != "other source" else [_other(story).pk],
        ))  # fmt: skip
    return made


def _other(story: Story) -> Integration:
    return create_integration(by=ADMIN, now=story.now, name=f"Other {Integration.objects.count()}")[0]
