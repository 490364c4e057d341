"""Who an alert reached: one answer for each person or robot, from the deliveries of its firing notices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from django.utils.text import capfirst

from tocsin.alerts.models import Alert
from tocsin.channels.registry import PROVIDERS
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import Cause, DeliveryState, Reason
from tocsin.delivery.timeline import Level, state_title
from tocsin.web.console.words import CHANNEL_ICONS, CHANNELS, reason_text

_READ = 1000
_SHOWN = 50


class Reached(IntEnum):
    """The best that any channel came to."""

    NOT = 0
    UNDER_WAY = 1
    SENT = 2
    """A provider took it, and nothing confirms that it arrived."""
    YES = 3


_REACHED = {
    DeliveryState.PLANNED: Reached.UNDER_WAY,
    DeliveryState.HELD: Reached.UNDER_WAY,
    DeliveryState.SENDING: Reached.UNDER_WAY,
    DeliveryState.ACCEPTED: Reached.SENT,
    DeliveryState.MERGED: Reached.SENT,
    DeliveryState.DELIVERED: Reached.YES,
}
LEVELS = {
    Reached.NOT: Level.BAD,
    Reached.UNDER_WAY: Level.NEUTRAL,
    Reached.SENT: Level.GOOD,
    Reached.YES: Level.GOOD,
}


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one channel, or why there was none: then `channel` is ""."""

    channel: str
    icon: str
    text: str
    reason: str
    reached: Reached
    is_simulated: bool = False

    @property
    def level(self) -> Level:
        return LEVELS[self.reached]

    @property
    def said(self) -> str:
        parts = [part for part in (self.channel, self.text, self.reason) if part]
        return capfirst(": ".join(parts))


@dataclass(slots=True)
class Person:
    id: int | None
    name: str
    lines: list[Line] = field(default_factory=list)

    @property
    def reached(self) -> Reached:
        return max((line.reached for line in self.lines), default=Reached.NOT)

    @property
    def level(self) -> Level:
        return LEVELS[self.reached]


@dataclass(frozen=True, slots=True)
class People:
    """Those who were not reached come first: that is what the page is opened for."""

    everybody: Sequence[Person]
    is_partial: bool = False
    """There are more messages than were read; the newest count."""

    @property
    def shown(self) -> Sequence[Person]:
        return self.everybody[:_SHOWN]

    @property
    def hidden(self) -> int:
        return max(0, len(self.everybody) - _SHOWN)

    @property
    def reached(self) -> int:
        return sum(person.reached is Reached.YES for person in self.everybody)

    @property
    def sent(self) -> int:
        return sum(person.reached is Reached.SENT for person in self.everybody)

    @property
    def under_way(self) -> int:
        return sum(person.reached is Reached.UNDER_WAY for person in self.everybody)

    @property
    def is_simulated(self) -> bool:
        """Something stayed in the outbox: whom it was for got nothing."""
        return any(line.is_simulated for person in self.everybody for line in person.lines)

    @property
    def level(self) -> Level:
        if self.reached:
            return Level.GOOD
        return Level.NEUTRAL if self.sent or self.under_way else Level.BAD


def people_of(alert: Alert) -> People:
    """One statement. Recovery notices say nothing of whether somebody knew that it fired."""
    deliveries = list(
        Delivery.objects.filter(notification__alert=alert)
        .exclude(notification__cause=Cause.RECOVERED)
        .select_related("account")
        .defer("mention_ids", "tried_accounts", "account__config")
        .order_by("-id")[:_READ]
    )
    return gather(deliveries, alert.reasons, is_partial=len(deliveries) == _READ)


def gather(
    newest_first: Iterable[Delivery], shortfalls: Iterable[dict[str, str]], *, is_partial: bool = False
) -> People:
    """Of each person and channel the delivery that came furthest counts, and the newest of those."""
    people: dict[object, Person] = {}
    best: dict[tuple[object, str], Delivery] = {}
    for delivery in newest_first:
        people.setdefault(delivery.recipient_id, Person(delivery.recipient_id, delivery.recipient_name))
        key = (delivery.recipient_id, delivery.channel)
        if key not in best or _reached(delivery) > _reached(best[key]):
            best[key] = delivery
    for (recipient_id, _channel), delivery in best.items():
        people[recipient_id].lines.append(_line(delivery))
    for item in shortfalls:
        who = item.get("id") or item.get("name", "")
        person = people.setdefault(who, Person(item.get("id") or None, item.get("name", "")))  # type: ignore[arg-type]
        channel = item.get("channel", "")
        icon = CHANNEL_ICONS.get(channel, "block")
        name = str(CHANNELS.get(channel, channel))
        person.lines.append(Line(name, icon, "", reason_text(item.get("reason", "")), Reached.NOT))
    return People(sorted(people.values(), key=lambda person: (person.reached, person.name)), is_partial)


def _reached(delivery: Delivery) -> Reached:
    if delivery.reason == Reason.SHADOW:
        return Reached.UNDER_WAY
    return _REACHED.get(DeliveryState(delivery.state), Reached.NOT)


def _is_simulated(delivery: Delivery) -> bool:
    kind = PROVIDERS.get(delivery.account.provider) if delivery.account else None
    return kind is not None and kind.capabilities.is_simulated


def _line(delivery: Delivery) -> Line:
    return Line(
        channel=str(CHANNELS.get(delivery.channel, delivery.channel)),
        icon=CHANNEL_ICONS.get(delivery.channel, "send"),
        text=state_title(delivery),
        reason=reason_text(delivery.reason) if delivery.reason else "",
        reached=_reached(delivery),
        is_simulated=_is_simulated(delivery),
    )
