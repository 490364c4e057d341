"""What a draft would have told of what really fired, and that a replay of the policies in force says what they did."""

from __future__ import annotations

from pathlib import Path

import pytest
import time_machine

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.services import claim_alert
from tocsin.channels.kinds import Channel
from tocsin.cli.replay import show
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.models import Delivery
from tocsin.delivery.replaying import replay_period
from tocsin.policies.drafts import parse_drafts
from tocsin.policies.services import StepInput, create_escalation


def sent(channel: str) -> int:
    return Delivery.objects.filter(purpose="alert", channel=channel, fallback_of__isnull=True).count()


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
