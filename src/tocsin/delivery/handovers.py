"""Hand-overs of schedules, told: to whoever's turn begins, to a group, and to the lead when nobody checks in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Robot
from tocsin.contacts.queries import contact_views
from tocsin.contacts.queries.outlets import ROBOT_SECRETS
from tocsin.contacts.rules import ContactView, why_not_reachable
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.handover_texts import Turn, group_text, silence_text, turn_text
from tocsin.delivery.models import Content, Delivery, HandoverNotice
from tocsin.delivery.render import Text
from tocsin.delivery.rules import DeliveryState, Priority, Purpose, Reason
from tocsin.oncall.models import Handover, Schedule
from tocsin.oncall.services import Taken, take_due_handovers, take_silences


def send_handovers(now: datetime) -> int:
    """Plans what hand-overs that took place, and check-ins that did not, are told by; returns how many rows moved.

    Schedules are locked while theirs are taken and planned, so no other worker does either.
    """
    with transaction.atomic():
        taken, looked_at = take_due_handovers(now=now)
        silent = take_silences(now=now)
        schedules = [*(item.schedule for item in taken), *(row.schedule for row in silent)]
        people = contact_views({pk for pk in _concerned(taken, silent) if pk is not None})
        robots = Robot.objects.defer(*ROBOT_SECRETS).in_bulk(
            {schedule.robot_id for schedule in schedules if schedule.robot_id}
        )
        planned = [delivery for item in taken for delivery in _of_turn(item, people, robots, now)]
        planned += [delivery for item in silent for delivery in _of_silence(item, people, robots, now)]
        _insert(planned)
    return looked_at + len(silent)


def _concerned(taken: Sequence[Taken], silent: Sequence[Handover]) -> Iterable[int | None]:
    for item in taken:
        yield from (item.handover.contact_id, item.handover.keeps_id)
    for row in silent:
        yield from (row.contact_id, row.keeps_id, row.schedule.lead_id)


def _of_turn(
    item: Taken, people: Mapping[int, ContactView], robots: Mapping[int, Robot], now: datetime
) -> Iterable[tuple[HandoverNotice, Delivery]]:
    row, schedule = item.handover, item.schedule
    keeps = people.get(row.keeps_id or 0)
    turn = Turn(
        schedule=schedule.name,
        who=row.contact_name,
        at=row.at,
        until=item.until,
        keeps=keeps.name if keeps else "",
        minutes=schedule.check_in_minutes if row.awaits_check_in else None,
    )
    who = people.get(row.contact_id or 0)
    if who is not None:
        zone = who.time_zone or schedule.time_zone
        for channel in _channels(schedule):
            text = turn_text(turn, channel, language=who.language, time_zone=zone)
            yield HandoverNotice(handover=row), _to_person(who, channel, text, row, now)
    robot = robots.get(schedule.robot_id or 0)
    if robot is not None:
        zone = robot.time_zone or schedule.time_zone
        text = group_text(turn, language=robot.language, time_zone=zone)
        yield HandoverNotice(handover=row), _to_group(robot, text, row, now)


def _of_silence(
    row: Handover, people: Mapping[int, ContactView], robots: Mapping[int, Robot], now: datetime
) -> Iterable[tuple[HandoverNotice, Delivery]]:
    schedule = row.schedule
    keeps = people.get(row.keeps_id or 0)
    turn = Turn(schedule.name, row.contact_name, row.at, None, keeps.name if keeps else "")
    told = {view.id: view for pk in (schedule.lead_id, row.keeps_id) if (view := people.get(pk or 0)) is not None}
    for view in told.values():
        for channel in _channels(schedule):
            stays = keeps is not None and view.id == keeps.id
            text = silence_text(turn, stays=stays, channel=channel, language=view.language)
            yield HandoverNotice(handover=row, is_silence=True), _to_person(view, channel, text, row, now)
    robot = robots.get(schedule.robot_id or 0)
    if robot is not None:
        text = silence_text(turn, stays=False, channel=Channel(robot.platform), language=robot.language)
        yield HandoverNotice(handover=row, is_silence=True), _to_group(robot, text, row, now)


def _channels(schedule: Schedule) -> list[Channel]:
    return [Channel(channel) for channel in schedule.tells_by]


def _to_person(who: ContactView, channel: Channel, text: Text, row: Handover, now: datetime) -> Delivery:
    """What cannot go out is kept, with the reason."""
    lack = why_not_reachable(who, channel)
    return _delivery(
        row,
        now,
        Reason(lack.value) if lack is not None else None,
        recipient_id=who.id,
        recipient_name=who.name,
        address_masked=mask_email(who.email) if channel is Channel.EMAIL else mask_phone(who.phone),
        channel=channel,
        content=Content(subject=text.subject, text=text.text, data=text.data),
        language=who.language or settings.DEFAULT_LANGUAGE,
        priority=Priority.PHONE if channel is Channel.PHONE else Priority.NORMAL,
    )


def _to_group(robot: Robot, text: Text, row: Handover, now: datetime) -> Delivery:
    return _delivery(
        row,
        now,
        None if robot.is_enabled else Reason.ROBOT_DISABLED,
        recipient_id=robot.pk,
        recipient_name=robot.name,
        channel=robot.platform,
        content=Content(subject=text.subject, text=text.text, markdown=text.markdown),
        language=robot.language or settings.DEFAULT_LANGUAGE,
        mention_ids=[row.contact_id] if row.contact_id else [],
    )


def _delivery(row: Handover, now: datetime, lack: Reason | None, **fields: object) -> Delivery:
    if row.is_missed:
        lack = Reason.TOO_LATE
    if lack is None:
        return Delivery(purpose=Purpose.HANDOVER, next_at=now, planned_at=now, **fields)
    return Delivery(
        purpose=Purpose.HANDOVER, state=DeliveryState.SKIPPED, reason=lack, planned_at=row.at, finished_at=now, **fields
    )


def _insert(planned: Sequence[tuple[HandoverNotice, Delivery]]) -> None:
    if not planned:
        return
    Content.objects.bulk_create(delivery.content for _notice, delivery in planned if delivery.content is not None)
    for _notice, delivery in planned:
        delivery.content_id = delivery.content.pk if delivery.content else None
    Delivery.objects.bulk_create(delivery for _notice, delivery in planned)
    for notice, delivery in planned:
        notice.delivery = delivery
    HandoverNotice.objects.bulk_create(notice for notice, _delivery in planned)
    ring_send()
