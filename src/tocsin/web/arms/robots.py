"""Robots of IM groups: `CreateOrUpdateIMRobot`, `DescribeIMRobots`, `DeleteIMRobot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from django.conf import settings
from msgspec import UNSET, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Robot
from tocsin.contacts.queries import uses_of
from tocsin.contacts.services import create_robot, delete_robots, update_robot
from tocsin.core.errors import NotFoundError
from tocsin.web.arms.errors import invalid
from tocsin.web.arms.masks import KEPT, changed_url, masked_url, sees_secrets
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import among, page_of
from tocsin.web.arms.parameters import Id, Paged, Request, given, read_ids

_TYPES: Mapping[str, Channel] = {"dingding": Channel.DINGTALK, "wechat": Channel.WECOM, "feishu": Channel.LARK}
_NAMES_OF = {channel.value: name for name, channel in _TYPES.items()}
_KEYWORD = {"zh-hans": "告警"}
"""By which a DingTalk group knows the robot's messages when there is no signing key; else `Alert`."""
NAMES = {
    "name": "RobotName",
    "url": "RobotAddress",
    "secret": "DingSignKey",
    "daily_times": "DailyNocTime",
    "platform": "Type",
}


class CreateOrUpdateIMRobot(Request):
    robot_name: str
    robot_address: str
    type: str
    robot_id: Id | UnsetType = UNSET
    ding_sign_key: str | UnsetType = UNSET
    daily_noc: bool | UnsetType = UNSET
    daily_noc_time: str | UnsetType = UNSET


class DeleteIMRobot(Request):
    robot_id: Id


class DescribeIMRobots(Paged):
    robot_ids: str | UnsetType = UNSET
    robot_name: str = ""


def create_or_update(asked: CreateOrUpdateIMRobot, caller: Caller) -> Answer:
    """What is omitted stays."""
    platform = _TYPES.get(asked.type)
    if platform is None:
        raise invalid("Type", f"Type is one of {', '.join(_TYPES)}.")
    times = (
        None if asked.daily_noc_time is UNSET else [part for part in asked.daily_noc_time.split(",") if part.strip()]
    )
    secret = None if asked.ding_sign_key == KEPT else given(asked.ding_sign_key)
    sends_daily = given(asked.daily_noc)
    if asked.robot_id is UNSET:
        is_by_keyword = platform is Channel.DINGTALK and not secret
        robot = create_robot(
            by=caller.by,
            now=caller.now,
            name=asked.robot_name,
            platform=platform,
            url=asked.robot_address,
            secret=secret or "",
            keyword=_KEYWORD.get(settings.DEFAULT_LANGUAGE, "Alert") if is_by_keyword else "",
            sends_daily=bool(sends_daily),
            daily_times=times or (),
        )
    else:
        stored = Robot.objects.filter(pk=asked.robot_id).first()
        if stored is not None and stored.platform != platform:
            raise invalid("Type", "A robot keeps its type: delete it and create another.")
        robot = update_robot(
            by=caller.by,
            now=caller.now,
            robot_id=asked.robot_id,
            version=None,
            name=asked.robot_name,
            url=changed_url(asked.robot_address, stored.url) if stored is not None else None,
            secret=secret,
            sends_daily=sends_daily,
            daily_times=times,
        )
    return {
        "AlertRobot": {
            "RobotId": robot.pk,
            "RobotName": robot.name,
            "RobotAddress": asked.robot_address,
            "Type": asked.type,
            "DailyNoc": robot.sends_daily,
            "DailyNocTime": ",".join(robot.daily_times),
            "CardTemplate": "",
            "EnableOutgoing": False,
            "Token": "",
        }
    }


def describe(asked: DescribeIMRobots, caller: Caller) -> Answer:
    found = among(Robot.objects.order_by("pk"), asked.robot_name, read_ids("RobotIds", asked.robot_ids))

    def shown(robots: Sequence[Robot]) -> list[dict[str, Any]]:
        is_whole = sees_secrets(caller, robots, ("url", "secret"))
        rules: dict[int, list[dict[str, Any]]] = {}
        for use in uses_of([robot.pk for robot in robots]):
            if use.kind == "policy":
                rules.setdefault(use.object_id, []).append({"id": use.id, "name": use.name})
        return [
            {
                "RobotId": robot.pk,
                "RobotName": robot.name,
                "RobotAddr": robot.url if is_whole else masked_url(robot.url),
                "DingSignKey": robot.secret if is_whole or not robot.secret else KEPT,
                "Type": _NAMES_OF.get(robot.platform, robot.platform),
                "DailyNoc": robot.sends_daily,
                "DailyNocTime": ",".join(robot.daily_times),
                "CreateTime": robot.created_at.astimezone(UTC).isoformat(timespec="seconds"),
                "DispatchRules": rules.get(robot.pk, []),
            }
            for robot in robots
        ]

    return page_of(found, asked, "AlertIMRobots", shown)


def delete(asked: DeleteIMRobot, caller: Caller) -> Answer:
    if not Robot.objects.filter(pk=asked.robot_id).exists():
        raise NotFoundError("There is no such robot.")
    delete_robots(by=caller.by, now=caller.now, ids=[asked.robot_id])
    return {"IsSuccess": True}


OPERATIONS = (
    Operation(CreateOrUpdateIMRobot, Permission.MANAGE, create_or_update, NAMES),
    Operation(DescribeIMRobots, Permission.VIEW, describe),
    Operation(DeleteIMRobot, Permission.MANAGE, delete),
)
