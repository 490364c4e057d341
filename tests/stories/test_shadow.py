"""Policies in shadow: everything is planned and recorded, nothing is sent, and nobody real is disturbed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Activity, Alert
from tocsin.alerts.services import apply_current_policy, apply_policy_to_alert
from tocsin.delivery.dailies import day_counts
from tocsin.delivery.explaining import explain
from tocsin.delivery.models import Attempt, Delivery
from tocsin.delivery.shadows import shadow_report
from tocsin.events.models import Event
from tocsin.policies.services import delete_policy, disable_policy, enable_policy, save_policy, shadow_policy

HOURS: dict[str, Any] = {"start": "09:00", "end": "18:00", "days": [1, 2, 3, 4, 5], "zone": "Asia/Shanghai"}


def would_go(story: Story) -> list[tuple[str, str, str]]:
    return sorted(Delivery.objects.values_list("recipient_name", "channel", "reason"))


def test_a_shadow_plans_everything_and_sends_nothing(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", verified=False)
    group = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t", name="Ops")
    story.policy({ann: ["phone", "email"], bob: ["sms"], group: []}, is_shadow=True)

    story.fires("Disk full")
    story.passes(3600)
    story.recovers("Disk full")
    story.passes(3600)

    assert not Attempt.objects.exists()
    alert = story.alert()
    assert (alert.is_shadow, alert.state) == (True, "resolved")
    fired, recovered = alert.notifications.order_by("pk")
    assert sorted(fired.deliveries.values_list("recipient_name", "channel", "state", "reason")) == [
        ("Ann", "email", "skipped", "shadow"), ("Ann", "phone", "skipped", "shadow"),
        ("Ops", "dingtalk", "skipped", "shadow"),
    ]  # fmt: skip
    assert sorted(recovered.deliveries.values_list("recipient_name", "channel", "reason")) == [
        ("Ann", "email", "shadow"), ("Ann", "sms", "shadow"), ("Ops", "dingtalk", "shadow"),
    ]  # fmt: skip
    assert [(item["name"], item["reason"]) for item in alert.reasons] == [("Bob", "unverified_phone")]


def test_a_shadow_runs_beside_real_policies_and_counts_as_nobody(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({story.contact("Shadow"): ["email"]}, is_shadow=True, stops_here=True)
    story.fires("Disk full")
    story.passes(10)
    assert Event.objects.get().matched_policies == 0
    assert day_counts(story.now - timedelta(days=1), story.now).raised == 0

    story.policy({ann: ["email"]})
    story.passes(30)

    story.expect_mail(ann, "Disk full")
    assert sorted(Alert.objects.values_list("is_shadow", flat=True)) == [False, True]


def test_the_hours_and_the_recovery_decide_in_shadow_as_they_would_in_the_light(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, is_shadow=True, sending_window=HOURS)
    story.fires("Recovers in the night")
    story.fires("Fires on")
    story.passes(10)
    story.recovers("Recovers in the night")

    story.passes(timedelta(hours=14).total_seconds())

    reasons = sorted(Delivery.objects.values_list("reason", flat=True))
    assert reasons == ["firing_never_sent", "planned_anew", "recovered", "shadow"]
    told = Delivery.objects.get(reason="shadow")
    assert told.finished_at is not None
    assert told.finished_at >= story.alert().opened_at + timedelta(hours=12)
    assert not Attempt.objects.exists()


def test_a_shadow_that_is_enabled_tells_what_still_fires(story: Story) -> None:
    ann = story.contact("Ann")
    policy = story.policy({ann: ["email"]}, is_shadow=True)
    story.fires("Disk full")
    story.passes(60)

    enable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(60)

    story.expect_mail(ann, "Disk full")
    real, shadow = Alert.objects.order_by("is_shadow")
    assert (real.state, shadow.state) == ("pending", "resolved")
    assert Activity.objects.get(alert=shadow, kind="resolved").data == {"by": "shadow"}


def test_a_policy_that_goes_into_shadow_falls_silent_at_once_and_goes_on_counting(story: Story) -> None:
    ann = story.contact("Ann")
    policy = story.policy({ann: ["email"]})
    story.fires("Disk full", host="a")
    story.passes(60)
    story.expect_mail(ann)

    shadow_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.fires("Disk full", host="b")
    story.passes(60)

    assert [(item[0], item[2]) for item in would_go(story)] == [("Ann", ""), ("Ann", "shadow")]
    assert Alert.objects.get(is_shadow=True).memberships.count() == 2


def test_shadows_end_with_their_policy(story: Story) -> None:
    for act in (disable_policy, delete_policy):
        policy = story.policy({story.contact(): ["email"]}, is_shadow=True)
        story.fires(f"Disk full {act.__name__}")
        story.passes(10)

        act(by=ADMIN, now=story.now, policy_id=policy.pk)
        story.passes(10)

        assert not Alert.objects.filter(policy_id=policy.pk, resolved_at=None).exists()


def test_the_report_says_who_when_over_what_and_who_not(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", verified=False)
    policy = story.policy({ann: ["phone", "email"], bob: ["phone"]}, is_shadow=True, severity_limits={"phone": 2})
    begun = story.now
    story.fires("Disk full", severity="critical")
    story.passes(3600)
    story.fires("Link down", severity="warning")
    story.passes(10)

    report = shadow_report(policy.pk, begun)

    assert (report.alerts, report.alerts_unheard) == (2, 0)
    assert (report.messages, report.calls, report.people) == (3, 1, 1)
    assert [(item.name, item.channel, item.messages, item.alerts) for item in report.told] == [
        ("Ann", "email", 2, 2), ("Ann", "phone", 1, 1),
    ]  # fmt: skip
    assert report.told[0].first_at == begun + timedelta(seconds=5)
    assert [(item.name, item.channel, item.reason, item.count) for item in report.not_told] == [
        ("", "phone", "not_at_severity", 1), ("Bob", "phone", "unverified_phone", 1),
    ]  # fmt: skip
    assert [item.notification.alert.title for item in report.newest if item.notification] == [
        "Link down", "Disk full", "Disk full",
    ]  # fmt: skip
    assert shadow_report(policy.pk, story.now + timedelta(days=1)).told == []


def test_explain_knows_a_shadow(story: Story) -> None:
    story.policy({story.contact(): ["email"]}, is_shadow=True)

    found = explain({"alertname": "Disk full"}, story.now)

    assert [(item.is_match, item.is_shadow) for item in found.policies] == [(True, True)]
    assert not found.is_anybody_told


# applying the current policy


def test_open_alerts_keep_their_version_until_the_current_one_is_applied(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    policy = story.policy({ann: ["email"]}, name="Team")
    story.fires("Disk full", host="a")
    story.passes(60)
    story.expect_mail(ann)
    save_policy(by=ADMIN, now=story.now, policy_id=policy.pk, name="Team", targets=[(bob.pk, ["email"])])

    changed = apply_current_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(60)
    story.expect_silence()
    story.fires("Disk full", host="b")
    story.passes(60)

    story.expect_mail(bob, "2 are active now")
    assert changed == [story.alert().pk]
    applied = Activity.objects.get(kind="policy_applied")
    assert (applied.actor, applied.data) == ("Ada Admin", {"from": 1, "to": 2})
    assert "Ada Admin applied version 2 of the policy, instead of version 1" in [
        item.title for item in story.timeline()
    ]
    assert apply_current_policy(by=ADMIN, now=story.now, policy_id=policy.pk) == []


def test_an_alert_that_nobody_could_be_told_of_is_told_anew(story: Story) -> None:
    ann, bob = story.contact("Ann", verified=False), story.contact("Bob")
    policy = story.policy({ann: ["phone"]}, name="Team")
    story.fires("Disk full")
    story.passes(60)
    save_policy(by=ADMIN, now=story.now, policy_id=policy.pk, name="Team", targets=[(bob.pk, ["email"])])

    assert apply_policy_to_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(1)

    story.expect_mail(bob, "firing: 1 event")
    assert not apply_policy_to_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
