"""What policies would have told of firings that are over: the worker's own decisions on a clock of their own, pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING
from uuid import UUID

from tocsin.alerts.rules import AlertState, Clocks, advanced, taken_steps
from tocsin.channels.kinds import Channel
from tocsin.delivery.rules.deciding import AlertFacts, decide
from tocsin.delivery.rules.hours import closed_until
from tocsin.delivery.rules.quiet_spans import Spans
from tocsin.delivery.rules.states import Cause
from tocsin.policies.rules import Chain, Walk, group_of

if TYPE_CHECKING:
    from tocsin.policies.queries import PolicyView

Targets = Sequence[tuple[int, Sequence[Channel]]]

MOST_TELLINGS = 200_000


class TooMuchToReplayError(Exception):
    """The period holds more than a replay looks at."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One time at which an event was active. `labels` as policies match them; `ends` None: it still is.

    `claimed_at`: when somebody really claimed the alert that it was in; it is supposed that they would have again.
    `quiet`: when a silence or an inhibition kept it from being told, all of it between `starts` and `ends`.
    """

    event_id: int
    integration_id: int
    labels: Mapping[str, str]
    severity: int
    starts: datetime
    ends: datetime | None = None
    claimed_at: datetime | None = None
    quiet: Spans = ()

    def is_loud(self, until: datetime) -> bool:
        """Whether it could be told at any time."""
        return self.quiet != ((self.starts, self.ends or until),)


@dataclass(frozen=True, slots=True)
class Retelling:
    """One notification that would have been made. `targets` and `limits` as the planner takes them."""

    at: datetime
    cause: Cause
    severity: int
    targets: Targets
    limits: Mapping[str, int]
    reaches_claimed: bool = False


@dataclass(slots=True)
class ReplayedAlert:
    """One that would have been opened. No `tellings`: it ended before its first message was due.

    `states`: from when on it was in which, None while all its events were silenced.
    """

    policy: PolicyView
    labels: Mapping[str, str]
    opened_at: datetime
    tellings: list[Retelling] = field(default_factory=list)
    states: list[tuple[datetime, AlertState | None]] = field(default_factory=list)

    def state_at(self, at: datetime) -> AlertState | None:
        """What a message that goes out then would find."""
        begun = bisect_right(self.states, at, key=itemgetter(0))
        return self.states[begun - 1][1] if begun else AlertState.PENDING

    def turns(self, at: datetime, state: AlertState | None) -> None:
        if not self.states or self.states[-1][1] is not state:
            self.states.append((at, state))


@dataclass(frozen=True, slots=True)
class Replayed:
    """`unmatched`: loud firings that no policy takes."""

    alerts: list[ReplayedAlert]
    unmatched: int


def replay(
    firings: Sequence[Firing],
    walk: Walk,
    views: Mapping[int, PolicyView],
    ladders: Mapping[int, Chain],
    until: datetime,
) -> Replayed:
    """In the order in which they would have been opened. `views` by policy id. TooMuchToReplayError beyond a limit."""
    groups: dict[tuple[int, UUID], tuple[dict[str, str], list[Firing]]] = {}
    unmatched = 0
    loud = (one for one in firings if one.is_loud(until))
    for firing in sorted(loud, key=lambda one: (one.starts, one.event_id)):
        taken = walk.policies_for(firing.labels, firing.integration_id)
        unmatched += not taken
        for matcher in taken:
            key, shared = group_of(matcher.group_by, firing.labels)
            groups.setdefault((matcher.policy_id, key), (shared, []))[1].append(firing)
    alerts: list[ReplayedAlert] = []
    room = MOST_TELLINGS
    for (policy_id, _key), (shared, members) in groups.items():
        view = views[policy_id]
        found = _Life(view, ladders.get(view.escalation_id or 0), shared, until, room).run(members)
        room -= sum(len(alert.tellings) for alert in found)
        alerts += found
    return Replayed(sorted(alerts, key=lambda alert: alert.opened_at), unmatched)


class _Life:
    """Of one group: alerts open, tell and end one after another."""

    def __init__(
        self, view: PolicyView, chain: Chain | None, labels: Mapping[str, str], until: datetime, room: int
    ) -> None:
        self.view, self.chain, self.labels, self.until, self.room = view, chain, labels, until, room
        self.alerts: list[ReplayedAlert] = []
        self.active: dict[int, Firing] = {}
        self.quiet: dict[int, Firing] = {}
        self._close()

    def _close(self) -> None:
        self.alert: ReplayedAlert | None = None
        self.state = AlertState.PENDING
        self.clocks: Clocks | None = None
        self.notified_at: datetime | None = None
        self.due: datetime | None = None
        self.told: set[int] = set()
        self.has_ended_loudly = False
        self.severity = 6

    def run(self, firings: Sequence[Firing]) -> list[ReplayedAlert]:
        changes = [change for one in firings for change in self._changes(one)]
        for at, kind, firing in sorted(changes, key=lambda change: (change[0], change[1], change[2].event_id)):
            self._decide_before(at)
            if at <= self.until:
                (self._start, self._end, self._claim, self._quieten, self._wake)[kind](at, firing)
        self._decide_before(None)
        return self.alerts

    def _changes(self, one: Firing) -> list[tuple[datetime, int, Firing]]:
        """Moments with what happens then, as an index. What begins quiet joins its alert when it is loud."""
        begins_quiet = bool(one.quiet) and one.quiet[0][0] <= one.starts
        found = [] if begins_quiet else [(one.starts, 0, one)]
        for begin, end in one.quiet:
            if begin > one.starts:
                found.append((begin, 3, one))
            if end < (one.ends or self.until):
                found.append((end, 4, one))
        found += [(one.ends, 1, one)] if one.ends is not None else []
        return found + ([(one.claimed_at, 2, one)] if one.claimed_at is not None else [])

    def _start(self, at: datetime, firing: Firing) -> None:
        if self.alert is None:
            self.alert = ReplayedAlert(self.view, self.labels, at)
            self.alerts.append(self.alert)
        self.active[firing.event_id] = firing
        self._make_due(at)

    def _wake(self, at: datetime, firing: Firing) -> None:
        """What is loud again is news."""
        self.quiet.pop(firing.event_id, None)
        self.told.discard(firing.event_id)
        self._start(at, firing)

    def _quieten(self, at: datetime, firing: Firing) -> None:
        if self.active.get(firing.event_id) is firing:
            del self.active[firing.event_id]
            self.quiet[firing.event_id] = firing
            self._make_due(at)

    def _end(self, at: datetime, firing: Firing) -> None:
        if self.active.get(firing.event_id) is firing:
            del self.active[firing.event_id]
            self.has_ended_loudly = True
        elif self.quiet.get(firing.event_id) is firing:
            del self.quiet[firing.event_id]
        if self.alert is not None:
            self._make_due(at)

    def _claim(self, at: datetime, firing: Firing) -> None:
        is_here = self.alert is not None and self.active.get(firing.event_id) is firing
        if is_here and self.notified_at is not None and self.state is AlertState.PENDING:
            if self.clocks is not None:
                self.clocks = advanced(self.clocks, at, self.state, muted_until=None, lapses_at=None)
            self.state, self.due = AlertState.HANDLING, at
            if self.alert is not None:
                self.alert.turns(at, self.state)

    def _make_due(self, at: datetime) -> None:
        if self.notified_at is None:
            due = (self.alert.opened_at if self.alert is not None else at) + self.view.group_wait
        else:
            due = max(at, self.notified_at + self.view.group_interval)
        self.due = min(self.due, due) if self.due is not None else due

    def _decide_before(self, at: datetime | None) -> None:
        """All that falls due before the next change."""
        while self.due is not None and self.due <= self.until and (at is None or self.due < at):
            self._decide(self.due)

    def _decide(self, now: datetime) -> None:
        alert = self.alert
        if alert is None:
            self.due = None
            return
        self.severity = min((one.severity for one in self.active.values()), default=self.severity)
        facts = AlertFacts(
            state=self.state,
            notified_at=self.notified_at,
            active=len(self.active),
            fresh=len(self.active.keys() - self.told),
            is_policy_enabled=True,
            sends_recovery=self.view.sends_recovery,
            repeat_every=self.view.repeat_every,
            quiet=len(self.quiet),
            ended_quietly=not self.has_ended_loudly,
            chain=self.chain,
            clocks=self.clocks,
            opens_at=closed_until(self.view.window, self.severity, now),
        )
        decision = decide(facts, now)
        self.told &= self.active.keys() | self.quiet.keys()
        if decision.cause is not None:
            self.told |= self.active.keys()
            self.notified_at = now
            limits = self.view.severity_limits
            alert.tellings.append(Retelling(now, decision.cause, self.severity, self._targets(decision.cause), limits))
        alert.tellings += [
            Retelling(now, Cause.ESCALATED, self.severity, step.step.targets, {}, step.reaches_claimed)
            for step in decision.steps
        ]
        if len(alert.tellings) > self.room:
            raise TooMuchToReplayError
        self.state, self.clocks, self.due = decision.state, decision.clocks, decision.due_at
        alert.turns(now, None if self.quiet and not self.active else self.state)
        if decision.state is AlertState.RESOLVED:
            self._close()

    def _targets(self, cause: Cause) -> Targets:
        """Who was told by a step of the escalation hears that it is over, too."""
        if cause is not Cause.RECOVERED or self.chain is None:
            return self.view.targets
        merged = {pk: dict.fromkeys(channels) for pk, channels in self.view.targets}
        for step in taken_steps(self.chain, self.clocks):
            for pk, channels in step.targets:
                merged.setdefault(pk, {}).update(dict.fromkeys(channels))
        return [(pk, tuple(channels)) for pk, channels in merged.items()]
