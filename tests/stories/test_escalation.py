"""What follows when nobody reacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import (
    claim_alert,
    escalate_alert,
    mute_alert,
    reopen_alert,
    resolve_alert,
    save_escalation,
    unclaim_alert,
    unmute_alert,
)
from tocsin.channels.base import Receipt, ReceiptStatus
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.core.errors import ConflictError, InvalidInputError
from tocsin.core.ids import to_base36
from tocsin.delivery.keys import act_on_keys
from tocsin.delivery.pipeline import rematch
from tocsin.delivery.services import record_receipts
from tocsin.delivery.worker import run_due
from tocsin.policies.models import EscalationPolicy
from tocsin.policies.services import (
    StepInput,
    create_escalation,
    delete_escalation,
    delete_policy,
    disable_policy,
    enable_policy,
    save_policy,
)
from tocsin.policies.services.silences import create_silence, end_silence

MINUTE = 60


def step(targets: Mapping[Contact, Sequence[str]], after: int, **more: Any) -> StepInput:
    return StepInput(
        after_minutes=after, targets=[(item.pk, list(channels)) for item, channels in targets.items()], **more
    )


def escalation(story: Story, *steps: StepInput, rounds: int = 0, **more: Any) -> EscalationPolicy:
    name = f"Escalation {EscalationPolicy.objects.count()}"
    return create_escalation(by=ADMIN, now=story.now, name=name, steps=steps, rounds=rounds, **more)


def fires(story: Story, ann: Contact, *steps: StepInput, **more: Any) -> EscalationPolicy:
    """Ann is told that the disk is full, and then nobody does anything."""
    chosen = escalation(story, *steps, **more)
    story.policy({ann: ["sms"]}, escalation_id=chosen.pk)
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann, "firing: 1 event")
    return chosen


def test_who_is_next_hears_of_it_when_nobody_has_claimed_it(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    fires(story, ann, step({bob: ["sms"]}, 10), step({cho: ["phone"]}, 30))

    story.passes(10 * MINUTE - 1)
    story.expect_silence()
    story.passes(1)
    story.expect_text(bob, "nobody has claimed it for 10 minutes; 1 event is active")
    story.passes(20 * MINUTE)
    story.expect_call(cho, "nobody has claimed it for 30 minutes").answer()

    titles = [entry.title for entry in story.timeline()]
    assert "Notification (step 1, nobody has claimed it for 10 minutes): 1 message planned" in titles


def test_a_claim_stops_it_and_what_waits_for_the_resolution_goes_on(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    fires(story, ann, step({bob: ["sms"]}, 10), step({cho: ["sms"]}, 60, until="resolved"))

    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(60 * MINUTE)
    story.expect_text(cho, "not resolved for 60 minutes")

    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(2 * 60 * MINUTE)
    story.expect_silence()


def test_a_claim_given_back_lets_it_go_on_where_it_stopped(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    story.passes(4 * MINUTE)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(60 * MINUTE)

    unclaim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    story.passes(6 * MINUTE - 1)
    story.expect_silence()
    story.passes(1)
    story.expect_text(bob, "nobody has claimed it for 10 minutes")


def test_a_claim_lapses_and_it_goes_on(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10), claim_minutes=30)

    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(30 * MINUTE)

    assert story.alert().state == "pending"
    assert "The claim of Ada Admin lapsed" in [entry.title for entry in story.timeline()]
    story.passes(10 * MINUTE)
    story.expect_text(bob)


def test_a_worker_dead_for_two_hours_takes_each_missed_step_once_in_order_and_says_how_late(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    fires(story, ann, step({bob: ["sms"]}, 10, repetitions=9, every_minutes=5), step({cho: ["sms"]}, 30), rounds=9)
    story.passes(12 * MINUTE)
    story.expect_text(bob, "nobody has claimed it for 10 minutes; ")

    story.now += timedelta(hours=2)
    run_due(story.now)

    story.expect_text(bob, "this should have been told 117 minutes ago")
    story.expect_text(cho, "this should have been told 102 minutes ago")
    story.expect_silence()
    steps = [entry.title[:20] for entry in story.timeline() if "step" in entry.title]
    assert steps == ["Notification (step 1", "Notification (step 1", "Notification (step 2"]

    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(3 * 60 * MINUTE)


def test_who_was_told_by_a_step_hears_that_it_is_over_and_others_do_not(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    fires(story, ann, step({bob: ["sms"]}, 10), step({cho: ["sms"]}, 30))
    story.passes(10 * MINUTE)
    story.expect_text(bob)

    story.recovers("Disk full")
    story.passes(MINUTE)

    story.expect_text(ann, "recovered")
    story.expect_text(bob, "recovered")


def test_a_disabled_policy_escalates_nothing_and_an_enabled_one_goes_on(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    policy = story.alert().policy
    disable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(30 * MINUTE)
    story.expect_silence()

    enable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(MINUTE)

    story.expect_text(bob, "nobody has claimed it")


def test_a_deleted_policy_escalates_nothing(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))

    delete_policy(by=ADMIN, now=story.now, policy_id=story.alert().policy_id)

    story.passes(60 * MINUTE)
    story.expect_silence()


def test_an_alert_keeps_the_escalation_of_the_policy_version_it_began_with(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    fires(story, ann, step({bob: ["sms"]}, 10))
    policy = story.alert().policy
    other = escalation(story, step({cho: ["sms"]}, 5))

    save_policy(by=ADMIN, now=story.now, policy_id=policy.pk, name=policy.name, targets=[(ann.pk, ["sms"])],
                escalation_id=other.pk)  # fmt: skip

    story.passes(10 * MINUTE)
    story.expect_text(bob)


def test_an_edited_escalation_acts_at_once_and_tells_no_step_twice(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    chosen = fires(story, ann, step({bob: ["sms"]}, 10), step({cho: ["sms"]}, 60))
    story.passes(12 * MINUTE)
    story.expect_text(bob)

    save_escalation(
        by=ADMIN, now=story.now, escalation_id=chosen.pk, name="Sooner", rounds=0,
        steps=[step({bob: ["sms"]}, 9), step({cho: ["sms"]}, 20)],
    )  # fmt: skip
    story.passes(8 * MINUTE)

    story.expect_text(cho, "nobody has claimed it for 20 minutes")


def test_a_deleted_escalation_ends_and_one_in_use_is_kept(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    chosen = fires(story, ann, step({bob: ["sms"]}, 10))
    policy = story.alert().policy

    with pytest.raises(ConflictError, match=policy.name):
        delete_escalation(by=ADMIN, now=story.now, escalation_id=chosen.pk)

    save_policy(by=ADMIN, now=story.now, policy_id=policy.pk, name=policy.name, targets=[(ann.pk, ["sms"])])
    delete_escalation(by=ADMIN, now=story.now, escalation_id=chosen.pk)
    story.passes(60 * MINUTE)
    story.expect_silence()


def test_somebody_on_the_phone_presses_3_and_the_next_step_is_taken_at_once(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    chosen = escalation(story, step({bob: ["sms"]}, 10), step({cho: ["sms"]}, 30))
    story.policy({ann: ["phone"]}, escalation_id=chosen.pk)
    story.fires("Disk full")
    story.passes(5)

    story.expect_call(ann).press("3")
    story.passes()

    story.expect_text(bob, "Ann asks for help")
    story.passes(30 * MINUTE)
    story.expect_text(cho, "nobody has claimed it for 30 minutes")
    titles = [entry.title for entry in story.timeline()]
    assert "Ann wants the next step of the escalation, by pressing a key" in titles


def test_who_claimed_it_can_ask_for_help_until_every_step_was_taken(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    alert = story.alert()
    claim_alert(by=ADMIN, now=story.now, alert_id=alert.pk)

    escalate_alert(by=ADMIN, now=story.now, alert_id=alert.pk)
    story.passes()

    story.expect_text(bob, "Ada Admin asks for help")
    with pytest.raises(ConflictError, match="Every step"):
        escalate_alert(by=ADMIN, now=story.now, alert_id=alert.pk)


def test_who_asks_for_the_next_step_takes_every_step_of_its_moment(story: Story) -> None:
    ann, bob, cid = story.contact("Ann"), story.contact("Bob"), story.contact("Cid")
    fires(story, ann, step({bob: ["sms"]}, 10), step({cid: ["sms"]}, 10))

    escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(60)

    story.expect_text(bob)
    story.expect_text(cid)


def test_who_asks_for_a_repetition_takes_the_step_of_the_same_moment_too(story: Story) -> None:
    ann, bob, cid = story.contact("Ann"), story.contact("Bob"), story.contact("Cid")
    fires(story, ann, step({bob: ["sms"]}, 10, repetitions=1, every_minutes=10), step({cid: ["sms"]}, 20))
    for _ in range(2):
        escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
        story.passes(60)
        story.expect_text(bob)

    story.expect_text(cid)


def test_a_step_that_fell_due_before_a_silence_began_is_told_when_it_ends(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    story.now += timedelta(minutes=12)  # no worker meanwhile
    rules = [[{"key": "alertname", "operator": "eq", "value": "Disk full"}]]
    ends_at = story.now + timedelta(minutes=5)
    create_silence(by=ADMIN, now=story.now, name="Works", rules=rules, effect="period", ends_at=ends_at)
    rematch(story.now)
    story.passes(4 * MINUTE)
    story.expect_silence()

    story.passes(2 * MINUTE)

    story.expect_text(ann)
    story.expect_text(bob)


def test_who_asks_for_a_step_while_everything_is_silenced_gets_it_when_the_silence_ends(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    rules = [[{"key": "alertname", "operator": "eq", "value": "Disk full"}]]
    silence = create_silence(by=ADMIN, now=story.now, name="Works", rules=rules)
    story.passes(60)
    escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(60)
    story.expect_silence()

    end_silence(by=ADMIN, now=story.now, silence_id=silence.pk)
    story.passes(35)

    story.expect_text(ann)
    story.expect_text(bob)


def test_of_a_muted_alert_nothing_goes_out_and_the_mute_lapses_by_itself(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=1))
    story.fires("Disk full", instance="db2")
    story.passes(60 * MINUTE - 1)
    story.expect_silence()

    story.passes(1)
    story.expect_text(ann, "more events: 2 are active now")
    story.passes(10 * MINUTE)
    story.expect_text(bob)
    assert Alert.objects.get().muted_until is None


def test_a_mute_can_be_ended(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=5))
    story.passes(MINUTE)

    unmute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    story.passes(10 * MINUTE)
    story.expect_text(bob)


def test_repeat_or_escalate_not_both(story: Story) -> None:
    ann = story.contact("Ann")
    chosen = escalation(story, step({ann: ["sms"]}, 10))

    with pytest.raises(InvalidInputError, match="one of the two"):
        story.policy({ann: ["sms"]}, escalation_id=chosen.pk, repeat_every=timedelta(minutes=5))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"after_minutes": 91}, "1 to 90 minutes"),
        ({"after_minutes": 0}, "1 to 90 minutes"),
        ({"repetitions": 10}, "0 to 9 repetitions"),
        ({"until": "tomorrow"}, "what the step waits for"),
        ({"targets": ()}, "Name somebody"),
        ({"targets": [(0, ["sms"])]}, "no notification object"),
    ],
)
def test_a_step_that_cannot_be_is_refused_with_its_number(story: Story, changes: dict[str, Any], problem: str) -> None:
    ann = story.contact("Ann")
    good = {"after_minutes": 10, "targets": [(ann.pk, ["sms"])]}

    with pytest.raises(InvalidInputError, match=f"Step 2: .*{problem}"):
        escalation(story, StepInput(**good), StepInput(**{**good, **changes}))  # type: ignore[arg-type]


def test_who_pressed_1_too_late_is_told_who_has_it(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    call = story.expect_call(ann)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    call.press("1")
    story.passes()

    story.expect_text(ann, "Disk full: Ada Admin claimed this alert already.")


def calls(story: Story, *people: Contact) -> tuple[Contact, Contact]:
    """These are called about a full disk; Bob is told by the first step, Cho by the second."""
    bob, cho = story.contact("Bob"), story.contact("Cho")
    chosen = escalation(story, step({bob: ["sms"]}, 10), step({cho: ["sms"]}, 30))
    story.policy({person: ["phone"] for person in people}, escalation_id=chosen.pk)
    story.fires("Disk full")
    story.passes(5)
    return bob, cho


def test_two_who_press_3_take_one_step_and_the_second_is_told_so(story: Story) -> None:
    ann, dan = story.contact("Ann"), story.contact("Dan")
    bob, _cho = calls(story, ann, dan)

    story.expect_call(ann).press("3")
    story.passes()
    story.expect_text(bob, "Ann asks for help")
    story.expect_call(dan).press("3")
    story.passes(10)

    story.expect_text(dan, "Disk full: That step was taken already; look at the alert")
    assert [entry.title for entry in story.timeline() if "wants the next step" in entry.title] == [
        "Ann wants the next step of the escalation, by pressing a key"
    ]


def test_a_second_call_about_the_same_message_takes_no_further_step(story: Story) -> None:
    ann, dan = story.contact("Ann", fallback=Fallback.CALL), story.contact("Dan")
    bob, _cho = calls(story, ann, dan)
    story.expect_call(ann).refuse()
    story.expect_call(dan).press("3")
    story.passes(65)
    story.expect_text(bob, "Dan asks for help")

    call = story.expect_call(ann).press("3")
    story.passes()
    story.expect_text(ann, "Disk full: That step was taken already; look at the alert")
    call.press("3")
    story.passes()

    assert story.alert().escalated_count == 1


def test_of_two_keys_that_one_push_brings_the_first_counts_and_who_pressed_the_other_is_told(story: Story) -> None:
    ann, dan = story.contact("Ann"), story.contact("Dan")
    bob, _cho = calls(story, ann, dan)
    pressed = [story.expect_call(person).delivery for person in (dan, ann)]
    receipts = [Receipt(ReceiptStatus.KEY_PRESSED, to_base36(call.pk), key="3") for call in pressed]
    account = pressed[0].account
    assert account is not None

    record_receipts(account=account, receipts=receipts, now=story.now)
    story.passes()

    [asked] = [entry.title for entry in story.timeline() if "wants the next step" in entry.title]
    story.expect_text(bob, "asks for help")
    story.expect_text(dan if asked.startswith("Ann") else ann, "has asked for the next step already.")


def test_who_presses_3_before_the_step_of_another_is_taken_is_told_who_asked(story: Story) -> None:
    ann, dan = story.contact("Ann"), story.contact("Dan")
    bob, _cho = calls(story, ann, dan)
    escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    story.expect_call(ann)
    with pytest.raises(ConflictError, match=r"Ada Admin has asked for the next step already\."):
        escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    act_on_keys([(story.expect_call(dan).delivery, "3")], story.now)
    story.passes()

    story.expect_text(dan, "Disk full: Ada Admin has asked for the next step already.")
    story.expect_text(bob)


def test_a_key_pressed_in_a_call_of_a_later_step_takes_the_one_after_it(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    chosen = escalation(story, step({bob: ["phone"]}, 10), step({cho: ["sms"]}, 60))
    story.policy({ann: ["phone"]}, escalation_id=chosen.pk)
    story.fires("Disk full")
    story.passes(5)
    story.expect_call(ann).answer()
    story.passes(10 * MINUTE)

    story.expect_call(bob).press("3")
    story.passes()

    story.expect_text(cho, "Bob asks for help")


def test_what_was_asked_for_before_it_opened_again_takes_no_step_of_the_new_escalation(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, seen=0)
    story.passes()
    story.expect_text(bob)
    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    reopen_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes()

    with pytest.raises(ConflictError, match="taken already"):
        escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, seen=0)
    story.passes()
    story.expect_silence()


def test_by_day_and_by_night_different_people_are_told_and_the_timeline_says_who_was_passed_over(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    day = step({bob: ["sms"]}, 10, begins=time(8), ends=time(20), time_zone="UTC")
    night = step({cho: ["sms"]}, 10, begins=time(20), ends=time(8), time_zone="UTC")
    fires(story, ann, day, night)
    story.passes(10 * MINUTE)
    story.expect_text(bob)
    assert [entry.title for entry in story.timeline() if entry.kind == "passed_over"] == [
        "Step 2 of the escalation was passed over: it is outside its notification period"
    ]
    story.recovers("Disk full")
    story.passes(MINUTE)
    story.expect_text(ann, "recovered")
    story.expect_text(bob, "recovered")
    story.now += timedelta(hours=10)  # past ten in the evening

    story.fires("Disk full")
    story.passes(10 * MINUTE + 5)

    story.expect_text(ann, "firing")
    story.expect_text(cho, "nobody has claimed it")


def test_what_follows_the_call_of_a_step_keeps_to_its_notification_period(story: Story) -> None:
    """The call is made in the last minute of the day and rings out in the first of the night."""
    ann, bob = story.contact("Ann"), story.contact("Bob", fallback=Fallback.SMS)
    chosen = escalation(story, step({bob: ["phone"]}, 10, begins=time(8), ends=time(12, 11), time_zone="UTC"))
    story.policy({ann: ["sms"]}, escalation_id=chosen.pk, group_wait=45)
    story.fires("Disk full")
    story.passes(10 * MINUTE + 45)
    story.expect_text(ann)
    call = story.expect_call(bob)
    story.passes(20)

    call.ring_out()
    story.passes(10 * MINUTE)

    text = story.delivery(bob, "sms")
    assert (text.state, text.reason) == ("planned", "outside_window")
    assert text.next_at == datetime(2026, 11, 24, 8, tzinfo=UTC)
    story.passes(20 * 60 * MINUTE)
    story.expect_text(bob, "Disk full")


def test_a_step_that_somebody_asks_for_goes_out_at_any_time(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10, begins=time(20), ends=time(8), time_zone="UTC"))

    escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(MINUTE)

    story.expect_text(bob, "Disk full")


def test_a_claim_that_lapses_while_everything_is_silenced_lets_it_go_on_when_the_silence_ends(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    fires(story, ann, step({bob: ["sms"]}, 10))
    story.passes(5 * MINUTE)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lapses_after=timedelta(minutes=10))
    rules = [[{"key": "alertname", "operator": "eq", "value": "Disk full"}]]
    until = story.now + timedelta(minutes=30)
    create_silence(by=ADMIN, now=story.now, name="Works", rules=rules, effect="period", ends_at=until)
    story.passes(30 * MINUTE)
    story.expect_text(ann, "more events: 1 is active now")
    assert "The claim of Ada Admin lapsed" in [entry.title for entry in story.timeline()]

    story.passes(5 * MINUTE - 1)
    story.expect_silence()
    story.passes(1)

    story.expect_text(bob, "nobody has claimed it for 10 minutes")
