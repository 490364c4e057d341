"""What of the messages that are planned would really have gone out, pure: merged, held back, no longer true.

The queue's own rules on a clock of their own: the table of what is re-checked, calls and storms that become one
message, the caps of a person and hour, and what follows a call that fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from tocsin.alerts.rules import AlertState
from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.rules import Fallback
from tocsin.delivery.rules.sending import CALL_AGAIN_AFTER, why_not_now
from tocsin.delivery.rules.states import Cause
from tocsin.delivery.rules.storms import STORM_FROM, Allowance
from tocsin.events.rules import Severity

RINGS_FOR = timedelta(seconds=30)
"""How long a person is supposed to be on the phone; what falls due meanwhile becomes one call."""
_AT_ONCE = timedelta(seconds=1)
"""What falls due within it is due at once."""
_GATHERED = (Channel.EMAIL, Channel.SMS)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message that was planned, and when it may go out. `waits`: for the hours of its policy.

    `has_text`: the same notification is texted to this person, too.
    """

    planned_at: datetime
    at: datetime
    alert: int
    cause: Cause
    severity: int
    recipient_id: int
    name: str
    channel: Channel
    reaches_claimed: bool = False
    waits: bool = False
    has_text: bool = False
    is_held: bool = False
    is_fallback: bool = False
    stands_for: frozenset[int] = frozenset()
    """Of a text that follows a call: the alerts of that call."""

    @property
    def alerts(self) -> frozenset[int]:
        return self.stands_for | {self.alert}


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that would have gone out, and the alerts that it would have told of."""

    at: datetime
    recipient_id: int
    name: str
    channel: Channel
    alerts: frozenset[int]
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Customs:
    """`fails`: the part of a person's calls that nobody takes; `fallbacks`: what then follows, by person.

    Caps are those of an hour, 0 for none.
    """

    calls_per_hour: int = 0
    texts_per_hour: int = 0
    fails: Mapping[int, float] = field(default_factory=dict)
    fallbacks: Mapping[int, Fallback] = field(default_factory=dict)

    def cap(self, channel: Channel) -> int:
        return {Channel.PHONE: self.calls_per_hour, Channel.SMS: self.texts_per_hour}.get(channel, 0)


StateAt = Callable[[int, datetime], AlertState | None]
"""Of an alert at a moment; None while all its events are silenced."""


def sent(planned: Iterable[Outgoing], state_at: StateAt, customs: Customs) -> list[Sent]:
    """In the order in which they would have gone out. Nothing is lost but what is no longer true at its moment."""
    queue = _Queue(state_at, customs)
    waiting: dict[tuple[int, Channel], list[Outgoing]] = defaultdict(list)
    for message in planned:
        waiting[message.recipient_id, message.channel].append(message)
    for (recipient_id, channel), messages in sorted(waiting.items()):
        if channel is Channel.PHONE and (texts := queue.call(messages)):
            waiting[recipient_id, Channel.SMS] += texts
    for (_recipient_id, channel), messages in sorted(waiting.items()):
        if channel is not Channel.PHONE:
            queue.write(messages)
    return sorted(queue.sent, key=lambda item: (item.at, item.recipient_id, item.channel))


class _Queue:
    """`told`: alerts that a recipient heard of over a channel."""

    def __init__(self, state_at: StateAt, customs: Customs) -> None:
        self.state_at, self.customs = state_at, customs
        self.sent: list[Sent] = []
        self.told: dict[tuple[int, Channel], set[int]] = defaultdict(set)

    def call(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        """Of one person. Returns the texts that follow calls that nobody takes."""
        waiting, texts = _Waiting(messages), []
        person = messages[0].recipient_id
        rate, fallback = self.customs.fails.get(person, 0.0), self.customs.fallbacks.get(person, Fallback.NONE)
        cap, failing = self.customs.cap(Channel.PHONE), 0.0
        allowance = Allowance(messages[0].at)
        called: set[int] = set()
        free_at: datetime | None = None
        while (at := waiting.next_at()) is not None:
            at = max(at, free_at) if free_at is not None else at
            due = self._still_true(waiting.take(at, soon=CALL_AGAIN_AFTER), at)
            has_room = allowance.room(cap, at) != 0
            ready = [one for one in due if has_room or one.is_fallback or one.alert not in called]
            waiting.hold([one for one in due if one not in ready], allowance.at(at).ends_at)
            if not ready:
                continue
            failing += rate
            self._send(ready, at, is_heard=failing < 1)
            free_at = at + RINGS_FOR
            if not all(one.is_fallback for one in ready):
                allowance = allowance.after(1, at, is_storm=False)
            called |= {one.alert for one in ready}
            if failing < 1:
                continue
            failing -= 1
            if fallback is Fallback.CALL and not any(one.is_fallback for one in ready):
                waiting.add(replace(one, at=free_at + CALL_AGAIN_AFTER, is_fallback=True) for one in ready)
            elif fallback is Fallback.SMS and not all(one.has_text for one in ready):
                alerts = frozenset(one.alert for one in ready)
                texts.append(replace(ready[-1], at=free_at, channel=Channel.SMS, is_fallback=True, stands_for=alerts))
        return texts

    def write(self, messages: Sequence[Outgoing]) -> None:
        """Of one recipient over one channel that is not the phone."""
        waiting, channel = _Waiting(messages), messages[0].channel
        may_merge, cap = channel in _GATHERED, self.customs.cap(channel)
        allowance = Allowance(messages[0].at)
        while (at := waiting.next_at()) is not None:
            due = self._newest_of_waited(self._still_true(waiting.take(at), at))
            if not may_merge:
                for one in due:
                    self._send([one], at)
                continue
            is_storm = len(due) >= STORM_FROM
            ready, room = [], allowance.room(cap, at)
            for one in due:
                is_urgent = one.severity == Severity.P1 and one.cause in _NEWS
                rests_until = None if one.is_fallback else allowance.rests(at)
                if rests_until is not None:
                    waiting.hold([one], rests_until)
                elif room is not None and room <= 0 and not (is_urgent or one.is_fallback):
                    waiting.hold([one], allowance.at(at).ends_at)
                else:
                    ready.append(one)
                    if room is not None and not (is_urgent or one.is_fallback or one.is_held or is_storm):
                        room -= 1
            groups = _gathered(ready, is_storm=is_storm)
            for group in groups:
                self._send(group, at)
            if groups and (cap or is_storm):
                allowance = allowance.after(len(groups), at, is_storm=is_storm)

    def _still_true(self, due: Iterable[Outgoing], at: datetime) -> list[Outgoing]:
        true = []
        for one in due:
            state = self.state_at(one.alert, at)
            if state is None and one.cause is not Cause.RECOVERED:
                continue
            heard = self.told[one.recipient_id, one.channel]
            if one.channel is Channel.SMS:
                heard = heard | self.told[one.recipient_id, Channel.PHONE]
            reason = why_not_now(
                one.cause,
                state or AlertState.PENDING,
                firing_was_sent=one.alert in heard,
                reaches_claimed=one.reaches_claimed,
            )
            if reason is None:
                true.append(one)
        return true

    def _newest_of_waited(self, due: Sequence[Outgoing]) -> list[Outgoing]:
        newest = {one.alert: one for one in due if one.waits}
        return [one for one in due if not one.waits or newest[one.alert] is one]

    def _send(self, group: Sequence[Outgoing], at: datetime, *, is_heard: bool = True) -> None:
        first, alerts = group[0], frozenset[int]().union(*(one.alerts for one in group))
        is_fallback = all(one.is_fallback for one in group)
        self.sent.append(Sent(at, first.recipient_id, first.name, first.channel, alerts, is_fallback))
        if is_heard:
            self.told[first.recipient_id, first.channel] |= alerts


_NEWS: Collection[Cause] = (Cause.FIRED, Cause.ESCALATED, Cause.ASSIGNED)


def _gathered(ready: Sequence[Outgoing], *, is_storm: bool) -> list[Sequence[Outgoing]]:
    """A storm is one message, and so is what was held back; everything else is one each."""
    held = [one for one in ready if is_storm or one.is_held]
    return [*([held] if held else []), *([one] for one in ready if not (is_storm or one.is_held))]


class _Waiting:
    """Messages by the moment at which they are due."""

    def __init__(self, messages: Iterable[Outgoing]) -> None:
        self._rows = [(message.at, number, message) for number, message in enumerate(messages)]
        self._count = len(self._rows)
        heapify(self._rows)

    def next_at(self) -> datetime | None:
        return self._rows[0][0] if self._rows else None

    def take(self, at: datetime, *, soon: timedelta = _AT_ONCE) -> list[Outgoing]:
        """What is due, in order, and what is planned already and will be soon."""
        taken, left = [], []
        while self._rows and self._rows[0][0] <= at + soon:
            due_at, number, message = heappop(self._rows)
            if due_at <= at + _AT_ONCE or message.planned_at <= at:
                taken.append(message)
            else:
                left.append((due_at, number, message))
        for row in left:
            heappush(self._rows, row)
        return taken

    def add(self, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            self._count += 1
            heappush(self._rows, (message.at, self._count, message))

    def hold(self, messages: Iterable[Outgoing], until: datetime) -> None:
        self.add(replace(message, at=until, is_held=True) for message in messages)


def is_to_a_person(channel: Channel) -> bool:
    """A call or a text: what people count who are woken by it."""
    return channel in PERSONAL_CHANNELS and channel is not Channel.EMAIL
