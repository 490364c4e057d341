"""Robots of apps: buttons on their messages, and who pressed them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from simulators.dingtalk_app import Colleague, DingtalkAppSimulator
from simulators.lark_app import LarkAppSimulator, Person
from simulators.waiting import wait_until
from tests.chaos.programs import working
from tests.stories.harness import ADMIN, Story, begin
from tocsin.channels.connections import hold_connections, listening, release_connections
from tocsin.channels.listening import Press, PressAnswer
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import delete_account
from tocsin.contacts.models import AddressCount, Contact, Robot
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConflictError, InvalidInputError
from tocsin.delivery.acting import Act
from tocsin.delivery.buttons import token_of
from tocsin.delivery.models import Delivery
from tocsin.delivery.presses import act_on_press
from tocsin.delivery.timeline import timeline
from tocsin.policies.services import StepInput, create_escalation

ANN, BOB = "ou_ann", "ou_bob"


@pytest.fixture
def lark() -> Iterator[LarkAppSimulator]:
    people = {"Ann": Person(ANN), "Bob": Person(BOB), "Eve": Person("ou_eve")}
    with LarkAppSimulator(people=people) as simulator:
        yield simulator


@pytest.fixture
def dingtalk() -> Iterator[DingtalkAppSimulator]:
    with DingtalkAppSimulator(people={"Ann": Colleague("ann-1"), "Eve": Colleague("eve-1")}) as simulator:
        yield simulator


def app(story: Story, lark: LarkAppSimulator) -> ProviderAccount:
    return story.account("lark_app", **lark.config)


def robot_of(story: Story, account: ProviderAccount) -> Robot:
    return story.robot("", platform="lark", account_id=account.pk, chat_id="oc_ops")


def titles(story: Story) -> list[str]:
    return [entry.title for entry in timeline(story.alert().pk)]


@pytest.mark.django_db(transaction=True)
def test_a_button_pressed_in_a_group_claims_the_alert_over_a_connection_that_we_opened(lark: LarkAppSimulator) -> None:
    story = begin(utc_now())
    ann = story.contact("Ann", lark_user_id=ANN)
    account = app(story, lark)
    story.policy({robot_of(story, account): [], ann: ["email"]}, group_wait=0)

    with working():
        lark.wait_for_connection()
        story.fires("Disk full", summary="/var is at 97 %")
        wait_until(lambda: bool(lark.messages), what="a card")
        [card] = lark.messages
        offered = list(card.buttons)  # the claim changes the card
        toast = lark.press(card, "Claim", "Ann")

    assert "Disk full" in card.title
    assert "<at id=ou_ann></at>" in card.text
    assert offered == ["Claim", "Resolve", "Mute for an hour"]
    assert toast == {"toast": {"type": "success", "content": "Disk full: you have claimed it."}}
    assert (story.alert().state, story.alert().claimed_by) == ("handling", "Ann")
    assert "Ann claimed it (by a button in Lark)" in titles(story)
    lark.wait_for_connection(0)


@pytest.mark.django_db(transaction=True)
def test_a_button_in_dingtalk_resolves_and_the_card_shows_it(dingtalk: DingtalkAppSimulator) -> None:
    story = begin(utc_now())
    ann = story.contact("王小明", dingtalk_user_id="ann-1", language="zh-hans")
    account = story.account("dingtalk_app", **dingtalk.config)
    robot = story.robot("", platform="dingtalk", account_id=account.pk, chat_id="cidops==", language="zh-hans")
    story.policy({robot: [], ann: ["email"]}, group_wait=0)

    with working():
        dingtalk.wait_for_connection()
        story.fires("Disk full", summary="/var is at 97 %")
        wait_until(lambda: bool(dingtalk.messages), what="a card")
        [card] = dingtalk.messages
        offered = list(card.buttons)
        said = dingtalk.press(card, "解决", "Ann")
        refused = dingtalk.press(card, "解决", "Eve")
        wait_until(lambda: card.versions > 1 and bool(dingtalk.private), what="a changed card, and a message to Eve")

    assert (card.mentioned, offered) == (("Ann",), ["认领", "解决", "静音一小时"])
    assert said == "Disk full: 告警已解决。"
    assert "没有联系人使用您的钉钉用户 ID" in refused
    assert [user_id for user_id, _text in dingtalk.private] == ["eve-1"]
    assert (story.alert().state, story.alert().resolved_by) == ("resolved", "王小明")
    assert "王小明 resolved it (by a button in DingTalk)" in titles(story)
    assert ("王小明" in card.text, card.buttons) == (True, {})


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_two_workers_hold_one_connection_and_the_other_takes_over(lark: LarkAppSimulator) -> None:
    story = begin(utc_now())
    account = app(story, lark)
    with working() as first:
        lark.wait_for_connection()
        with working():
            lark.drop_connections()  # comes again by itself
            lark.wait_for_connection()
            first.end()
            lark.wait_for_connection(within=15)
            wait_until(lambda: (how := listening(account, utc_now())) is not None and how.is_connected, what="health")
    how = listening(account, utc_now())
    assert how is not None
    assert not how.is_connected


@pytest.mark.django_db(transaction=True)
def test_a_vendor_that_refuses_the_connection_is_named_with_its_reason(lark: LarkAppSimulator) -> None:
    lark.refuses_connections = (403, f"forbidden for {lark.secret}")
    story = begin(utc_now())
    account = app(story, lark)

    with working():
        wait_until(lambda: (how := listening(account, utc_now())) is not None and bool(how.failure), what="a failure")
        how = listening(account, utc_now())

    assert how is not None
    assert (how.is_connected, how.failure) == (False, "Lark refuses the long connection: 403 forbidden for ***")


def test_a_connection_is_one_workers_until_it_says_nothing_for_a_while(story: Story, account: ProviderAccount) -> None:
    def holds(worker_id: int) -> bool:
        return account in hold_connections(worker_id=worker_id, now=story.now)

    assert (holds(1), holds(2)) == (True, False)
    story.now += timedelta(seconds=15)
    assert (holds(1), holds(2)) == (True, False)
    story.now += timedelta(seconds=21)
    assert (holds(2), holds(1)) == (True, False)
    release_connections(worker_id=2)
    assert holds(1)


@pytest.fixture
def ann(story: Story) -> Contact:
    return story.contact("Ann", lark_user_id=ANN)


@pytest.fixture
def account(story: Story, lark: LarkAppSimulator) -> ProviderAccount:
    return app(story, lark)


@pytest.fixture
def robot(story: Story, account: ProviderAccount) -> Robot:
    found = robot_of(story, account)
    story.policy({found: []})
    story.fires("Disk full", summary="/var is at 97 %")
    story.passes(5)
    story.expect_group_message(found, "Disk full")
    return found


def press(
    story: Story, account: ProviderAccount, lark: LarkAppSimulator, label: str, user_id: str, *, token: str = ""
) -> PressAnswer:
    shown = lark.messages[0].buttons[label]["token"]
    return act_on_press(account_id=account.pk, press=Press(token or shown, user_id), now=story.now)


def test_of_two_who_press_at_once_one_wins_and_both_are_told(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot
) -> None:
    story.contact("Bob", lark_user_id=BOB)

    won = press(story, account, lark, "Claim", ANN)
    lost = press(story, account, lark, "Claim", BOB)

    assert won == PressAnswer("Disk full: you have claimed it.", is_done=True)
    assert lost == PressAnswer("Disk full: Ann claimed this alert already.", is_done=False)
    assert story.alert().claimed_by == "Ann"


def test_the_card_shows_who_has_it_and_what_is_left_to_press(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot
) -> None:
    [card] = lark.messages
    press(story, account, lark, "Claim", ANN)
    story.passes(1)
    claimed = (card.text, list(card.buttons))

    story.recovers("Disk full")
    story.passes(60)

    assert "Claimed by Ann" in claimed[0]
    assert claimed[1] == ["Resolve", "Give back", "Mute for an hour"]
    assert "Recovered at" in card.text
    assert card.buttons == {}
    story.expect_group_message(robot, "recovered")
    assert len(lark.messages) == 2


def test_who_has_a_number_and_no_user_id_is_mentioned_by_a_webhooks_robot_and_not_by_an_apps(
    story: Story, dingtalk: DingtalkAppSimulator
) -> None:
    account = story.account("dingtalk_app", **dingtalk.config)
    robot = story.robot("", platform="dingtalk", account_id=account.pk, chat_id="cidops==")
    story.policy({robot: [], story.contact("Ann", phone="+8613800000001"): ["email"]})

    story.fires("Disk full")
    story.passes(5)

    story.expect_group_message(robot)
    story.expect_many(1)
    assert dingtalk.messages[0].mentioned == ()
    reasons = [reason for entry in story.timeline() for reason in entry.reasons]
    assert reasons == [
        "Ann (dingtalk): there is no user ID that this IM tool can mention; the group message still goes out"
    ]


def escalates(story: Story, account: ProviderAccount) -> Contact:
    """A full disk in the group, and who is told by both steps that may follow."""
    bob = story.contact("Bob", lark_user_id=BOB)
    steps = [StepInput(targets=[(bob.pk, ["sms"])], after_minutes=minutes) for minutes in (60, 90)]
    nights = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=steps, rounds=0)
    robot = robot_of(story, account)
    story.policy({robot: []}, escalation_id=nights.pk)
    story.fires("Disk full")
    story.passes(5)
    story.expect_group_message(robot)
    return bob


def test_the_next_step_is_told_at_once_where_the_policy_escalates(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact
) -> None:
    bob = escalates(story, account)

    answer = press(story, account, lark, "Escalate now", ANN)
    story.passes(1)

    assert answer == PressAnswer("Disk full: the next step of the escalation is told now.", is_done=True)
    story.expect_text(bob, "Disk full")
    assert "Ann wants the next step of the escalation (by a button in Lark)" in titles(story)


def test_a_press_delivered_twice_or_by_two_people_takes_one_step_and_the_new_button_the_next(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact
) -> None:
    bob = escalates(story, account)
    token = lark.messages[0].buttons["Escalate now"]["token"]

    press(story, account, lark, "Escalate now", ANN, token=token)
    at_once = [press(story, account, lark, "Escalate now", who, token=token) for who in (ANN, BOB)]
    story.passes(1)
    story.expect_text(bob, "Ann asks for help")
    later = [press(story, account, lark, "Escalate now", who, token=token) for who in (ANN, BOB)]
    story.passes(1)
    story.expect_silence()

    taken = "Disk full: That step was taken already; look at the alert before you ask for the next one."
    assert [answer.text for answer in at_once] == [
        "Disk full: you have asked for the next step already.",
        "Disk full: Ann has asked for the next step already.",
    ]
    assert later == [PressAnswer(taken, is_done=False)] * 2
    assert press(story, account, lark, "Escalate now", BOB).is_done
    story.passes(1)
    story.expect_text(bob, "Bob asks for help")
    assert len([title for title in titles(story) if "wants the next step" in title]) == 2


def test_a_button_names_one_step_and_no_other_can_be_made_of_it(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact
) -> None:
    escalates(story, account)
    token = lark.messages[0].buttons["Escalate now"]["token"]

    forged = press(story, account, lark, "Escalate now", ANN, token=f"{token[:-1]}7")

    assert token[22:] == "0"
    assert forged.text == "This button is not one of ours, or its message is gone."


def test_of_a_message_that_stands_for_several_alerts_each_takes_one_step(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact
) -> None:
    bob = escalates(story, account)
    first = Delivery.objects.latest("pk")
    story.fires("Memory low")
    story.passes(5)
    Delivery.objects.filter(pk__gt=first.pk).update(merged_into=first)
    story.expect_many(1)

    press(story, account, lark, "Escalate now", ANN)
    story.passes(1)
    texts = Delivery.objects.filter(recipient_id=bob.pk, channel="sms").count()
    again = press(story, account, lark, "Escalate now", ANN, token=token_of(Act.ESCALATE, first.pk, 0))
    story.passes(1)

    assert texts == 2
    assert "taken already" in again.text
    assert Delivery.objects.filter(recipient_id=bob.pk, channel="sms").count() == texts
    story.expect_many(texts)


def test_who_presses_twice_is_told_that_it_is_theirs(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot
) -> None:
    press(story, account, lark, "Claim", ANN)

    again = press(story, account, lark, "Claim", ANN)

    assert again == PressAnswer("Disk full: you have claimed it already.", is_done=False)
    assert sum("claimed it" in title for title in titles(story)) == 1


def test_a_mute_that_is_delivered_twice_is_one(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot
) -> None:
    first = press(story, account, lark, "Mute for an hour", ANN)
    story.now += timedelta(seconds=4)
    again = press(story, account, lark, "Mute for an hour", ANN)
    story.now += timedelta(minutes=30)
    longer = press(story, account, lark, "Mute for an hour", ANN)

    assert first == again == longer == PressAnswer("Disk full: nothing is sent about it for an hour.", is_done=True)
    assert story.alert().muted_until == story.now + timedelta(hours=1)
    assert len([title for title in titles(story) if "muted it until" in title]) == 2


def test_an_old_message_still_tells_what_became_of_its_alert(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot
) -> None:
    old = lark.messages[0].buttons["Resolve"]["token"]
    story.recovers("Disk full")
    story.passes(60)
    story.expect_group_message(robot, "recovered")

    answer = act_on_press(account_id=account.pk, press=Press(old, ANN), now=story.now)

    assert answer == PressAnswer("Disk full: This alert is already resolved.", is_done=False)
    assert lark.messages[1].buttons == {}


def test_who_is_nobodys_contact_gets_the_way_in_alone_and_nothing_is_done(
    story: Story,
    lark: LarkAppSimulator,
    account: ProviderAccount,
    robot: Robot,
    settings: Any,
) -> None:
    settings.PUBLIC_URL = "https://tocsin.example.org"

    answer = press(story, account, lark, "Claim", "ou_eve")

    assert not answer.is_done
    assert answer.text.startswith("No contact has your Lark user ID, so nothing was done.")
    assert answer.link.startswith("https://tocsin.example.org/a/")
    assert story.alert().state == "pending"


def test_an_id_that_two_contacts_have_is_nobodys(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot
) -> None:
    story.contact("Ann's double", user_id=ANN)
    story.contact("Another", lark_user_id=ANN)

    answer = press(story, account, lark, "Claim", ANN)

    assert answer.text.startswith("Several contacts have your Lark user ID, so nothing was done.")
    assert story.alert().state == "pending"


@pytest.mark.parametrize("token", ["", "0" * 22, "claim", "x" * 5000, "磁盘", "\0", "0" * 22 + "³", "0" * 40])
def test_a_value_that_we_never_made_does_nothing(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot, token: str
) -> None:
    answer = act_on_press(account_id=account.pk, press=Press(token, ANN), now=story.now)

    assert answer == PressAnswer("This button is not one of ours, or its message is gone.", is_done=False)
    assert story.alert().state == "pending"


def test_a_button_does_nothing_when_it_comes_over_another_app(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot
) -> None:
    other = app(story, lark)

    answer = press(story, other, lark, "Claim", ANN)

    assert answer.text == "This button is not one of ours, or its message is gone."
    assert story.alert().state == "pending"


def test_the_answer_is_in_the_language_of_who_pressed(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, robot: Robot
) -> None:
    story.contact("王小明", lark_user_id=ANN, language="zh-hans")

    answer = press(story, account, lark, "Resolve", ANN)

    assert answer == PressAnswer("Disk full: 告警已解决。", is_done=True)


def test_a_finger_that_does_not_rest_is_stopped(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount, ann: Contact, robot: Robot
) -> None:
    press(story, account, lark, "Claim", ANN)
    AddressCount.objects.filter(key__startswith="press").update(count=60)

    assert press(story, account, lark, "Claim", ANN).text == "That is too often; wait a little."
    story.now += timedelta(hours=2)
    assert press(story, account, lark, "Claim", ANN).text == "Disk full: you have claimed it already."


def test_a_card_that_lark_refuses_becomes_a_text(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount
) -> None:
    lark.refuses_cards = 230099
    robot = robot_of(story, account)
    story.policy({robot: []})

    story.fires("Disk full")
    story.passes(5)

    story.expect_group_message(robot, "Disk full")
    assert [(message.kind, message.buttons) for message in lark.messages] == [("text", {})]


def test_a_group_that_the_app_is_not_in_is_the_robots_fault_and_not_the_apps(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount
) -> None:
    robot = story.robot("", platform="lark", account_id=account.pk, chat_id="oc_other")
    story.policy({robot: []})

    story.fires("Disk full")
    story.passes(5)

    account.refresh_from_db()
    delivery = story.delivery(robot, "lark")
    assert (delivery.state, delivery.attempt_count) == ("failed", 1)
    assert "230002" in delivery.detail
    assert account.failures == 0
    assert "230002" in robot.object.reach.failure


def test_an_app_that_is_switched_off_carries_nothing(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount
) -> None:
    robot = robot_of(story, account)
    story.policy({robot: []})
    ProviderAccount.objects.filter(pk=account.pk).update(is_enabled=False)

    story.fires("Disk full")
    story.passes(5)

    assert (story.delivery(robot, "lark").state, story.delivery(robot, "lark").reason) == ("failed", "no_account")


def test_an_app_is_not_deleted_while_robots_belong_to_it(
    story: Story, account: ProviderAccount, lark: LarkAppSimulator
) -> None:
    robot = robot_of(story, account)

    with pytest.raises(ConflictError, match=robot.name):
        delete_account(by=ADMIN, now=story.now, account_id=account.pk)


def test_a_robot_of_an_app_needs_a_group_and_an_app_of_its_platform(story: Story, account: ProviderAccount) -> None:
    with pytest.raises(InvalidInputError) as no_group:
        story.robot("", platform="lark", account_id=account.pk)
    with pytest.raises(InvalidInputError) as other_platform:
        story.robot("", platform="dingtalk", account_id=account.pk, chat_id="oc_ops")

    assert (list(no_group.value.fields), list(other_platform.value.fields)) == (["chat_id"], ["account"])
