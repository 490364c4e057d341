"""Who is told over what, and who is not and why: one pure function for the worker, `tocsin explain` and the console."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.rules import ContactView, Directory, RobotView, mention_id, why_not_reachable
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.delivery.rules.states import Priority, Reason
from tocsin.policies.rules import is_used

_NO_LIMITS: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """One message to be made. `mention_ids` are contacts that a robot's message mentions."""

    recipient_id: int
    name: str
    channel: Channel
    address_masked: str = ""
    language: str = ""
    time_zone: str = ""
    mention_ids: tuple[int, ...] = ()
    is_legacy_chatbot: bool = False

    @property
    def priority(self) -> Priority:
        return Priority.PHONE if self.channel is Channel.PHONE else Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Somebody who is not told over a channel (or, for NO_USER_ID, not mentioned), and why."""

    object_id: int
    name: str
    channel: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    deliveries: tuple[PlannedDelivery, ...]
    shortfalls: tuple[Shortfall, ...]


def plan(
    targets: Sequence[tuple[int, Sequence[Channel]]],
    directory: Directory,
    *,
    channels_carried: Collection[Channel],
    mentions_by: Mapping[str, Sequence[str]],
    is_recovery: bool = False,
    severity: int = 1,
    severity_limits: Mapping[str, int] = _NO_LIMITS,
) -> Plan:
    """Each person once per channel, whatever groups name them; each webhook, and each robot, mentioning everyone.

    `targets`: notification object id and, for people, its channels. `channels_carried`: those with an account (or,
    for robots, a provider). `mentions_by`: per kind of robots and per platform, what a mention can use ("phone",
    "user_id"). Good news wakes nobody: a recovery is texted to those who would be called, where text messages are
    carried. `severity_limits`: channels that are kept for alerts at least so severe; each that would be used otherwise
    is one shortfall. The order in which objects, members or people are named makes no difference.
    """
    named = _recipients(targets, directory)
    shortfalls = list(named.shortfalls)
    deliveries: list[PlannedDelivery] = []
    for contact_id, wanted in named.people.items():
        if is_recovery and Channel.PHONE in wanted and Channel.SMS in channels_carried:
            wanted = wanted - {Channel.PHONE} | {Channel.SMS}
        _plan_person(directory.contacts[contact_id], wanted, channels_carried, deliveries, shortfalls)
    people = [directory.contacts[contact_id] for contact_id in named.people]
    for robot_id in named.robot_ids:
        _plan_robot(directory.robots[robot_id], people, channels_carried, mentions_by, deliveries, shortfalls)
    for webhook_id in named.webhook_ids:
        webhook = directory.webhooks[webhook_id]
        if webhook.is_enabled:
            deliveries.append(PlannedDelivery(webhook_id, webhook.name, Channel.WEBHOOK, language=webhook.language))
        else:
            shortfalls.append(Shortfall(webhook_id, webhook.name, Channel.WEBHOOK, Reason.WEBHOOK_DISABLED))
    used = [item for item in deliveries if is_used(severity_limits, item.channel, severity)]
    kept = {item.channel for item in deliveries} - {item.channel for item in used}
    shortfalls = [
        item for item in shortfalls if not item.channel or is_used(severity_limits, Channel(item.channel), severity)
    ]
    shortfalls += [Shortfall(0, "", channel, Reason.NOT_AT_SEVERITY) for channel in sorted(kept)]
    return Plan(tuple(used), tuple(dict.fromkeys(shortfalls)))


def plan_recovery(
    targets: Sequence[tuple[int, Sequence[Channel]]],
    directory: Directory,
    *,
    heard: Collection[tuple[int, Channel]],
    channels_carried: Collection[Channel],
    mentions_by: Mapping[str, Sequence[str]],
    severity: int = 1,
    severity_limits: Mapping[str, int] = _NO_LIMITS,
) -> Plan:
    """As `plan`, for good news: it goes wherever the bad went, too (`heard`: recipients and channels).

    So it finds who is off duty by now, a channel that is kept for alerts more severe than this one is by now, and one
    that a step of an escalation or an assignment used.
    """

    def planned(named: Sequence[tuple[int, Sequence[Channel]]], limits: Mapping[str, int]) -> Plan:
        return plan(
            named, directory, channels_carried=channels_carried, mentions_by=mentions_by, is_recovery=True,
            severity=severity, severity_limits=limits,
        )  # fmt: skip

    made = planned(targets, severity_limits)
    if not heard:
        return made
    named = [(pk, (channel,) if channel in PERSONAL_CHANNELS else ()) for pk, channel in sorted(heard)]
    called = ((pk, Channel.SMS) for pk, channel in heard if channel is Channel.PHONE)
    wanted = {*heard, *called} - {(item.recipient_id, item.channel) for item in made.deliveries}
    unlimited = planned([*targets, *named], _NO_LIMITS).deliveries
    more = (item for item in unlimited if (item.recipient_id, item.channel) in wanted)
    return Plan((*made.deliveries, *more), made.shortfalls)


def assignee_channels(
    contact_id: int, among: Sequence[tuple[int, Sequence[Channel]]], directory: Directory
) -> tuple[Channel, ...]:
    """Those over which the policy's objects tell this contact; text message and email where they do not."""
    found: dict[Channel, None] = {}
    for object_id, channels in among:
        group, schedule = directory.groups.get(object_id), directory.schedules.get(object_id)
        members = group.member_ids if group else schedule.on_duty_ids if schedule else (object_id,)
        if contact_id in members:
            found.update(dict.fromkeys(channels))
    return tuple(found) or (Channel.SMS, Channel.EMAIL)


def can_mention(contact: ContactView, platform: Channel, mentions_by: Sequence[str]) -> bool:
    return ("user_id" in mentions_by and bool(mention_id(contact, platform))) or (
        "phone" in mentions_by and bool(contact.phone)
    )


@dataclass(frozen=True, slots=True)
class _Recipients:
    """Who is told when all that the targets name is told: each once, by id."""

    people: Mapping[int, set[Channel]]
    robot_ids: Sequence[int]
    webhook_ids: Sequence[int]
    shortfalls: Sequence[Shortfall]


def _recipients(targets: Sequence[tuple[int, Sequence[Channel]]], directory: Directory) -> _Recipients:
    people: dict[int, set[Channel]] = {}
    robots: set[int] = set()
    webhooks: set[int] = set()
    shortfalls: list[Shortfall] = []
    for object_id, channels in sorted(targets, key=lambda target: target[0]):
        if object_id in directory.robots:
            robots.add(object_id)
        elif object_id in directory.webhooks:
            webhooks.add(object_id)
        elif object_id in directory.contacts:
            people.setdefault(object_id, set()).update(channels)
        elif (group := directory.groups.get(object_id)) is not None:
            if not group.member_ids:
                shortfalls.append(Shortfall(object_id, group.name, "", Reason.EMPTY_GROUP))
            for member_id in group.member_ids:
                people.setdefault(member_id, set()).update(channels)
        elif (schedule := directory.schedules.get(object_id)) is not None:
            if not schedule.on_duty_ids:
                shortfalls.append(Shortfall(object_id, schedule.name, "", Reason.NOBODY_ON_DUTY))
            for contact_id in schedule.on_duty_ids:
                people.setdefault(contact_id, set()).update(channels)
    if not targets:
        shortfalls.append(Shortfall(0, "", "", Reason.NO_TARGETS))
    return _Recipients(dict(sorted(people.items())), sorted(robots), sorted(webhooks), shortfalls)


def _plan_robot(
    robot: RobotView,
    people: Sequence[ContactView],
    channels_carried: Collection[Channel],
    mentions_by: Mapping[str, Sequence[str]],
    deliveries: list[PlannedDelivery],
    shortfalls: list[Shortfall],
) -> None:
    """Who cannot be mentioned is one shortfall each; the message goes out all the same."""
    if not robot.is_enabled:
        shortfalls.append(Shortfall(robot.id, robot.name, robot.platform, Reason.ROBOT_DISABLED))
        return
    if robot.platform not in channels_carried:
        shortfalls.append(Shortfall(robot.id, robot.name, robot.platform, Reason.NO_ACCOUNT))
        return
    mentioned = []
    by = mentions_by.get(robot.provider, mentions_by.get(robot.platform, ()))
    for contact in people if by else ():
        if can_mention(contact, robot.platform, by):
            mentioned.append(contact.id)
        else:
            shortfalls.append(Shortfall(contact.id, contact.name, robot.platform, Reason.NO_USER_ID))
    deliveries.append(
        PlannedDelivery(
            robot.id,
            robot.name,
            robot.platform,
            language=robot.language,
            time_zone=robot.time_zone,
            mention_ids=tuple(mentioned),
        )
    )


def _plan_person(
    contact: ContactView,
    channels: Collection[Channel],
    channels_carried: Collection[Channel],
    deliveries: list[PlannedDelivery],
    shortfalls: list[Shortfall],
) -> None:
    for channel in PERSONAL_CHANNELS:
        if channel not in channels:
            continue
        if (lack := why_not_reachable(contact, channel)) is not None:
            shortfalls.append(Shortfall(contact.id, contact.name, channel, Reason(lack.value)))
        elif channel not in channels_carried:
            shortfalls.append(Shortfall(contact.id, contact.name, channel, Reason.NO_ACCOUNT))
        else:
            masked = mask_email(contact.email) if channel is Channel.EMAIL else mask_phone(contact.phone)
            deliveries.append(
                PlannedDelivery(
                    contact.id, contact.name, channel, masked, language=contact.language, time_zone=contact.time_zone
                )
            )
    if contact.has_legacy_chatbot and Channel.DINGTALK in channels_carried:
        deliveries.append(
            PlannedDelivery(
                contact.id,
                contact.name,
                Channel.DINGTALK,
                language=contact.language,
                time_zone=contact.time_zone,
                is_legacy_chatbot=True,
            )
        )
