"""Steps that follow one another, as other systems write them -> whom a policy tells, and its escalation policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tocsin.files.rules.importing.drafting import Draft
from tocsin.policies.rules.escalations import LONGEST_STEP, MOST_ROUNDS, MOST_STEPS

_LONGEST = int(LONGEST_STEP.total_seconds()) // 60
FOREVER = 1_000_000
"""As a number of repetitions."""
Tells = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Rung:
    """So many minutes after the alert began these are told, as long as nobody has claimed it.

    `hours`: only between these times of day in UTC.
    """

    at: int
    tells: Tells
    hours: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """`first` is told by the policy, after `wait` minutes; `escalation` names the rest, "" where there is none."""

    first: dict[str, list[str]] = field(default_factory=dict)
    wait: int = 0
    escalation: str = ""

    def policy(self) -> dict[str, Any]:
        """These fields of a policy."""
        found: dict[str, Any] = {"tells": self.first}
        if self.wait:
            found["group_wait_seconds"] = self.wait * 60
        if self.escalation:
            found["escalation"] = self.escalation
        return found


def add_ladder(
    draft: Draft, place: str, name: str, rungs: Sequence[Rung], *, length: int = 0, repeats: int = 0
) -> Ladder:
    """`rungs` in order. After `length` minutes all of it begins again, `repeats` times."""
    told = [rung for rung in rungs if rung.tells]
    if not told:
        return Ladder()
    wait = told[0].at
    first = _merged([rung.tells for rung in told if rung.at == wait])
    if any(rung.hours for rung in told if rung.at == wait):
        draft.note(place, "its first step waits for a time of day; here it is told at any time")
    later: dict[tuple[int, tuple[str, str] | None], dict[str, list[str]]] = {}
    for rung in told:
        after = rung.at - wait
        if after == 0:
            continue
        if after > _LONGEST:
            draft.note(place, f"its step after {after} minutes comes after {_LONGEST}")
        key = (min(after, _LONGEST), rung.hours)
        later[key] = _merged([later.get(key, {}), rung.tells])
    steps = [_step(after, hours, tells) for (after, hours), tells in later.items()]
    rounds = _rounds(draft, place, steps, first, length, repeats)
    if len(steps) > MOST_STEPS:
        draft.note(place, f"only its first {MOST_STEPS} steps are carried")
    if not steps:
        return Ladder(first, wait)
    escalation = {"name": name, "steps": steps[:MOST_STEPS], "rounds": rounds}
    return Ladder(first, wait, draft.add("escalations", escalation))


def _rounds(draft: Draft, place: str, steps: list[dict[str, Any]], first: Tells, length: int, repeats: int) -> int:
    """Where it begins again, telling the first ones again is the last step."""
    if not repeats:
        return 0
    if not 0 < length <= _LONGEST:
        why = "at once" if not length else f"after {length} minutes"
        draft.note(place, f"begins again {why}, which has no form here; it ends")
        return 0
    if repeats > MOST_ROUNDS:
        often = "for ever" if repeats >= FOREVER else f"{repeats} times"
        draft.note(place, f"begins again {often}; here {MOST_ROUNDS} times")
    rounds = min(repeats, MOST_ROUNDS)
    if not steps:
        steps.append(_step(length, None, first))
        return rounds - 1
    steps.append(_step(length, None, first))
    draft.note(place, "when it has ended for the last time, its first step is told once more")
    return rounds


def _step(after: int, hours: tuple[str, str] | None, tells: Tells) -> dict[str, Any]:
    step: dict[str, Any] = {"after_minutes": after, "tells": {name: list(own) for name, own in tells.items()}}
    if hours is not None:
        step |= {"begins": hours[0], "ends": hours[1], "time_zone": "UTC"}
    return step


def _merged(several: Sequence[Tells]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tells in several:
        for name, channels in tells.items():
            found[name] = list(dict.fromkeys([*found.get(name, []), *channels]))
    return found
