"""`/robots`: chatbots of IM groups. Their addresses and secrets are taken and never shown."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query
from pydantic import Field

from tocsin.accounts.rules import Scope
from tocsin.channels.kinds import Channel
from tocsin.contacts import services
from tocsin.contacts.models import Robot
from tocsin.contacts.queries import outlet_reach
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery.services import send_test
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, Versioned, taken
from tocsin.web.rest.paging import Page, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName, Deleted, Outlet, Queued, deleted, outlet
from tocsin.web.rest.versions import expected_version

robots = Resource("Robots", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)
_URL = "https://oapi.dingtalk.com/robot/send?access_token=..."


class RobotOut(Versioned):
    """`url`, `secret` and `settings` are secrets and not shown."""

    name: str = Field(examples=["Operations group"])
    platform: str = Field(examples=["dingtalk"])
    provider: str = Field(description="The kind of robot; empty: the platform's first.")
    has_secret: bool
    keyword: str
    language: str
    time_zone: str
    sends_daily: bool
    daily_times: list[str] = Field(examples=[["09:00"]])
    enabled: bool
    reach: Outlet
    created_at: Moment


class RobotChanges(Typed):
    """What is left out stays; null or an empty text removes it."""

    name: str = Field("", max_length=200, examples=["Operations group"])
    url: str | None = Field(None, max_length=2000, description="Write-only.", examples=[_URL])
    secret: str | None = Field(None, max_length=500, description="Write-only.")
    keyword: str | None = Field(None, max_length=200)
    settings: dict[str, str] = Field({}, description="What its kind needs besides. Write-only.")
    language: str | None = Field(None, max_length=16)
    time_zone: str | None = Field(None, max_length=64)
    sends_daily: bool = Field(False, description="Statistics of the day go to the group.")
    daily_times: list[str] = Field([], max_length=24, examples=[["09:00"]])
    enabled: bool = True


class NewRobot(RobotChanges):
    name: str = Field(max_length=200, examples=["Operations group"])
    platform: Channel = Field(examples=["dingtalk"])
    provider: str = Field("", max_length=32)


@robots.get("", Page[RobotOut])
def list_robots(request: HttpRequest, asked: Query[ByName]) -> Any:
    found = asked.among(Robot.objects.all())
    rows, following = one_page(found.order_by("pk"), ("pk",), asked)
    return Page[RobotOut](items=_shown(rows), next=following)


@robots.creation("", RobotOut)
def create_robot(request: HttpRequest, typed: NewRobot) -> Any:
    return _shown([services.create_robot(by=actor_of(request), now=utc_now(), **typed.given())])[0]


@robots.get("/{int:robot_id}", RobotOut)
def read_robot(request: HttpRequest, robot_id: Id) -> Any:
    return _shown([_robot(robot_id)])[0]


@robots.patch("/{int:robot_id}", RobotOut)
def update_robot(request: HttpRequest, robot_id: Id, typed: RobotChanges, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    robot = services.update_robot(
        by=actor_of(request), now=utc_now(), robot_id=robot_id, version=version, **typed.given()
    )
    return _shown([robot])[0]


@robots.removal("/{int:robot_id}", Deleted)
def delete_robot(request: HttpRequest, robot_id: Id, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    robot = _robot(robot_id)
    return deleted(
        [robot.name], services.delete_robots(by=actor_of(request), now=utc_now(), ids=[robot_id], version=version)
    )


@robots.act("/{int:robot_id}/test", Queued, status=202)
def test_robot(request: HttpRequest, robot_id: Id) -> Any:
    robot = _robot(robot_id)
    sent = send_test(by=actor_of(request), now=utc_now(), object_id=robot_id, channel=Channel(robot.platform))
    return Queued(delivery_id=sent.pk)


def _robot(robot_id: int) -> Robot:
    return existing(Robot.objects.filter(pk=robot_id).first(), "There is no such robot.")


_PLAIN = ("name", "platform", "provider", "keyword", "language", "time_zone", "sends_daily", "daily_times",
          "enabled", "created_at", "version")  # fmt: skip


def _shown(rows: list[Robot]) -> list[RobotOut]:
    reach = outlet_reach([row.pk for row in rows])
    return [
        RobotOut(
            id=row.pk,
            has_secret=bool(row.secret),
            reach=outlet(reach.get(row.pk)),
            **taken(row, _PLAIN),
        )
        for row in rows
    ]
