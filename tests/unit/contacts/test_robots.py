"""Robots: chatbots of IM groups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection

from tocsin.contacts import services
from tocsin.contacts.models import Robot
from tocsin.contacts.queries import directory
from tocsin.contacts.rules import DuplicateError
from tocsin.core.actors import SHELL
from tocsin.core.errors import ConflictError, InvalidInputError

pytestmark = pytest.mark.django_db
URL = "https://oapi.dingtalk.com/robot/send?access_token=" + "ab12" * 16


def make(now: datetime, **fields: Any) -> Robot:
    return services.create_robot(
        by=SHELL, now=now, **{"name": "Ops", "platform": "dingtalk", "url": URL, "secret": "SECabc"} | fields
    )


def test_a_robot_is_a_notification_object(now: datetime) -> None:
    robot = make(now)

    view = directory([robot.pk]).robots[robot.pk]
    assert (view.name, view.platform, view.is_enabled) == ("Ops", "dingtalk", True)


def test_its_address_and_secret_are_encrypted_and_stay_out_of_the_audit_log(now: datetime) -> None:
    robot = make(now)
    services.update_robot(by=SHELL, now=now, robot_id=robot.pk, version=1, secret="SECdef")

    with connection.cursor() as cursor:
        cursor.execute("SELECT url, secret FROM contacts_robot")
        stored = str(cursor.fetchall())
    assert "ab12" not in stored
    assert "SECdef" not in stored
    assert Robot.objects.get().secret == "SECdef"
    audited = str(list(LogEntry.objects.values()))
    assert "ab12" not in audited
    assert "SEC" not in audited


@pytest.mark.parametrize("url", ["", "oapi.dingtalk.com/robot", "ftp://x.example/y", "https://", "https://a b/"])
def test_the_address_must_be_a_web_address_and_the_refusal_does_not_repeat_it(now: datetime, url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, url=url)

    assert refused.value.fields == {"url": "Give the whole webhook address, starting with https:// (or http://)."}


@pytest.mark.parametrize("platform", ["sms", "webhook", "telepathy"])
def test_the_platform_must_be_one_whose_robots_can_be_reached(now: datetime, platform: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, platform=platform)

    assert list(refused.value.fields) == ["platform"]
    assert "dingtalk" in refused.value.fields["platform"]


def test_a_robot_name_is_unique(now: datetime) -> None:
    make(now)

    with pytest.raises(DuplicateError) as refused:
        make(now)

    assert refused.value.fields == {"name": "Ops belongs to Ops already."}


def test_what_is_not_given_stays_and_a_secret_can_be_taken_away(now: datetime) -> None:
    robot = make(now, keyword="alert")

    services.update_robot(by=SHELL, now=now, robot_id=robot.pk, version=1, secret="", is_enabled=False)

    robot.refresh_from_db()
    assert (robot.url, robot.secret, robot.keyword, robot.is_enabled, robot.version) == (URL, "", "alert", False, 2)


def test_somebody_elses_change_is_not_overwritten(now: datetime) -> None:
    robot = make(now)
    services.update_robot(by=SHELL, now=now, robot_id=robot.pk, version=1, name="Ops 2")

    with pytest.raises(ConflictError):
        services.update_robot(by=SHELL, now=now, robot_id=robot.pk, version=1, name="Ops 3")


def test_a_robot_can_be_deleted(now: datetime) -> None:
    robot = make(now)

    services.delete_robots(by=SHELL, now=now, ids=[robot.pk])

    assert not directory([robot.pk]).robots


@pytest.mark.parametrize(
    ("platform", "url", "says"),
    [
        ("dingtalk", "https://10.0.0.8/robot/send?access_token=abc", "10.0.0.8 is a private address"),
        ("dingtalk", "https://ding.example/robot/send?access_token=abc", "are at oapi.dingtalk.com"),
        ("lark", "https://lark.example/open-apis/bot/v2/hook/abc", "are at open.feishu.cn, open.larksuite.com"),
        ("wecom", "https://open.feishu.cn/cgi-bin/webhook/send?key=abc", "address of a Lark robot"),
        ("dingtalk", "https://qyapi.weixin.qq.com/robot/send?access_token=abc", "address of a WeCom robot"),
    ],
)
def test_an_address_that_is_not_the_platforms_is_refused_when_it_is_saved(
    now: datetime, platform: str, url: str, says: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, platform=platform, url=url, secret="")

    assert says in refused.value.fields["url"]
    assert "abc" not in refused.value.fields["url"]


def test_an_operator_allows_a_proxy_by_its_name(now: datetime, settings: Any) -> None:
    settings.OUTGOING_ALLOW = ("lark.example",)

    assert make(now, platform="lark", url="https://lark.example/open-apis/bot/v2/hook/abc", secret="").pk


@pytest.mark.parametrize("field", ["secret", "keyword"])
def test_a_wecom_robot_has_neither_secret_nor_keyword(now: datetime, field: str) -> None:
    url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc"

    with pytest.raises(InvalidInputError) as refused:
        make(now, platform="wecom", url=url, **{"secret": "", field: "x1234567"})

    assert refused.value.fields == {field: "WeCom robot has no such field; it has url, form."}


def test_daily_times_are_read_put_in_order_and_wait_for_their_moment(now: datetime) -> None:
    robot = make(now, sends_daily=True, daily_times=["17:00", "9:30"], time_zone="Asia/Shanghai")

    assert robot.daily_times == ["09:30", "17:00"]
    assert robot.daily_due_at == datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"sends_daily": False}])
def test_daily_statistics_wait_for_nothing_when_they_are_off(now: datetime, change: dict[str, bool]) -> None:
    robot = make(now, sends_daily=True, daily_times=["13:00"])

    robot = services.update_robot(by=SHELL, now=now, robot_id=robot.pk, version=1, **change)
    off = robot.daily_due_at
    robot = services.update_robot(by=SHELL, now=now, robot_id=robot.pk, version=2, **dict.fromkeys(change, True))

    assert off is None
    assert robot.daily_due_at == datetime(2026, 11, 23, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"sends_daily": True}, "Name the times of day"),
        ({"daily_times": ["noon"]}, "noon is no time of day"),
        ({"daily_times": [f"{hour:02d}:00" for hour in range(13)]}, "At most 12"),
    ],
)
def test_daily_times_that_cannot_be_are_refused(now: datetime, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, **fields)

    assert says in refused.value.fields["daily_times"]


def test_the_last_time_cannot_be_taken_away_while_the_statistics_are_on(now: datetime) -> None:
    robot = make(now, sends_daily=True, daily_times=["13:00"])

    with pytest.raises(InvalidInputError) as refused:
        services.update_robot(by=SHELL, now=now, robot_id=robot.pk, version=1, daily_times=[])

    assert list(refused.value.fields) == ["daily_times"]
