"""What a draft would have told of what really fired, and that a replay of the policies in force says what they did."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.services import claim_alert
from tocsin.channels.kinds import Channel
from tocsin.cli.replay import show
from tocsin.contacts.rules import Fallback
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.models import Delivery
from tocsin.delivery.replaying import replay_period
from tocsin.policies.drafts import parse_drafts
from tocsin.policies.services import StepInput, create_escalation, delete_policy
from tocsin.policies.services.inhibitions import create_inhibition
from tocsin.policies.services.silences import create_silence


def sent(channel: str) -> int:
    """What went out, one for each message that a person got."""
    return Delivery.objects.filter(purpose="alert", channel=channel, attempt_count__gt=0).count()


def equal(key: str, value: str) -> list[list[dict[str, str]]]:
    return [[{"key": key, "operator": "eq", "value": value}]]


def test_a_replay_of_the_policies_in_force_says_what_they_did(story: Story) -> None:
    ann, lead = story.contact("Ann"), story.contact("Lead")
    begin = story.now
    step = StepInput(after_minutes=10, targets=[(lead.pk, ["sms"])], repetitions=1)
    ladder = create_escalation(by=ADMIN, now=story.now, name="Ladder", steps=[step])
    story.policy({ann: ["email"]}, escalation_id=ladder.pk)
    story.fires("Disk full", instance="db1")
    story.passes(20)
    story.fires("Disk full", instance="db2")
    story.passes(1500)
    story.recovers("Disk full", instance="db1")
    story.recovers("Disk full", instance="db2")
    story.passes(60)
    story.fires("Load high")
    story.passes(60)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(1500)
    told = (sent("email"), sent("sms"))
    story.expect_many(sum(told))

    found = replay_period(begin, story.now).current

    assert (found.messages[Channel.EMAIL], found.messages[Channel.SMS]) == told
    assert found.alerts == 2
    assert (found.unreached, found.unmatched) == ((), 0)


def test_a_draft_is_counted_beside_what_is_in_force(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", verified=False)
    story.policy({ann: ["sms"]}, repeat_every=None)
    for name in ("Disk full", "Load high", "Late"):
        story.fires(name, severity="critical" if name == "Disk full" else "warning")
    story.passes(60)
    story.expect_many(3)
    draft = tmp_path / "draft.yaml"
    draft.write_text(
        "policies:\n"
        "  - name: Critical\n    rules: [{severity: critical}]\n    tells: {Ann: [sms, phone]}\n    stops_here: true\n"
        "  - name: Late ones\n    rules: [{alertname: Late}]\n    tells: {Bob: [phone]}\n"
    )

    with time_machine.travel(story.now, tick=False):
        show(draft, since="1h")

    said = capsys.readouterr().out
    assert "3 times an event fired" in said
    assert "1 text instead of 3" in said
    assert "1 call instead of 0" in said
    assert "2 alerts instead of 3; 1 alert reaches nobody; no policy takes 1 of the firings." in said
    assert "reaches nobody: Late ones: alertname=Late" in said
    assert bob.phone is not None
    assert Delivery.objects.count() == 3


def test_what_was_silenced_or_inhibited_is_told_in_no_replay(story: Story) -> None:
    ann = story.contact("Ann")
    begin = story.now
    story.policy({ann: ["email"]}, repeat_every=timedelta(minutes=30), group_by=["alertname", "host"])
    create_silence(by=ADMIN, now=story.now, name="Work", rules=equal("host", "db1"), effect="period",
                   starts_at=story.now + timedelta(minutes=5), ends_at=story.now + timedelta(hours=2))  # fmt: skip
    create_inhibition(by=ADMIN, now=story.now, name="Dead", source_rules=equal("alertname", "Node down"),
                      target_rules=equal("alertname", "Service down"), equal=["host"])  # fmt: skip
    story.fires("Disk full", host="db1")  # told, then silenced for two hours, then told again
    story.passes(600)
    story.fires("Load high", host="db1")  # never loud
    story.fires("Node down", host="web")
    story.fires("Service down", host="web")  # quiet until the node is back
    story.passes(3000)
    story.recovers("Load high", host="db1")
    story.recovers("Node down", host="web")
    story.passes(600)
    story.recovers("Service down", host="web")
    story.passes(9000)
    told = sent("email")
    story.expect_many(told)

    found = replay_period(begin, story.now)

    assert found.current.messages == {Channel.EMAIL: told}
    assert (found.firings, found.silenced, found.current.alerts) == (4, 1, 3)


def test_calls_that_nobody_takes_are_followed_and_alerts_of_a_moment_are_one_call(story: Story) -> None:
    ann = story.contact("Ann", fallback=Fallback.SMS)
    bob = story.contact("Bob", fallback=Fallback.CALL)
    begin = story.now
    story.policy({ann: ["phone"], bob: ["phone"]}, repeat_every=None, group_by=["alertname"])
    for name in ("Disk full", "Load high", "Late"):
        story.fires(name)
    story.passes(600)
    for name in ("Disk full", "Load high", "Late"):
        story.recovers(name)
    story.passes(600)
    story.fires("Disk full")
    story.passes(600)
    told = (sent("phone"), sent("sms"))
    story.expect_many(sum(told))

    found = replay_period(begin, story.now)

    assert (found.calls.made, found.calls.failed) == (6, 6)
    assert (found.current.messages[Channel.PHONE], found.current.messages[Channel.SMS]) == told
    assert told == (6, 5)  # Bob never heard that anything fires, and so not that it is over
    assert found.current.planned == {Channel.PHONE: 8, Channel.SMS: 6}
    assert found.current.follow_ups == {Channel.PHONE: 2, Channel.SMS: 2}


def test_a_replay_keeps_to_the_caps_of_a_person_and_to_the_hours_of_a_policy(story: Story, settings: Any) -> None:
    settings.TEXTS_PER_HOUR = 3
    ann, bob = story.contact("Ann"), story.contact("Bob")
    begin = story.now
    story.policy({ann: ["sms"]}, repeat_every=None, group_by=["alertname"])
    hours = {"start": "13:00", "end": "18:00", "zone": "UTC", "outside": "hold"}
    story.policy({bob: ["email"]}, repeat_every=None, group_by=["alertname"], sending_window=hours)
    for number in range(6):
        story.fires(f"Full {number}", severity="warning")
        story.passes(120)
    story.recovers("Full 0", severity="warning")  # nobody hears of it at one o'clock
    story.passes(7200)
    told = (sent("sms"), sent("email"))
    story.expect_many(sum(told))

    found = replay_period(begin, story.now).current

    assert (found.messages[Channel.SMS], found.messages[Channel.EMAIL]) == told
    assert found.planned[Channel.SMS] == 7
    assert found.unreached == ()


@pytest.mark.parametrize(
    ("draft", "problem"),
    [
        ({}, "must be a list of policies"),
        ({"policies": [{"rules": []}]}, "needs a name"),
        ({"policies": [{"name": "A", "tell": {}}]}, "knows no tell"),
        ({"policies": [{"name": "A", "tells": {"Nobody": ["sms"]}}]}, r"policies\[1\].tells: .*'Nobody'"),
        ({"policies": [{"name": "A", "tells": ["Ann"]}]}, "must be names with values"),
        ({"policies": [{"name": "A", "rules": [[{"key": "a", "operator": "is", "value": "b"}]]}]}, "operator"),
        ({"policies": [{"name": "A", "severity_limits": {"phone": "bad"}}]}, "1 .P1. to 6"),
        ({"policies": [{"name": "A", "repeat_minutes": "often"}]}, "must be a number"),
    ],
)
def test_what_is_wrong_with_a_draft_is_said_with_its_place(story: Story, draft: object, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        parse_drafts(draft)


def test_a_time_that_is_none_is_refused(story: Story) -> None:
    with pytest.raises(InvalidInputError, match="30d"):
        show(since="a while")


def test_what_began_to_fire_before_the_time_is_left_out_whether_or_not_it_is_over(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.fires("Load high")
    story.passes(3600)
    since = story.now
    story.passes(60)
    story.recovers("Disk full")
    story.passes(60)
    story.expect_many(3)

    found = replay_period(since, story.now)

    assert (found.firings, found.current.alerts, found.current.messages) == (0, 0, {})


def test_what_fired_anew_after_its_policy_was_deleted_is_counted_as_taken_by_none(story: Story) -> None:
    ann = story.contact("Ann")
    policy = story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(60)
    story.recovers("Disk full")
    story.passes(60)
    story.expect_many(2)
    delete_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(3600)
    since = story.now
    story.passes(60)
    story.fires("Disk full")
    story.passes(60)
    drafts = parse_drafts({"policies": [{"name": "Disks", "tells": {"Ann": ["sms"]}}]})

    found = replay_period(since, story.now, drafts)

    assert (found.firings, found.current.unmatched) == (1, 1)
    assert found.draft is not None
    assert found.draft.messages == {Channel.SMS: 1}
