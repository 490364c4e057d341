"""Clauses of the promise about delivery that no other story tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Activity
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact, Robot
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import delete_contacts, delete_robots, update_contact, update_robot
from tocsin.delivery.claiming import claim
from tocsin.delivery.models import Lane
from tocsin.delivery.planning import plan_due
from tocsin.delivery.recording import record
from tocsin.delivery.sending import send_all

NOWHERE = "http://127.0.0.1:9/robot/send?access_token=x"


def named(alertname: str) -> list[list[dict[str, str]]]:
    return [[{"key": "alertname", "operator": "eq", "value": alertname}]]


def test_a_call_due_within_a_minute_is_part_of_the_one_that_goes_out_now(story: Story) -> None:
    ann = story.contact(fallback=Fallback.CALL)
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_call(ann, "Disk full").is_busy()

    story.passes(10)
    story.fires("Memory low")
    story.passes(5)
    call = story.expect_call(ann, "2 notifications", "Disk full", "Memory low").answer()
    story.passes(600)

    assert call.delivery.stands_for == 2
    story.expect_silence()


def test_why_somebody_is_not_told_is_written_once_and_again_when_it_changes(story: Story) -> None:
    ann, bob = story.contact("Ann", verified=False), story.contact()
    story.policy({ann: ["sms"], bob: ["email"]}, group_interval=1)
    for instance in ("db1", "db2", "db3"):
        story.fires("Disk full", instance=instance)
        story.passes(5)
        story.expect_mail(bob)
    told_once = Activity.objects.filter(kind="not_told").count()

    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=None, phone="")
    story.fires("Disk full", instance="db4")
    story.passes(5)

    story.expect_mail(bob)
    assert told_once == 1
    reasons = [entry.reasons for entry in story.timeline() if entry.kind == "not_told"]
    assert reasons == [["Ann (sms): the phone number is not verified"], ["Ann (sms): there is no phone number"]]


def test_a_policy_whose_only_contact_was_deleted_warns(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    delete_contacts(by=ADMIN, now=story.now, ids=[ann.pk])

    story.fires("Disk full")
    story.passes(5)

    entries = [entry for entry in story.timeline() if entry.kind in ("nobody_told", "not_told")]
    assert [entry.kind for entry in entries] == ["nobody_told", "not_told"]
    assert story.alert().reasons[0]["reason"] == "no_targets"


def _without_email(story: Story, ann: Contact, robot: Robot) -> None:
    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=None, email="")


def _without_phone(story: Story, ann: Contact, robot: Robot) -> None:
    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=None, phone="")


def _disabled(story: Story, ann: Contact, robot: Robot) -> None:
    update_robot(by=ADMIN, now=story.now, robot_id=robot.pk, version=None, is_enabled=False)


def _deleted(story: Story, ann: Contact, robot: Robot) -> None:
    delete_robots(by=ADMIN, now=story.now, ids=[robot.pk])


@pytest.mark.parametrize(
    ("happens", "channel", "state", "reason"),
    [
        (_without_email, "email", "skipped", "no_email"),
        (_without_phone, "sms", "skipped", "no_phone"),
        (_disabled, "dingtalk", "skipped", "robot_disabled"),
        (_deleted, "dingtalk", "cancelled", "robot_deleted"),
    ],
)
def test_what_changed_after_the_plan_is_seen_at_the_moment_of_sending(
    story: Story, happens: Callable[[Story, Contact, Robot], None], channel: str, state: str, reason: str
) -> None:
    ann, robot = story.contact(), story.robot(NOWHERE)
    to = robot if channel == "dingtalk" else ann
    story.policy({to: [] if to is robot else [channel]}, group_wait=0)
    story.fires("Disk full")
    plan_due(story.now)

    happens(story, ann, robot)
    story.passes()

    delivery = story.delivery(to, channel)
    assert (delivery.state, delivery.reason, delivery.attempt_count) == (state, reason, 0)


def test_where_there_is_no_limit_there_is_no_row_that_all_share(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms", "email"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    story.expect_mail(ann)
    assert not Lane.objects.exists()

    ProviderAccount.objects.filter(provider="outbox_sms").update(limit_count=10, limit_seconds=60)
    story.fires("Memory low")
    story.passes(5)

    story.expect_text(ann)
    story.expect_mail(ann)
    assert Lane.objects.count() == 1


def test_many_messages_take_as_few_statements_as_few(story: Story) -> None:
    few, many = story.group(*(story.contact() for _ in range(3))), story.group(*(story.contact() for _ in range(60)))
    story.policy({few: ["email", "sms"]}, rules=named("Few"), group_wait=0)
    story.policy({many: ["email", "sms"]}, rules=named("Many"), group_wait=0)

    counts = []
    for alertname, people in (("Few", few), ("Many", many)):
        story.fires(alertname)
        with CaptureQueriesContext(connection) as planned:
            plan_due(story.now)
        with CaptureQueriesContext(connection) as claimed:
            claims = claim(story.now, worker_id=1, limit=1000)
        sent, _reported = asyncio.run(send_all(claims))
        with CaptureQueriesContext(connection) as recorded:
            record(sent, story.now)
        counts.append((len(planned), len(claimed), len(recorded)))
        assert len(claims) == 2 * people.members.count()
        for contact in people.members.all():
            story.expect_mail(contact)
            story.expect_text(contact)

    assert counts[0] == counts[1]
