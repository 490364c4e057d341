"""Dead ends are found before an alert runs into them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.stories.harness import ADMIN, Story
from tocsin.channels.kinds import Channel
from tocsin.channels.queries import accounts_by_channel
from tocsin.channels.services import disable_account
from tocsin.cli.coverage import show
from tocsin.cli.doctor import doctor
from tocsin.contacts.models import Contact, ContactGroup, ObjectReach
from tocsin.contacts.services import delete_contacts, delete_groups
from tocsin.delivery.coverage import count_dead_ends, coverage
from tocsin.delivery.rules.coverage import DeadEnd, Item
from tocsin.oncall.services import substitute
from tocsin.policies.services import StepInput, create_escalation, disable_policy
from tocsin.web.console.coverage import address_of


def found(story: Story) -> dict[str, list[str]]:
    """Names by kind of dead end, where there are any."""
    sections = coverage(story.now)
    return {section.dead_end.value: [item.name for item in section.items] for section in sections if section.total}


def test_a_policy_reaches_nobody_when_nobody_it_names_can_be_told_its_way(story: Story) -> None:
    proved, unverified = story.contact("Ann"), story.contact("Bob", verified=False)
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    Contact.objects.update(is_proved=True)
    gone = story.contact("Gone")
    story.policy({gone: ["email"]}, name="names nobody any more")
    delete_contacts(by=ADMIN, now=story.now, ids=[gone.pk])
    story.policy({unverified: ["phone", "sms"]}, name="unverified alone")
    story.policy({story.group(name="Empty"): ["phone"]}, name="an empty group")
    story.policy({unverified: ["phone"], proved: ["email"]}, name="somebody")
    story.policy({robot: []}, name="a robot")
    story.policy({}, name="disabled", is_enabled=False)

    assert found(story) == {
        "policy": ["an empty group", "names nobody any more", "unverified alone"],
        "group": ["Empty"],
        "unverified": ["Bob"],
    }
    assert count_dead_ends(story.now) == 5


def test_nobody_is_reached_by_a_channel_that_no_account_carries(story: Story) -> None:
    ann = story.contact("Ann")
    Contact.objects.update(is_proved=True)
    story.policy({ann: ["email"]}, name="by mail")
    assert found(story) == {}

    for account in accounts_by_channel()[Channel.EMAIL]:
        disable_account(by=ADMIN, now=story.now, account_id=account.pk)

    assert found(story) == {"policy": ["by mail"]}


def test_a_member_of_a_group_on_sms_that_is_not_verified_is_named_once(story: Story) -> None:
    bob = story.contact("Bob", verified=False)
    ann = story.contact("Ann")
    story.contact("Unconcerned", verified=False)
    Contact.objects.update(is_proved=True)
    story.policy({story.group(bob, ann): ["sms"], bob: ["phone"]})

    assert found(story) == {"unverified": ["Bob"]}


def test_a_substitute_who_is_still_to_come_is_among_the_people_of_a_schedule(story: Story) -> None:
    ann, bob, cem = story.contact("Ann"), story.contact("Bob", verified=False), story.contact("Cem", verified=False)
    Contact.objects.update(is_proved=True)
    rota = story.schedule([ann], tells_by=[])
    story.policy({rota: ["sms"]})
    day = timedelta(days=1)
    for who, begins in ((cem, story.now), (bob, story.now + 6 * day)):
        substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=who.pk, replaces_id=ann.pk,
                   starts_at=begins, ends_at=begins + day)  # fmt: skip
    story.now += 2 * day

    assert found(story) == {"unverified": ["Bob"]}
    assert count_dead_ends(story.now) == 1


def test_who_the_steps_of_an_escalation_reach_is_reached(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", verified=False)
    Contact.objects.update(is_proved=True)
    steps = [StepInput(targets=[(ann.pk, ["sms"]), (bob.pk, ["phone"])])]
    chain = create_escalation(by=ADMIN, now=story.now, name="Chain", steps=steps)

    story.policy({bob: ["sms"]}, name="only by its chain", escalation_id=chain.pk)

    assert found(story) == {"unverified": ["Bob"]}


def test_a_schedule_that_nobody_fills_at_night_is_named_with_its_first_gap(story: Story) -> None:
    ann = story.contact("Ann")
    Contact.objects.update(is_proved=True)
    rota = story.schedule([ann], starts_on="2026-11-25", handover_time="09:00", zone="UTC", name="Late")
    story.policy({rota: ["sms"]})

    (section,) = [section for section in coverage(story.now) if section.total]

    assert section.items == (Item("schedule", rota.pk, "Late", story.now, datetime(2026, 11, 25, 9, tzinfo=UTC)),)


def test_a_robot_whose_last_send_failed_is_named_until_one_arrives(story: Story) -> None:
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t", name="Group")
    reach = ObjectReach.objects.create(
        object=robot.object, delivered_at=story.now, failed_at=story.now + timedelta(minutes=1), failure="310000: no"
    )
    (section,) = [section for section in coverage(story.now) if section.total]
    assert (section.dead_end, section.items[0].kind, section.items[0].failure) == (
        DeadEnd.OUTLET,
        "robot",
        "310000: no",
    )

    reach.delivered_at = story.now + timedelta(minutes=2)
    reach.save()

    assert found(story) == {}
    assert address_of("robot", robot.pk) == f"/console/contacts/robot/{robot.pk}/change/"


def test_contacts_without_proof_are_advice_and_not_counted_as_broken(story: Story) -> None:
    story.contact("Ann")

    assert found(story) == {"unproved": ["Ann"]}
    assert count_dead_ends(story.now) == 0


def test_as_many_statements_for_many_as_for_few(story: Story, django_assert_max_num_queries: object) -> None:
    for number in range(30):
        story.policy({story.group(name=f"Empty {number}"): ["sms"]})

    with django_assert_max_num_queries(9):  # type: ignore[operator]
        sections = coverage(story.now)

    assert [section.total for section in sections[:2]] == [30, 30]


def test_doctor_warns_of_each_kind_of_dead_end_with_some_names(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = story.contact("Ann", verified=False)
    Contact.objects.update(is_proved=True)
    story.policy({ann: ["phone"]}, name="Nights")
    for number in range(1, 5):
        story.group(name=f"Empty {number}")

    warned = said_by_doctor(story, capsys)
    for group in ContactGroup.objects.all():
        delete_groups(by=ADMIN, now=story.now, ids=[group.pk])
    Contact.objects.update(phone_verified_at=story.now)

    assert [text for level, text in warned if level == "warning"] == [
        "Policies that reach nobody: 1 (Nights)",
        "Contact groups without members: 4 (Empty 1, Empty 2, Empty 3, ...)",
        "Told by phone or text message, but not verified: 1 (Ann)",
    ]
    assert said_by_doctor(story, capsys) == [("ok", "every enabled policy reaches somebody; no dead ends")]


def test_without_any_enabled_policy_nothing_is_called_well(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    ann = story.contact("Ann")
    Contact.objects.update(is_proved=True)
    disable_policy(by=ADMIN, now=story.now, policy_id=story.policy({ann: ["sms"]}).pk)

    with pytest.raises(SystemExit) as ended:
        show()

    assert ended.value.code == 3
    assert capsys.readouterr().out.strip() == "No notification policy is enabled, so nobody is told of anything."
    assert said_by_doctor(story, capsys) == [
        ("warning", "No notification policy is enabled, so nobody is told of anything.")
    ]


def said_by_doctor(story: Story, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """Level and text of its rows about coverage."""
    with time_machine.travel(story.now, tick=False), pytest.raises(SystemExit):
        doctor(as_json=True)
    found = json.loads(capsys.readouterr().out)
    return [(row["level"], row["text"]) for row in found if row["name"] == "coverage"]
