"""Group robots: who is mentioned, and what a limit does to their messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.dingtalk import DingtalkSimulator
from simulators.lark import LarkSimulator
from simulators.wecom import WecomSimulator
from tests.stories.harness import ADMIN, Story
from tocsin.contacts.services import import_contact, update_robot
from tocsin.delivery.models import Delivery


@pytest.fixture
def dingtalk() -> Iterator[DingtalkSimulator]:
    members = {"Ann": ("13800000001", "ann-id"), "Bob": ("13800000002", "bob-id")}
    with DingtalkSimulator(secret="SECdemo0123456789", members=members) as simulator:
        yield simulator


def test_a_robot_mentions_the_people_of_the_same_step(story: Story, dingtalk: DingtalkSimulator) -> None:
    ann = story.contact("Ann", phone="+8613800000001", verified=False)
    bob = story.contact("Bob", phone=None, dingtalk_user_id="bob-id")
    robot = story.robot(dingtalk.webhook, secret=dingtalk.secret)
    story.policy({robot: [], story.group(ann, bob): ["email"]})

    story.fires("Disk full", summary="/var is at 97 %")
    story.passes(5)

    story.expect_group_message(robot, "Disk full")
    story.expect_mail(ann)
    story.expect_mail(bob)
    [message] = dingtalk.messages
    assert set(message.mentioned) == {"Ann", "Bob"}
    assert "/var is at 97" in message.text
    assert not message.everybody


def test_who_has_no_usable_id_gets_a_row_and_the_group_message_still_goes_out(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    eve = story.contact("Eve", phone=None)
    robot = story.robot(dingtalk.webhook, secret=dingtalk.secret)
    story.policy({robot: [], story.group(ann, eve): ["email"]})

    story.fires("Disk full")
    story.passes(5)

    story.expect_group_message(robot)
    story.expect_mail(ann)
    story.expect_mail(eve)
    assert dingtalk.messages[0].mentioned == ("Ann",)
    reasons = [reason for entry in story.timeline() for reason in entry.reasons]
    assert reasons == [
        "Eve (dingtalk): there is no user ID that this IM tool can mention; the group message still goes out"
    ]


def test_alert_text_can_never_mention_everybody(story: Story, dingtalk: DingtalkSimulator) -> None:
    robot = story.robot(dingtalk.webhook, secret=dingtalk.secret)
    story.policy({robot: []})

    story.fires("Disk full", summary="@all @所有人 @13800000001")
    story.passes(5)

    story.expect_group_message(robot)
    assert (dingtalk.messages[0].everybody, dingtalk.messages[0].mentioned) == (False, ())


def test_http_200_with_an_error_code_is_no_success(story: Story, dingtalk: DingtalkSimulator) -> None:
    robot = story.robot(dingtalk.webhook, secret="SECwrong")
    story.policy({robot: []})

    story.fires("Disk full")
    story.passes(5)

    delivery = story.delivery(robot, "dingtalk")
    assert (delivery.state, delivery.reason) == ("failed", "refused")
    assert "310000" in delivery.detail
    assert dingtalk.messages == []


def test_messages_over_the_limit_are_held_and_become_one_that_says_how_many_it_stands_for(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    robot = story.robot(dingtalk.webhook, secret=dingtalk.secret)
    story.policy({robot: []}, group_by=["alertname"])
    for number in range(30):
        story.fires(f"Alert {number:02d}")

    story.passes(5)
    went_at_once = [story.expect_group_message(robot) for _ in range(9)]
    story.expect_silence()
    held = Delivery.objects.filter(state="held").count()
    story.passes(60)

    digest = story.expect_group_message(robot, "21 notifications in one message", "Alert 29", "Alert 09")
    assert (len(went_at_once), held) == (9, 21)
    assert digest.delivery.stands_for == 21
    assert Delivery.objects.filter(merged_into=digest.delivery_id, state="merged").count() == 20
    assert len(dingtalk.messages) == 10


def test_what_recovered_while_it_was_held_is_not_told(story: Story, dingtalk: DingtalkSimulator) -> None:
    robot = story.robot(dingtalk.webhook, secret=dingtalk.secret)
    story.policy({robot: []}, sends_recovery=False, group_interval=1)
    for number in range(12):
        story.fires(f"Alert {number:02d}")
    story.passes(5)
    for _ in range(9):
        story.expect_group_message(robot)

    story.recovers("Alert 10")
    story.passes(60)

    story.expect_group_message(robot, "2 notifications in one message", "Alert 09", "Alert 11")
    reasons = Delivery.objects.filter(notification__alert__title="Alert 10").values_list("state", "reason")
    assert list(reasons) == [("skipped", "recovered")]


def test_a_vendor_that_says_too_fast_closes_the_lane_for_as_long_as_it_says(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    robot = story.robot(dingtalk.webhook, secret=dingtalk.secret)
    story.policy({robot: []})
    dingtalk.answer_next(130101, "send too fast, exceed 20 times per minute")

    story.fires("Disk full")
    story.fires("Memory low")
    story.passes(5)
    story.fires("Load high")
    story.passes(60)
    sent_within_a_minute = len(dingtalk.messages)
    story.passes(600)

    assert sent_within_a_minute <= 1
    told = " ".join(message.text + message.title for message in dingtalk.messages)
    assert all(name in told for name in ("Disk full", "Memory low", "Load high"))
    for _ in dingtalk.messages:
        story.expect_group_message(robot)


def test_a_disabled_robot_says_nothing_and_the_timeline_says_why(story: Story, dingtalk: DingtalkSimulator) -> None:
    robot = story.robot(dingtalk.webhook, secret=dingtalk.secret, name="Ops group")
    story.policy({robot: []})
    update_robot(by=ADMIN, now=story.now, robot_id=robot.pk, version=None, is_enabled=False)

    story.fires("Disk full")
    story.passes(5)

    reasons = [reason for entry in story.timeline() for reason in entry.reasons]
    assert reasons == ["Ops group (dingtalk): the robot is disabled"]


def test_a_contact_imported_with_an_old_chatbot_url_and_nothing_else_keeps_working(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    dingtalk.secret = ""
    old = import_contact(by=ADMIN, now=story.now, name="Old robot", legacy_chatbot_url=dingtalk.webhook)
    story.policy({old: ["email"]})

    story.fires("Disk full")
    story.passes(5)

    story.expect_group_message(old, "Disk full")
    assert len(dingtalk.messages) == 1


def test_a_lark_group_gets_a_card_that_mentions_by_open_id_and_says_whom_it_could_not(story: Story) -> None:
    ann = story.contact("Ann", lark_user_id="ou_ann")
    bob = story.contact("Bob", user_id="bob-of-dingtalk")
    with LarkSimulator(secret="demo", members={"Ann": "ou_ann", "Bob": "ou_bob"}) as lark:
        robot = story.robot(lark.webhook, platform="lark", secret="demo")
        story.policy({robot: [], story.group(ann, bob): ["email"]})

        story.fires("Disk full", summary='<at id=all></at> 97 % of "/var"')
        story.passes(5)

    story.expect_group_message(robot, "Disk full")
    story.expect_mail(ann)
    story.expect_mail(bob)
    [message] = lark.messages
    assert (message.kind, message.title, message.mentioned) == ("interactive", "[P6] Disk full", ("Ann",))
    assert '<at id=all></at> 97 % of "/var"' in message.text
    assert not message.everybody
    reasons = [reason for entry in story.timeline() for reason in entry.reasons]
    assert reasons == [
        "Bob (lark): there is no user ID that this IM tool can mention; the group message still goes out"
    ]


def test_a_card_that_lark_refuses_reaches_the_group_as_a_text_and_the_timeline_says_so(story: Story) -> None:
    with LarkSimulator() as lark:
        lark.refuses_cards = 230099
        robot = story.robot(lark.webhook, platform="lark")
        story.policy({robot: []})

        story.fires("Disk full")
        story.passes(5)

    sent = story.expect_group_message(robot, "Disk full")
    assert lark.messages[0].kind == "text"
    assert sent.delivery.state == "delivered"
    assert "refused the card (230099)" in sent.delivery.attempts.get().detail


def test_a_wecom_group_gets_markdown_that_mentions_by_user_id(story: Story) -> None:
    ann = story.contact("Ann", wecom_user_id="AnnOfWecom")
    with WecomSimulator(members={"Ann": "AnnOfWecom"}) as wecom:
        robot = story.robot(wecom.webhook, platform="wecom")
        story.policy({robot: [], ann: ["email"]})

        story.fires("Disk full", summary="<@all> [look](http://evil.example)")
        story.passes(5)

    story.expect_group_message(robot, "Disk full")
    story.expect_mail(ann)
    [message] = wecom.messages
    assert (message.kind, message.mentioned, message.everybody) == ("markdown", ("Ann",), False)
    assert all("evil" not in link for link in message.links)


def test_a_robot_writes_in_the_language_of_its_group(story: Story, dingtalk: DingtalkSimulator) -> None:
    robot = story.robot(dingtalk.webhook, secret=dingtalk.secret, language="zh-hans")
    story.policy({robot: []})

    story.fires("Disk full")
    story.passes(5)

    story.expect_group_message(robot, "告警中：1 个事件")
