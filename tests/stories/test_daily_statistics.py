"""What a robot tells of the day: when, what, once, and what becomes of a moment at which nobody worked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from simulators.dingtalk import DingtalkSimulator
from simulators.wecom import WecomSimulator
from tests.chaos.threads import at_once
from tests.stories.harness import ADMIN, Story, begin
from tocsin.alerts.services import claim_alert
from tocsin.contacts.models import Robot
from tocsin.contacts.services import create_robot, update_robot
from tocsin.delivery.dailies import send_dailies
from tocsin.delivery.models import DailyReport, Delivery
from tocsin.delivery.retention import forget

HOUR = 3600.0


@pytest.fixture
def dingtalk() -> Iterator[DingtalkSimulator]:
    with DingtalkSimulator(secret="SECdemo0123456789") as simulator:
        yield simulator


def robot_of(story: Story, dingtalk: DingtalkSimulator, *times: str, **fields: object) -> Robot:
    """The story begins at 12:00 UTC, which is 20:00 in Shanghai."""
    given = {"secret": dingtalk.secret, "sends_daily": True, "daily_times": times, "time_zone": "Asia/Shanghai"}
    return story.robot(dingtalk.webhook, **given | fields)


def test_the_group_is_told_of_alerts_raised_resolved_and_pending_today(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    silent = story.contact("Silent", phone=None)
    story.policy({silent: ["email"]}, group_by=["alertname"], sends_recovery=False)
    for name in ("Disk full", "Memory low", "Load high"):
        story.fires(name)
    story.passes(10)
    story.recovers("Disk full")
    story.passes(60)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    for _ in range(3):
        story.expect_mail(silent)
    robot = robot_of(story, dingtalk, "21:00")

    story.passes(HOUR)

    told = story.expect_group_message(robot, "Alert statistics of 2026-11-23, 21:00")
    assert told.text.splitlines()[1:5] == [
        "Raised today: 3", "Resolved today: 1", "Pending now: 1", "Being handled now: 1",
    ]  # fmt: skip
    assert told.delivery.purpose == "daily"
    assert "**3**" in dingtalk.messages[0].text


def test_each_time_of_each_day_is_told_once_in_the_language_of_the_group(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    robot = robot_of(story, dingtalk, "09:30", "21:00", language="zh-hans")

    story.passes(38 * HOUR)

    for moment in ("2026-11-23, 21:00", "2026-11-24, 09:30", "2026-11-24, 21:00", "2026-11-25, 09:30"):
        story.expect_group_message(robot, *moment.split(", "), "今日产生: 0")
    assert list(DailyReport.objects.order_by("due_at").values_list("due_at", flat=True)) == [
        datetime(2026, 11, 23, 13, tzinfo=UTC),
        datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
        datetime(2026, 11, 24, 13, tzinfo=UTC),
        datetime(2026, 11, 25, 1, 30, tzinfo=UTC),
    ]


def test_at_midnight_the_day_that_ends_is_told_of(story: Story, dingtalk: DingtalkSimulator) -> None:
    story.policy({story.contact("Silent", phone=None): ["email"]})
    robot = robot_of(story, dingtalk, "00:00")
    story.fires("Disk full")
    story.passes(10)
    story.expect_mail(Delivery.objects.get().recipient.contact)

    story.passes(4 * HOUR)

    story.expect_group_message(robot, "Alert statistics of 2026-11-23, 00:00", "Raised today: 1")


def test_a_worker_that_comes_back_within_half_an_hour_still_tells(story: Story, dingtalk: DingtalkSimulator) -> None:
    robot = robot_of(story, dingtalk, "21:00")

    story.now = datetime(2026, 11, 23, 13, 29, tzinfo=UTC)  # nobody worked until now
    story.passes()

    story.expect_group_message(robot, "Alert statistics of 2026-11-23, 21:29")


def test_what_is_later_is_left_out_and_kept_as_missed(story: Story, dingtalk: DingtalkSimulator) -> None:
    robot = robot_of(story, dingtalk, "09:30", "21:00")

    story.now = datetime(2026, 11, 24, 13, 10, tzinfo=UTC)
    story.passes()

    story.expect_group_message(robot, "Alert statistics of 2026-11-24")
    missed = Delivery.objects.filter(state="skipped").order_by("planned_at")
    assert [(row.planned_at, row.reason) for row in missed] == [
        (datetime(2026, 11, 23, 13, tzinfo=UTC), "too_late"),
        (datetime(2026, 11, 24, 1, 30, tzinfo=UTC), "too_late"),
    ]


def test_a_robot_that_is_off_or_whose_statistics_are_says_nothing(story: Story, dingtalk: DingtalkSimulator) -> None:
    robots = [robot_of(story, dingtalk, "21:00"), robot_of(story, dingtalk, "21:00")]
    update_robot(by=ADMIN, now=story.now, robot_id=robots[0].pk, version=None, is_enabled=False)
    update_robot(by=ADMIN, now=story.now, robot_id=robots[1].pk, version=None, sends_daily=False)

    story.passes(24 * HOUR)

    assert not Delivery.objects.exists()


def test_a_robot_switched_off_after_its_moment_was_planned_is_not_written_to(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    robot = robot_of(story, dingtalk, "21:00")
    dingtalk.answer_next(-1, "busy")
    story.passes(HOUR)

    update_robot(by=ADMIN, now=story.now, robot_id=robot.pk, version=None, is_enabled=False)
    story.passes(60)

    last = story.delivery(robot, "dingtalk")
    assert (last.state, last.reason, dingtalk.messages) == ("skipped", "robot_disabled", [])


def test_a_moment_that_was_told_is_not_told_again_when_the_times_are_changed_to_and_fro(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    robot = robot_of(story, dingtalk, "21:00")
    story.passes(HOUR)
    story.expect_group_message(robot)
    Robot.objects.filter(pk=robot.pk).update(daily_due_at=story.now)  # as after a clock that went back

    story.passes(60)

    assert (len(dingtalk.messages), DailyReport.objects.count()) == (1, 1)


def test_a_message_whose_answer_was_lost_is_not_sent_twice(story: Story) -> None:
    with WecomSimulator() as group:
        robot = story.robot(group.webhook, platform="wecom", sends_daily=True, daily_times=["13:00"])
    story.passes(HOUR)  # the group cannot be reached any more
    assert story.delivery(robot, "wecom").state == "planned"
    Delivery.objects.update(state="ambiguous", next_at=None)

    story.passes(HOUR)

    assert story.delivery(robot, "wecom").attempt_count == 1


def test_old_reports_are_forgotten_with_their_messages(story: Story, dingtalk: DingtalkSimulator) -> None:
    robot = robot_of(story, dingtalk, "21:00")
    story.passes(HOUR)
    story.expect_group_message(robot)
    story.expected |= set(Delivery.objects.values_list("attempts__pk", flat=True))

    forget(datetime(2027, 11, 23, tzinfo=UTC))

    assert not DailyReport.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_moment_tell_once(now: datetime) -> None:
    begin(now)
    for number in range(20):
        create_robot(
            by=ADMIN, now=now, name=f"Robot {number}", platform="dingtalk", sends_daily=True, daily_times=["13:00"],
            url="https://oapi.dingtalk.com/robot/send?access_token=abc",
        )  # fmt: skip
    due = now.replace(hour=13)

    done = at_once(*[lambda: send_dailies(due)] * 3)

    assert sum(done) == 20
    assert DailyReport.objects.count() == Delivery.objects.filter(purpose="daily").count() == 20


def test_a_robot_whose_settings_cannot_be_read_keeps_no_other_one_waiting(
    story: Story, dingtalk: DingtalkSimulator
) -> None:
    lost, other = robot_of(story, dingtalk, "21:00"), robot_of(story, dingtalk, "21:00")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE contacts_robot SET settings = 'v1:00000000:lost' WHERE id = %s", [lost.pk])

    send_dailies(story.now + timedelta(hours=1))

    assert Delivery.objects.filter(purpose="daily", recipient_id__in=[lost.pk, other.pk]).count() == 2
