"""Robots: chatbots of IM groups."""

from __future__ import annotations

from datetime import datetime
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
