"""A group's first message of an alert shows what became of the alert, and nothing new is posted for that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulators.ntfy import NtfySimulator
from simulators.slack import SlackSimulator
from simulators.teams import TeamsSimulator
from simulators.telegram import TelegramSimulator
from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import (
    assign_alert,
    change_severity,
    claim_alert,
    comment_alert,
    reopen_alert,
    resolve_alert,
    unclaim_alert,
)
from tocsin.channels.listening import Press
from tocsin.contacts.models import Robot
from tocsin.contacts.services import update_robot
from tocsin.delivery import updating
from tocsin.delivery.models import Posting
from tocsin.delivery.postings import LEASE
from tocsin.delivery.presses import act_on_press
from tocsin.delivery.retention import forget
from tocsin.policies.services import StepInput, create_escalation


@pytest.fixture
def slack() -> Iterator[SlackSimulator]:
    with SlackSimulator(members={"Ann": "U0ANN001"}) as running:
        running.is_unlimited = True
        yield running


def bot(story: Story, slack: SlackSimulator, **fields: str) -> Robot:
    return story.robot(platform="slack", provider="slack_bot", settings=slack.settings, **fields)


def fired(story: Story, slack: SlackSimulator, **policy: object) -> Robot:
    """One message is in the group."""
    robot = bot(story, slack)
    story.policy({robot: []}, **policy)
    story.fires("Disk full", summary="/var is at 97 %", severity="critical", host="db-1")
    story.passes(5)
    story.expect_group_message(robot, "[P1] Disk full")
    return robot


def steps(story: Story) -> list[str]:
    return [step.text for entry in story.timeline() for step in entry.steps if "group" in step.text]


def test_a_claim_is_shown_in_the_message_itself(story: Story, slack: SlackSimulator) -> None:
    fired(story, slack)

    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(5)

    [message] = slack.messages
    assert message.edits == 1
    assert "Claimed by Ada Admin at" in message.text
    assert "/var is at 97 %" in message.text
    assert slack.requests == ["chat.postMessage", "chat.update"]
    assert steps(story) == ["changed in the group, 1 time"]


def test_every_turn_of_an_alert_is_shown_and_nothing_else_is_posted(story: Story, slack: SlackSimulator) -> None:
    fired(story, slack, sends_recovery=False)
    alert, ann = story.alert().pk, story.contact("Ann")
    said = []

    for act in (
        lambda: claim_alert(by=ADMIN, now=story.now, alert_id=alert),
        lambda: unclaim_alert(by=ADMIN, now=story.now, alert_id=alert),
        lambda: change_severity(by=ADMIN, now=story.now, alert_id=alert, severity=3),
        lambda: comment_alert(by=ADMIN, now=story.now, alert_id=alert, text="Looking"),
        lambda: assign_alert(by=ADMIN, now=story.now, alert_id=alert, contact_id=ann.pk),
        lambda: resolve_alert(by=ADMIN, now=story.now, alert_id=alert, text="Cleaned up"),
        lambda: reopen_alert(by=ADMIN, now=story.now, alert_id=alert),
    ):
        act()
        story.passes(5)
        said.append(slack.messages[0].text.splitlines()[:2])
    story.recovers("Disk full", severity="critical", host="db-1")
    story.passes(60)

    day = "2026-"
    assert [(title, line.partition(day)[0]) for title, line in said] == [
        ("*[P1] Disk full*", "*Claimed by Ada Admin at "),
        ("*[P1] Disk full*", "*firing: 1 event*"),
        ("*[P3] Disk full*", "*firing: 1 event*"),
        ("*[P3] Disk full*", "*firing: 1 event*"),
        ("*[P3] Disk full*", "*Given to Ann*"),
        ("*[P3] Disk full*", "*Resolved by Ada Admin at "),
        ("*[P3] Disk full*", "*Given to Ann*"),
    ]
    assert "*Recovered at " in slack.messages[0].text
    assert "*recovered*" in slack.messages[0].text
    assert slack.messages[0].edits == 7
    story.expect_mail(ann)
    story.expect_text(ann)
    story.expected |= {item.pk for item in story._out() if item.delivery.recipient_id != ann.pk}
    assert slack.requests.count("chat.postMessage") == len(slack.messages)


def test_only_the_first_message_of_an_alert_is_changed(story: Story, slack: SlackSimulator) -> None:
    robot = fired(story, slack)

    story.recovers("Disk full", severity="critical", host="db-1")
    story.passes(60)

    story.expect_group_message(robot, "recovered")
    first, recovery = slack.messages
    assert (first.edits, recovery.edits) == (1, 0)
    assert "Recovered at" in first.text


def test_a_change_that_came_while_the_message_was_on_its_way_is_shown(story: Story, slack: SlackSimulator) -> None:
    robot = bot(story, slack)
    story.policy({robot: []}, group_interval=1)
    story.fires("Disk full", host="a")
    slack.answer_next("internal_error")
    story.passes(5)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.fires("Disk full", host="b")
    story.passes(30)

    story.expect_group_message(robot, "more events")
    assert "Claimed by Ada Admin" in slack.messages[0].text
    assert slack.messages[0].edits == 1


def test_an_older_look_never_takes_the_place_of_a_newer_one(story: Story, slack: SlackSimulator) -> None:
    """While one worker changes the message, nobody else does, and what came meanwhile follows."""
    from tocsin.delivery.postings import Finished, finish_postings, look_at_changed, take_postings

    fired(story, slack)
    alert = story.alert().pk
    claim_alert(by=ADMIN, now=story.now, alert_id=alert)
    look_at_changed(story.now)
    [slow] = take_postings(story.now, 10)

    resolve_alert(by=ADMIN, now=story.now, alert_id=alert)
    story.passes(5)
    assert slack.messages[0].edits == 0
    finish_postings([Finished(slow.delivery_id, slow.wanted, slow.look, is_changed=True, is_tried=True)], story.now)
    story.passes(5)

    assert "Resolved by Ada Admin" in slack.messages[0].text
    assert Posting.objects.get().changes == 2


def test_a_worker_that_dies_leaves_the_change_to_others(story: Story, slack: SlackSimulator) -> None:
    from tocsin.delivery.postings import look_at_changed, take_postings

    fired(story, slack)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    look_at_changed(story.now)
    take_postings(story.now, 10)

    story.passes(89)
    assert slack.messages[0].edits == 0
    story.passes(2)

    assert "Claimed by" in slack.messages[0].text


def test_what_slack_changes_no_more_is_told_and_not_tried_for_ever(story: Story, slack: SlackSimulator) -> None:
    fired(story, slack)
    alert = story.alert().pk
    slack.answer_next("message_not_found")
    claim_alert(by=ADMIN, now=story.now, alert_id=alert)
    story.passes(600)
    resolve_alert(by=ADMIN, now=story.now, alert_id=alert)
    story.passes(600)

    assert slack.requests == ["chat.postMessage", "chat.update"]
    assert steps(story) == [
        "could not be changed in the group (message_not_found: The message was deleted in Slack. "
        "(Slack: message_not_found HTTP 200))"
    ]


def test_a_change_is_tried_five_times_and_the_next_one_anew(story: Story, slack: SlackSimulator) -> None:
    fired(story, slack)
    alert = story.alert().pk
    for _ in range(5):
        slack.answer_next("internal_error")
    claim_alert(by=ADMIN, now=story.now, alert_id=alert)
    story.passes(3600)
    tries = slack.requests.count("chat.update")
    told = steps(story)
    unclaim_alert(by=ADMIN, now=story.now, alert_id=alert)
    claim_alert(by=ADMIN, now=story.now, alert_id=alert)
    story.passes(5)

    assert tries == 5
    assert told[0].startswith("could not be changed in the group (internal_error: ")
    assert "Claimed by" in slack.messages[0].text
    assert steps(story) == ["changed in the group, 1 time"]


def test_too_many_changes_wait_as_long_as_slack_asks(story: Story, slack: SlackSimulator) -> None:
    fired(story, slack)
    slack.answer_next("ratelimited", status=429, **{"Retry-After": "40"})
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    story.passes(39)
    assert slack.messages[0].edits == 0
    story.passes(10)

    assert slack.messages[0].edits == 1


def test_a_robot_that_is_switched_off_changes_nothing(story: Story, slack: SlackSimulator) -> None:
    robot = fired(story, slack)
    update_robot(by=ADMIN, now=story.now, robot_id=robot.pk, version=None, is_enabled=False)

    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(60)

    assert slack.messages[0].edits == 0


def test_a_claim_that_lapses_is_shown(story: Story, slack: SlackSimulator) -> None:
    fired(story, slack)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lapses_after=timedelta(minutes=10))
    story.passes(1)

    story.passes(700)

    assert slack.messages[0].edits == 2
    assert "Claimed" not in slack.messages[0].text


def test_a_webhook_of_slack_posts_and_changes_nothing(story: Story, slack: SlackSimulator) -> None:
    robot = story.robot(slack.webhook, platform="slack")
    story.policy({robot: []})
    story.fires("Disk full")
    story.passes(5)
    story.expect_group_message(robot)

    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(60)

    assert slack.requests == ["hook"]
    assert not Posting.objects.exists()


def test_telegram_shows_a_claim_in_the_message_itself(story: Story) -> None:
    with TelegramSimulator() as telegram:
        robot = story.robot(platform="telegram", settings=telegram.settings, language="zh-hans")
        story.policy({robot: []})
        story.fires("磁盘已满", severity="critical")
        story.passes(5)
        story.expect_group_message(robot)

        claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
        story.passes(10)

        [message] = telegram.messages
        assert message.edits == 1
        assert message.text.startswith("[P1] 磁盘已满\nAda Admin 于 2026-11-23 ")
        assert " 认领\n" in message.text
        assert telegram.requests == ["sendMessage", "editMessageText"]


def test_what_was_taken_in_another_form_is_told(story: Story, slack: SlackSimulator) -> None:
    slack.refuses_blocks = "invalid_blocks"
    fired(story, slack)

    told = [step.text for entry in story.timeline() for step in entry.steps]
    assert told == [
        "try 1: accepted by the provider (Slack took it as a text; it refused the blocks (invalid_blocks).)"
    ]


def test_a_card_of_teams_is_sent_and_never_proved(story: Story) -> None:
    with TeamsSimulator() as teams:
        robot = story.robot(teams.webhook, platform="teams")
        story.policy({robot: []})
        story.fires("Disk full")
        story.passes(5)

        sent = story.expect_group_message(robot)

    assert sent.delivery.state == "accepted"
    assert "sent, unconfirmed" in [entry.title for entry in story.timeline()]
    assert list(teams.messages[0].buttons) == ["Open the alert"]
    assert any("Teams does not say" in step.text for entry in story.timeline() for step in entry.steps)


@pytest.mark.thorough
def test_what_apprise_sends_is_unconfirmed_in_the_timeline(story: Story) -> None:
    with NtfySimulator() as ntfy:
        robot = story.robot(platform="apprise", settings={"address": ntfy.address})
        story.policy({robot: []})
        story.fires("Disk full")
        story.passes(5)
        sent = story.expect_group_message(robot)

    assert len(ntfy.messages) == 1
    assert sent.delivery.state == "accepted"
    told = story.timeline()
    assert "sent, unconfirmed" in [entry.title for entry in told]
    assert any("nobody knows" in step.text for entry in told for step in entry.steps)


def test_a_button_pressed_in_slack_claims_and_the_message_shows_it(story: Story, slack: SlackSimulator) -> None:
    story.contact("Ann", user_id="U0ANN001")
    account = story.account("slack_app", **slack.config)
    robot = story.robot(platform="slack", account_id=account.pk, chat_id=slack.channel)
    story.policy({robot: []})
    story.fires("Disk full")
    story.passes(5)
    sent = story.expect_group_message(robot)
    [message] = slack.messages
    offered = [item for block in message.blocks if block["type"] == "actions" for item in block["elements"]]

    press = Press(offered[0]["value"], "U0ANN001", sent.delivery.provider_id)
    answer = act_on_press(account_id=account.pk, press=press, now=story.now)
    story.passes(5)

    assert [item["text"]["text"] for item in offered] == ["Claim", "Resolve", "Mute for an hour"]
    assert answer.text == "Disk full: you have claimed it."
    assert "Claimed by Ann at" in message.text
    after = [item for block in message.blocks if block["type"] == "actions" for item in block["elements"]]
    assert [item["text"]["text"] for item in after] == ["Resolve", "Give back", "Mute for an hour"]
    assert "Ann claimed it (by a button in Slack)" in [entry.title for entry in story.timeline()]


def test_a_button_pressed_in_telegram_resolves_and_leaves_no_buttons(story: Story) -> None:
    with TelegramSimulator() as telegram:
        story.contact("Ann", user_id="telegram:77")
        story.contact("Boss", user_id="78")  # a staff number
        account = story.account("telegram_app", **telegram.config)
        robot = story.robot(platform="telegram", account_id=account.pk, chat_id=str(telegram.chat))
        story.policy({robot: []})
        story.fires("Disk full")
        story.passes(5)
        story.expect_group_message(robot)
        [message] = telegram.messages
        token = next(item["callback_data"] for item in message.buttons if item["text"] == "Resolve")

        stranger = act_on_press(account_id=account.pk, press=Press(token, "78"), now=story.now)
        answer = act_on_press(account_id=account.pk, press=Press(token, "77"), now=story.now)
        story.passes(10)

    assert not stranger.is_done
    assert "enter telegram:78." in stranger.text
    assert answer.text == "Disk full: it is resolved."
    assert ("Resolved by Ann at" in message.text, message.buttons) == (True, [])


def test_a_step_of_the_escalation_changes_no_message_without_buttons(story: Story, slack: SlackSimulator) -> None:
    bob = story.contact("Bob")
    nights = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=[StepInput(targets=[(bob.pk, ["sms"])])])
    fired(story, slack, escalation_id=nights.pk)

    story.passes(timedelta(minutes=10).total_seconds())

    story.expect_text(bob)
    assert slack.requests == ["chat.postMessage"]


def test_a_message_that_was_changed_is_forgotten_with_its_alert(story: Story, slack: SlackSimulator) -> None:
    fired(story, slack, sends_recovery=False)
    story.recovers("Disk full", severity="critical", host="db-1")
    story.passes(60)
    assert Posting.objects.get().changes == 1

    while forget(story.now + timedelta(days=91)):
        continue

    assert not Posting.objects.exists()
    assert not Alert.objects.exists()


def test_a_message_of_several_alerts_is_no_alerts_first_one(story: Story, slack: SlackSimulator) -> None:
    robot = bot(story, slack)
    story.policy({robot: []}, group_by=["alertname"])
    for name in ("One", "Two", "Three"):
        story.fires(name)
    story.passes(10)
    story.expect_group_message(robot)
    digest = story.expect_group_message(robot, "2 notifications in one message")

    assert not Posting.objects.filter(delivery_id=digest.delivery_id).exists()
    assert Posting.objects.count() == 1


def test_what_a_slow_vendor_left_no_time_for_is_begun_with_the_next_batch(story: Story, slack: SlackSimulator) -> None:
    fired(story, slack)
    story.passes(5)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    assert updating.show_changes(story.now, slots=0, begun_within=0.05) == 1

    assert Posting.objects.filter(due_at=story.now, tries=0, taken_at=None, failure="").count() == 1
    assert LEASE.total_seconds() / 2 > updating._BEGUN_WITHIN + updating._LONGEST
    story.passes(10)
    assert [message.edits for message in slack.messages] == [1]
