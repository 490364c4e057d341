"""Whom a policy tells, over which channels and when, as this API writes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.conf import settings

from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.queries import names_of
from tocsin.policies.models import PolicyVersion
from tocsin.policies.queries import targets_of
from tocsin.web.arms.errors import invalid
from tocsin.web.arms.parameters import Part

PERSONAL: Mapping[str, Channel] = {"email": Channel.EMAIL, "sms": Channel.SMS, "tts": Channel.PHONE}
"""In the order in which the original's documents write them, and so those who write files for Terraform."""
_ROBOTS = ("dingTalk", "wechat", "feishu")
_KNOWN = frozenset({*PERSONAL, *_ROBOTS, "webhook"})
_KINDS: Mapping[str, frozenset[str]] = {
    "CONTACT": frozenset({"contact", "webhook"}),
    "ARMS_CONTACT": frozenset({"contact", "webhook"}),
    "CONTACT_GROUP": frozenset({"group"}),
    "ARMS_CONTACT_GROUP": frozenset({"group"}),
    "DING_ROBOT_GROUP": frozenset({"robot"}),
    "DING_ROBOT": frozenset({"robot"}),
    "CONTACT_SCHEDULE": frozenset({"schedule"}),
}
_SHOWN = {
    "contact": "CONTACT",
    "webhook": "CONTACT",
    "group": "CONTACT_GROUP",
    "robot": "DING_ROBOT_GROUP",
    "schedule": "CONTACT_SCHEDULE",
}
ALL_DAY = ("00:00", "23:59")


class NotifyObject(Part):
    """`notify_type` is what the older actions call the type. The ID says who it is: names are passed over."""

    notify_object_id: int
    notify_object_type: str = ""
    notify_type: str = ""
    notify_channels: list[str] = []
    notify_object_name: Any = None
    name: Any = None


class NotifyRule(Part):
    notify_objects: list[NotifyObject]
    notify_channels: list[str] = []
    notify_start_time: str = ""
    notify_end_time: str = ""


def read_targets(name: str, rules: Sequence[NotifyRule]) -> list[tuple[int, list[str]]]:
    """Objects with their own channels, else the rule's. Who is named twice gets the channels of both."""
    named = names_of([item.notify_object_id for rule in rules for item in rule.notify_objects])
    found: dict[int, list[str]] = {}
    for rule in rules:
        for item in rule.notify_objects:
            typed = item.notify_object_type or item.notify_type
            known = named.get(item.notify_object_id)
            if known is None or known.kind not in _KINDS.get(typed, ()):
                raise invalid(name, f"There is no {typed or 'object without a type'} {item.notify_object_id}.")
            channels = _channels(name, item.notify_channels or rule.notify_channels)
            is_person = known.kind not in ("robot", "webhook")
            before = found.setdefault(known.id, [])
            before += [channel for channel in channels if is_person and channel not in before]
    return list(found.items())


def read_window(rule: NotifyRule, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """By the installation's clocks; from midnight to midnight is no window. Days and what happens outside stay, and all
    of it when the hours are those that are shown: days without hours are shown as whole days.
    """
    start, end = rule.notify_start_time or ALL_DAY[0], rule.notify_end_time or ALL_DAY[1]
    if before is not None and (start, end) == _shown_hours(before):
        return dict(before)
    if (start, end) in (ALL_DAY, ("00:00", "24:00")):
        return None
    return {"zone": settings.TIME_ZONE, **(before or {}), "start": start, "end": end}


def _shown_hours(window: Mapping[str, Any] | None) -> tuple[str, str]:
    """The end of a day is written as these programs write it: they would change another spelling for ever."""
    if not window:
        return ALL_DAY
    return window["start"], ALL_DAY[1] if window["end"] == "00:00" else window["end"]


def shown_notify_rules(versions: Collection[PolicyVersion | None]) -> dict[int, dict[str, Any]]:
    """Version -> its NotifyRule, in two statements."""
    known = [version for version in versions if version is not None]
    targets = targets_of([version.pk for version in known])
    named = names_of({object_id for rows in targets.values() for object_id, _channels in rows})
    return {version.pk: _shown(version, targets.get(version.pk, []), named) for version in known}


def shown_channels(channels: Collection[str]) -> list[str]:
    return [name for name, channel in PERSONAL.items() if channel in channels]


def _shown(
    version: PolicyVersion, targets: Sequence[tuple[int, list[str]]], named: Mapping[int, Any]
) -> dict[str, Any]:
    start, end = _shown_hours(version.sending_window)
    used = {channel for _id, channels in targets for channel in channels}
    kinds = {named[object_id].kind for object_id, _channels in targets if object_id in named}
    return {
        "NotifyStartTime": start,
        "NotifyEndTime": end,
        "NotifyChannels": [
            *(["dingTalk"] if "robot" in kinds else []),
            *shown_channels(used),
            *(["webhook"] if "webhook" in kinds else []),
        ],
        "NotifyObjects": [
            {
                "NotifyObjectType": _SHOWN.get(named[object_id].kind, "CONTACT"),
                "NotifyObjectId": object_id,
                "NotifyObjectName": named[object_id].name,
                "NotifyChannels": shown_channels(channels),
            }
            for object_id, channels in targets
            if object_id in named
        ],
    }


def _channels(name: str, typed: Sequence[str]) -> list[str]:
    if unknown := [channel for channel in typed if channel not in _KNOWN]:
        raise invalid(name, f"There is no channel {unknown[0][:40]}; there are {', '.join(sorted(_KNOWN))}.")
    return [channel.value for channel in PERSONAL_CHANNELS if any(PERSONAL.get(item) is channel for item in typed)]
