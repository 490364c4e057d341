"""What people do to an alert, and what follows for the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import (
    assign_alert,
    change_severity,
    claim_alert,
    mute_alert,
    reopen_alert,
    resolve_alert,
    unclaim_alert,
    unmute_alert,
)
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.services import delete_contacts, update_group
from tocsin.core.errors import ConflictError
from tocsin.delivery.models import Delivery
from tocsin.delivery.plan_rows import stopped_by_people
from tocsin.delivery.planning import plan_due
from tocsin.delivery.timeline import timeline
from tocsin.policies.rules import Condition, Operator
from tocsin.policies.rules.silencing import Effect
from tocsin.policies.services import StepInput, create_escalation
from tocsin.policies.services.silences import create_silence, delete_silence

MINUTE = 60
AFTERNOON = {"start": "13:00", "end": "18:00", "zone": "UTC", "outside": "hold"}


def test_who_an_alert_is_given_to_is_told_over_the_channels_that_the_policy_has_for_them(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["sms"], story.group(bob): ["email"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    story.expect_mail(bob)

    assign_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, contact_id=bob.pk)
    story.passes()

    story.expect_mail(bob, "Ada Admin gave it to you; 1 event is active")
    assert "Notification (assigned by Ada Admin): 1 message planned" in [entry.title for entry in story.timeline()]


def test_who_no_policy_names_is_told_by_text_and_mail_and_hears_of_the_recovery(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)

    assign_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, contact_id=bob.pk)
    story.passes()
    story.expect_text(bob, "gave it to you")
    story.expect_mail(bob, "gave it to you")
    story.recovers("Disk full")
    story.passes(MINUTE)

    story.expect_text(ann, "recovered")
    story.expect_text(bob, "recovered")
    story.expect_mail(bob, "recovered")


def test_giving_it_away_ends_a_claim_and_escalation_goes_on_until_the_new_one_claims(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    chosen = create_escalation(
        by=ADMIN, now=story.now, name="Nights", steps=[StepInput(targets=[(cho.pk, ["sms"])])], rounds=0
    )
    story.policy({ann: ["sms"]}, escalation_id=chosen.pk)
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    assign_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, contact_id=bob.pk)
    story.passes(10 * MINUTE)

    story.expect_text(bob, "gave it to you")
    story.expect_mail(bob)
    story.expect_text(cho, "nobody has claimed it for 10 minutes")


def test_who_it_was_given_to_while_nothing_went_out_is_told_when_it_is_opened_again(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", email=None)
    story.policy({ann: ["sms"]}, group_wait=0)
    story.fires("Disk full")
    story.passes()
    story.expect_text(ann)
    alert_id = story.alert().pk
    mute_alert(by=ADMIN, now=story.now, alert_id=alert_id, lasts=timedelta(hours=1))
    assign_alert(by=ADMIN, now=story.now, alert_id=alert_id, contact_id=bob.pk)
    resolve_alert(by=ADMIN, now=story.now, alert_id=alert_id)
    story.passes(MINUTE)
    story.expect_silence()

    reopen_alert(by=ADMIN, now=story.now, alert_id=alert_id)
    story.passes(MINUTE)

    story.expect_text(bob, "Ada Admin")


def test_a_deleted_assignee_is_not_told_and_holds_nothing_up(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    assign_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, contact_id=bob.pk)
    delete_contacts(by=ADMIN, now=story.now, ids=[bob.pk])

    story.passes()
    story.recovers("Disk full")
    story.passes(MINUTE)

    story.expect_text(ann, "recovered")


def test_a_changed_severity_is_what_messages_say_and_events_change_it_no_more(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full", instance="db1")
    story.passes(5)
    story.expect_text(ann, "[P6]")

    change_severity(by=ADMIN, now=story.now, alert_id=story.alert().pk, severity=2)
    story.fires("Disk full", instance="db2", severity="critical")
    story.passes(MINUTE)

    story.expect_text(ann, "[P2]")
    assert "Ada Admin changed the severity from P6 to P2" in [entry.title for entry in story.timeline()]


def test_a_message_planned_before_the_mute_is_not_sent_and_the_timeline_says_why(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    call = story.expect_call(ann)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=1))

    call.ring_out()
    story.passes(MINUTE)

    assert story.delivery(ann, "sms").reason == "muted"


def test_who_was_told_of_an_alert_that_recovers_while_muted_hears_it_once_when_the_mute_ends(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=1))

    story.recovers("Disk full")
    story.passes(59 * MINUTE)
    story.expect_silence()
    alert = Alert.objects.get()
    assert (alert.state, alert.resolved_at) == ("resolved", alert.opened_at + timedelta(seconds=35))
    story.passes(2 * MINUTE)

    story.expect_text(ann, "recovered")
    alert.refresh_from_db()
    assert (alert.due_at, alert.muted_until) == (None, None)
    story.passes(2 * 60 * MINUTE)  # and nothing more


def test_what_fires_anew_while_the_mute_of_its_last_alert_lasts_is_not_called_over(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=1))
    story.recovers("Disk full")
    story.passes(10 * MINUTE)

    story.fires("Disk full")
    story.passes(MINUTE)
    story.expect_text(ann, "firing")
    story.passes(2 * 60 * MINUTE)

    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == ["resolved", "pending"]


def test_what_was_resolved_by_hand_while_muted_is_told_to_nobody_later(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=1))

    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.recovers("Disk full")
    story.passes(2 * 60 * MINUTE)


def test_what_was_resolved_too_early_is_opened_again_unless_it_is_over(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    alert = story.alert()
    resolve_alert(by=ADMIN, now=story.now, alert_id=alert.pk)

    reopen_alert(by=ADMIN, now=story.now, alert_id=alert.pk)

    assert story.alert().state == "pending"
    assert "Ada Admin opened it again" in [entry.title for entry in story.timeline()]
    resolve_alert(by=ADMIN, now=story.now, alert_id=alert.pk)
    story.recovers("Disk full")
    with pytest.raises(ConflictError, match="All its events have recovered"):
        reopen_alert(by=ADMIN, now=story.now, alert_id=alert.pk)


def test_while_every_event_is_silenced_the_escalation_stands_still(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    chosen = create_escalation(
        by=ADMIN, now=story.now, name="Nights", steps=[StepInput(targets=[(bob.pk, ["sms"])])], rounds=0
    )
    story.policy({ann: ["sms"]}, escalation_id=chosen.pk)
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    story.passes(4 * MINUTE)
    silence = create_silence(
        by=ADMIN, now=story.now, name="Work", rules=[[Condition("alertname", Operator.EQ, "Disk full")]],
        effect=Effect.ALWAYS,
    )  # fmt: skip
    story.passes(60 * MINUTE)
    story.expect_silence()

    delete_silence(by=ADMIN, now=story.now, silence_id=silence.pk)
    story.passes(5 * MINUTE)
    story.passes(2 * MINUTE)

    told = [message.split(" (")[0] for message in story._all_out()]
    assert told.count("Text message to Bob") == 1
    story.expect_text(bob, "nobody has claimed it for 10 minutes")
    story.expected.update(story._out().filter(delivery__recipient_id=ann.pk).values_list("pk", flat=True))


def test_the_timeline_counts_one_message_and_several_in_words(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["sms"]}, name="One")
    story.policy({bob: ["sms", "email"]}, name="Two")
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    story.expect_text(bob)
    story.expect_mail(bob)

    titles = {entry.title for alert in Alert.objects.all() for entry in timeline(alert.pk)}

    assert {"Notification (fired): 1 message planned", "Notification (fired): 2 messages planned"} <= titles


def test_a_message_that_falls_due_during_a_mute_goes_out_when_the_mute_ends(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, sending_window=AFTERNOON)
    story.fires("Disk full")
    story.passes(55 * MINUTE)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(minutes=15))

    story.passes(14 * MINUTE)
    waiting = story.delivery(ann, "sms")
    story.expect_silence()
    story.passes(2 * MINUTE)

    assert (waiting.state, waiting.reason) == ("planned", "muted")
    story.expect_text(ann)


def test_a_message_that_waits_for_a_mute_goes_out_once_it_is_lifted(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, sending_window=AFTERNOON)
    story.fires("Disk full")
    story.passes(55 * MINUTE)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=4))
    story.passes(10 * MINUTE)

    unmute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(10)

    story.expect_text(ann)


def test_what_waited_for_the_end_of_a_mute_is_told_to_those_whom_it_concerns_then(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-22", handover_time="14:00", tells_by=[])
    story.policy({rota: ["sms"]}, sending_window=AFTERNOON)
    story.fires("Disk full", host="db1")
    story.passes(55 * MINUTE)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=2))
    story.fires("Disk full", host="db2")
    story.passes(119 * MINUTE)
    story.expect_silence()
    waited = story.delivery(ann, "sms")
    assert (waited.state, waited.reason) == ("planned", "muted")

    story.passes(MINUTE)

    story.expect_text(bob, "firing: 2 events")
    waited.refresh_from_db()
    assert (waited.state, waited.reason) == ("skipped", "planned_anew")
    assert "The mute is over: what waited is planned again" in [entry.title for entry in story.timeline()]


def test_who_had_the_message_before_the_mute_does_not_get_it_again_when_the_others_do(story: Story) -> None:
    """A limit let one text go and held the other until the alert was muted."""
    ann, bob, eve = story.contact("Ann"), story.contact("Bob"), story.contact("Eve")
    team = story.group(ann, bob)
    story.policy({team: ["sms"]})
    ProviderAccount.objects.filter(provider="outbox_sms").update(limit_count=1, limit_seconds=600)
    story.fires("Disk full")
    story.passes(5)
    first, second = (ann, bob) if story.delivery(ann, "sms").state == "accepted" else (bob, ann)
    story.expect_text(first)
    assert story.delivery(second, "sms").state == "held"

    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=1))
    story.passes(30 * MINUTE)
    assert story.delivery(second, "sms").reason == "muted"
    update_group(by=ADMIN, now=story.now, group_id=team.pk, version=None, contact_ids=[first.pk, eve.pk])
    story.passes(30 * MINUTE)

    story.expect_text(eve, "firing: 1 event")
    assert story.delivery(second, "sms").reason == "planned_anew"
    story.passes(60 * MINUTE)  # and nobody else hears of it


@pytest.mark.parametrize("lapses", [True, False], ids=["it lapses", "it is given back"])
def test_a_message_that_a_claim_stopped_is_made_up_for_when_the_claim_ends(story: Story, lapses: bool) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, sending_window=AFTERNOON)
    story.fires("Disk full")
    story.passes(55 * MINUTE)
    lasts = timedelta(minutes=10) if lapses else None
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lapses_after=lasts)
    story.passes(9 * MINUTE)
    story.expect_silence()

    if not lapses:
        unclaim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(2 * MINUTE)

    story.expect_text(ann)


def test_a_message_that_a_claim_stopped_is_made_up_for_when_the_claim_lapsed_during_a_mute(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_wait=30)
    story.fires("Disk full")
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lapses_after=timedelta(minutes=10))
    story.passes(MINUTE)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(minutes=30))
    story.passes(30 * MINUTE - 1)
    assert story.alert().state == "pending"
    story.expect_silence()

    story.passes(1)

    story.expect_text(ann)
    assert story.alert().asked == {}


def test_who_a_step_would_have_told_but_for_a_claim_is_told_when_it_ends_also_where_there_is_other_news(
    story: Story,
) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    step = StepInput(targets=[(ann.pk, ["sms"]), (bob.pk, ["sms"])], after_minutes=10)
    ladder = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=[step], rounds=0)
    story.policy({ann: ["sms"]}, group_wait=0, group_interval=300, escalation_id=ladder.pk)
    story.fires("Disk full")
    story.passes(10 * MINUTE - 1)
    story.expect_text(ann)
    plan_due(story.now + timedelta(seconds=1))
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(MINUTE)
    assert story.delivery(bob, "sms").reason == "claimed"

    story.fires("Disk full", instance="db2")
    unclaim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(MINUTE)

    story.expect_text(ann, "more events")
    story.expect_text(bob, "firing: 2 events")


def test_only_who_heard_nothing_because_of_a_claim_is_told_when_it_ends(story: Story) -> None:
    ann, bob, gone = story.contact("Ann"), story.contact("Bob"), story.contact("Gone")
    story.policy({ann: ["sms"], bob: ["phone", "sms"], gone: ["phone"]})
    story.fires("Disk full")
    plan_due(story.now + timedelta(seconds=5))
    Delivery.objects.exclude(recipient_id=ann.pk).update(next_at=story.now + timedelta(seconds=30))  # held by limits
    story.passes(10)
    story.expect_text(ann)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lapses_after=timedelta(minutes=10))
    story.passes(9 * MINUTE)
    assert set(Delivery.objects.exclude(recipient_id=ann.pk).values_list("reason", flat=True)) == {"claimed"}
    delete_contacts(by=ADMIN, now=story.now, ids=[gone.pk])

    story.passes(MINUTE + 5)

    story.expect_call(bob, "Disk full").answer()
    story.expect_text(bob, "Disk full")
    assert [entry.title for entry in story.timeline() if entry.kind == "notified"] == [
        "Notification (fired): 4 messages planned",
        "Notification (fired): 2 messages planned",
    ]
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    unclaim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(MINUTE)  # everybody has heard


def test_what_was_told_before_a_claim_is_not_told_again_when_it_ends(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(MINUTE)

    unclaim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(MINUTE)

    story.expect_silence()


def test_who_heard_nothing_because_one_message_failed_and_a_claim_stopped_the_other_is_among_those_to_tell(
    story: Story,
) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms", "email"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_many(2)
    first, second = Delivery.objects.order_by("pk")

    Delivery.objects.filter(pk=first.pk).update(state="failed", reason="undelivered")
    Delivery.objects.filter(pk=second.pk).update(state="skipped", reason="claimed")

    assert stopped_by_people([story.alert().pk]) == {story.alert().pk: frozenset({ann.pk})}


def test_who_heard_nothing_because_of_a_claim_is_told_when_it_is_given_away_and_the_new_one_only_of_that(
    story: Story,
) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    story.policy({ann: ["sms"], bob: ["sms"], cho: ["sms"]})
    story.fires("Disk full")
    plan_due(story.now + timedelta(seconds=5))
    Delivery.objects.exclude(recipient_id=cho.pk).update(next_at=story.now + timedelta(seconds=30))  # held by limits
    story.passes(10)
    story.expect_text(cho)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(MINUTE)
    story.expect_silence()

    assign_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, contact_id=bob.pk)
    story.passes(MINUTE)

    story.expect_text(ann, "firing")
    story.expect_text(bob, "gave it to you")
