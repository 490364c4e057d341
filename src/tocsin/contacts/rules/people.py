"""Who can be reached over what, and by which ID a platform knows somebody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tocsin.channels.kinds import Channel

_TELEGRAM = "telegram:"
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{5,30}")


class Fallback(StrEnum):
    """What follows when a phone notification fails."""

    DEFAULT = "default"
    NONE = "none"
    CALL = "call"
    SMS = "sms"


class ContactReason(StrEnum):
    """Why a contact cannot be told something; the values are those of delivery's reasons."""

    NO_PHONE = "no_phone"
    UNVERIFIED_PHONE = "unverified_phone"
    NO_EMAIL = "no_email"
    BOUNCED = "bounced"
    """Is tried all the same."""


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact as decisions need it; what it does not have is "". `fallback` is its own choice, perhaps DEFAULT."""

    id: int
    name: str
    phone: str
    is_phone_verified: bool
    email: str
    fallback: Fallback
    user_id: str
    dingtalk_user_id: str
    lark_user_id: str
    wecom_user_id: str
    language: str
    time_zone: str
    has_legacy_chatbot: bool


@dataclass(frozen=True, slots=True)
class GroupView:
    id: int
    name: str
    member_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RobotView:
    id: int
    name: str
    platform: Channel
    is_enabled: bool
    language: str = ""
    time_zone: str = ""
    provider: str = ""
    """Its kind, by its name in the registry; "" for the platform's first."""


@dataclass(frozen=True, slots=True)
class WebhookView:
    id: int
    name: str
    is_enabled: bool
    language: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """`on_duty_ids`: contacts who are told at the moment of the question; () when nobody is on duty."""

    id: int
    name: str
    on_duty_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """Notification objects by id, the members of the groups among them and who is on duty on the schedules."""

    contacts: Mapping[int, ContactView]
    groups: Mapping[int, GroupView]
    robots: Mapping[int, RobotView]
    webhooks: Mapping[int, WebhookView] = field(default_factory=dict)
    schedules: Mapping[int, ScheduleView] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """Something that uses a notification object, named for a person: kind "policy", its name, where it is edited."""

    object_id: int
    kind: str
    id: int
    name: str
    channels: tuple[str, ...] = ()


def resolved_fallback(own: Fallback, default: Fallback) -> Fallback:
    """What really follows a failed call: never DEFAULT."""
    return default if own is Fallback.DEFAULT else own


def why_not_reachable(contact: ContactView, channel: Channel) -> ContactReason | None:
    """None when a message over the channel (phone, sms, email) can be tried. ValueError for channels of groups."""
    match channel:
        case Channel.PHONE | Channel.SMS:
            if not contact.phone:
                return ContactReason.NO_PHONE
            return None if contact.is_phone_verified else ContactReason.UNVERIFIED_PHONE
        case Channel.EMAIL:
            return None if contact.email else ContactReason.NO_EMAIL
        case _:
            raise ValueError(f"{channel} does not reach one person")


def mention_id(contact: ContactView, platform: Channel) -> str:
    """The ID by which a robot of the platform can mention the contact, or "".

    The platform's own ID wins over the common one. Lark takes `ou_` open IDs only and ignores others silently; the
    other platforms know nothing of those. Slack's member IDs are unlike all others.
    """
    if platform is Channel.SLACK:
        return contact.user_id if _SLACK_ID.fullmatch(contact.user_id) else ""
    own = {
        Channel.DINGTALK: contact.dingtalk_user_id,
        Channel.LARK: contact.lark_user_id,
        Channel.WECOM: contact.wecom_user_id,
    }.get(platform, "")
    found = own or contact.user_id
    if found.startswith(_TELEGRAM):
        return ""
    return found if is_lark_open_id(found) == (platform is Channel.LARK) else ""


def common_id(platform: Channel, user_id: str) -> str:
    """How a platform's ID is written in the common field, so that it is nobody's on another platform; "" where it is
    not looked for there: a bare number may be anybody's staff number.
    """
    if platform is Channel.SLACK:
        return user_id if _SLACK_ID.fullmatch(user_id) else ""
    if platform is Channel.TELEGRAM:
        return _TELEGRAM + user_id if user_id.isascii() and user_id.isdigit() else ""
    is_one = not user_id.startswith(_TELEGRAM) and is_lark_open_id(user_id) == (platform is Channel.LARK)
    return user_id if is_one else ""


def is_lark_open_id(user_id: str) -> bool:
    return user_id.startswith("ou_")
