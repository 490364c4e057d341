"""What robots tell of the day at chosen times: alerts raised, resolved and pending. Once for each robot and moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.contacts.models import Robot
from tocsin.contacts.rules.daily import day_of
from tocsin.contacts.services import DueDaily, take_due_dailies
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Content, DailyReport, Delivery
from tocsin.delivery.render import alerts_url, zone_named
from tocsin.delivery.rules import DeliveryState, Purpose, Reason

_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class DayCounts:
    raised: int
    resolved: int
    pending: int
    handling: int


def send_dailies(now: datetime) -> int:
    """Plans the messages of all robots whose moment has come, and keeps which moments were missed; returns how many.

    A robot's row is locked while its moment is taken and its message planned, so no other worker does either.
    """
    with transaction.atomic():
        due = take_due_dailies(now=now)
        told = _told_already(due)
        texts: dict[tuple[str, str, datetime], Content] = {}
        for robot in due:
            for moment in robot.missed:
                if (robot.robot_id, moment) not in told:
                    _keep_missed(robot, moment, now)
            if robot.at is not None and (robot.robot_id, robot.at) not in told:
                key = (robot.language, robot.time_zone, robot.at)
                texts[key] = texts.get(key) or _text(robot, robot.at, now)
                _plan(robot, robot.at, texts[key], now)
        if texts:
            ring_send()
    return len(due)


def next_daily_at() -> datetime | None:
    """When the next robot tells of the day."""
    due = Robot.objects.filter(daily_due_at__isnull=False).order_by("daily_due_at")
    return due.values_list("daily_due_at", flat=True).first()


def day_counts(day: datetime, now: datetime) -> DayCounts:
    """Of alerts of all policies, from the beginning of a day to now."""
    counts = Alert.objects.filter(is_shadow=False).aggregate(
        raised=Count("pk", filter=Q(opened_at__gte=day, opened_at__lte=now)),
        resolved=Count("pk", filter=Q(resolved_at__gte=day, resolved_at__lte=now)),
        pending=Count("pk", filter=Q(state=AlertState.PENDING)),
        handling=Count("pk", filter=Q(state=AlertState.HANDLING)),
    )
    return DayCounts(**counts)


def _told_already(due: Sequence[DueDaily]) -> set[tuple[int, datetime]]:
    """Moments that come once more, since a clock went back or the times were changed to and fro."""
    moments = [moment for robot in due for moment in (*robot.missed, robot.at) if moment is not None]
    found = DailyReport.objects.filter(robot_id__in=[robot.robot_id for robot in due], due_at__in=moments)
    return set(found.values_list("robot_id", "due_at"))


def _plan(robot: DueDaily, moment: datetime, content: Content, now: datetime) -> None:
    delivery = Delivery.objects.create(**_about(robot), content=content, next_at=now, planned_at=now)
    DailyReport.objects.create(robot_id=robot.robot_id, due_at=moment, delivery=delivery)


def _keep_missed(robot: DueDaily, moment: datetime, now: datetime) -> None:
    delivery = Delivery.objects.create(
        **_about(robot), state=DeliveryState.SKIPPED, reason=Reason.TOO_LATE, planned_at=moment, finished_at=now
    )
    DailyReport.objects.create(robot_id=robot.robot_id, due_at=moment, delivery=delivery)


def _about(robot: DueDaily) -> dict[str, object]:
    return {
        "purpose": Purpose.DAILY,
        "recipient_id": robot.robot_id,
        "recipient_name": robot.name,
        "channel": robot.platform,
        "language": robot.language or settings.DEFAULT_LANGUAGE,
    }


def _text(robot: DueDaily, moment: datetime, now: datetime) -> Content:
    """At midnight it is the day that ends that is told of."""
    zone: ZoneInfo = zone_named(robot.time_zone)
    day = day_of(moment - _A_MOMENT, zone)
    counts = day_counts(day, now)
    with translation.override(robot.language or settings.DEFAULT_LANGUAGE):
        lines = [
            (_("Raised today"), counts.raised),
            (_("Resolved today"), counts.resolved),
            (_("Pending now"), counts.pending),
            (_("Being handled now"), counts.handling),
        ]
        subject = _("Alert statistics of %(day)s, %(time)s") % {
            "day": f"{day:%Y-%m-%d}",
            "time": f"{now.astimezone(zone):%H:%M}",
        }
        plain = [f"{name}: {count}" for name, count in lines]
        marked = [f"- {name}: **{count}**" for name, count in lines]
        if url := alerts_url():
            plain.append(url)
            marked += ["", f"[{_('Open the alerts')}]({url})"]
    return Content.objects.create(subject=subject, text="\n".join(plain), markdown="\n".join(marked))
