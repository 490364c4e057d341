"""What an escalation policy says, and when each of its steps falls due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tocsin.channels.kinds import Channel
from tocsin.policies.rules.windows import Outside, Window

LONGEST_STEP = timedelta(minutes=90)
MOST_STEPS = 10
MOST_REPETITIONS = 9
MOST_ROUNDS = 9
"""How often the whole chain may begin again."""


class Until(StrEnum):
    """What a step waits for: it is taken when this has not happened in time."""

    CLAIMED = "claimed"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class DailyPeriod:
    """From one time of day to another in a zone, across midnight when it ends before it begins."""

    begins: time
    ends: time
    zone: ZoneInfo

    def holds(self, at: datetime) -> bool:
        clock = at.astimezone(self.zone).time().replace(tzinfo=None)
        if self.begins < self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends

    def as_window(self) -> Window:
        """For messages that cannot go out at once: they wait until it holds again."""
        return Window(self.begins, self.ends, frozenset(range(1, 8)), self.zone.key, Outside.HOLD)


@dataclass(frozen=True, slots=True)
class Step:
    """Not claimed, or not resolved, for `after`: tell these objects, and again `repetitions` times."""

    number: int
    until: Until
    after: timedelta
    targets: tuple[tuple[int, tuple[Channel, ...]], ...] = ()
    repetitions: int = 0
    every: timedelta = timedelta(minutes=5)
    period: DailyPeriod | None = None

    @property
    def lasts(self) -> timedelta:
        return self.after + self.repetitions * self.every


@dataclass(frozen=True, slots=True)
class Chain:
    """An escalation policy as it is now. `rounds`: how often the chain begins again when it has ended.

    `claim_lapses_after`: how long a claim lasts when who claims says nothing; None: until it is given back.
    """

    id: int
    name: str
    steps: tuple[Step, ...]
    rounds: int = 1
    claim_lapses_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """One time at which a step is taken, counted on the clock that it waits by."""

    at: timedelta
    step: Step
    repetition: int
    round: int


def rungs(chain: Chain) -> Sequence[Rung]:
    """In order. The chain begins again when its last step has been repeated for the last time."""
    length = max((step.lasts for step in chain.steps), default=timedelta())
    found = [
        Rung(number * length + step.after + repetition * step.every, step, repetition, number)
        for number in range(chain.rounds + 1)
        for step in chain.steps
        for repetition in range(step.repetitions + 1)
    ]
    return sorted(found, key=lambda rung: (rung.at, rung.step.number, rung.repetition))
