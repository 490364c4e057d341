"""Who is on duty: layers of people who take turns, later layers over earlier ones, substitutes over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import dropwhile
from zoneinfo import ZoneInfo

from tocsin.oncall.rules.clock import moment_of, wall_at

_WEEK = timedelta(weeks=1)
_MONDAY = datetime(2001, 1, 1)  # noqa: DTZ001 (a wall clock has no zone)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of every week by the wall clock, from `starts` after Monday 00:00; it may reach into the next week."""

    starts: timedelta
    lasts: timedelta

    def holds(self, wall: datetime) -> bool:
        return (wall - _MONDAY - self.starts) % _WEEK < self.lasts


@dataclass(frozen=True, slots=True)
class Layer:
    """`people` take turns of `every` by the wall clock, beginning at `starts` (no zone). No windows: always."""

    starts: datetime
    every: timedelta
    people: tuple[int, ...]
    windows: tuple[Window, ...] = ()

    def person_at(self, wall: datetime) -> int | None:
        if not self.people or wall < self.starts or not self._is_open(wall):
            return None
        return self.people[(wall - self.starts) // self.every % len(self.people)]

    def _is_open(self, wall: datetime) -> bool:
        return not self.windows or any(window.holds(wall) for window in self.windows)


@dataclass(frozen=True, slots=True)
class Stand:
    """From one moment to another `contact_id` stands in for `replaces`, or (None) has the whole schedule."""

    starts_at: datetime
    ends_at: datetime
    replaces: int | None
    contact_id: int


@dataclass(frozen=True, slots=True)
class Held:
    """Since `since` it should be `contact_id`, who has not checked in; until then `keeps` stays on duty."""

    since: datetime
    contact_id: int
    keeps: int


@dataclass(frozen=True, slots=True)
class Rota:
    """A schedule as decisions need it. Later layers take precedence; of `stands`, which are in the order in which they
    were made, the newest that fits.

    A stand-in is not stood in for in turn, so that two people can swap.
    """

    id: int
    name: str
    zone: ZoneInfo
    layers: tuple[Layer, ...] = ()
    stands: tuple[Stand, ...] = ()
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody (or, for None, nobody: a gap) from one moment to another. `replaces`: whom a substitute stands in for.

    `layer` counts from 0; None for a gap and for a substitute of the whole schedule.
    """

    starts_at: datetime
    ends_at: datetime
    contact_id: int | None
    layer: int | None = None
    replaces: int | None = None
    is_substitute: bool = field(default=False)


def on_duty(rota: Rota, at: datetime) -> int | None:
    """Who is told at a moment; None in a gap. A person who has not checked in is not yet on duty."""
    planned = planned_at(rota, at)
    held = rota.held
    if held is not None and held.since <= at and planned == held.contact_id and _is_same_turn(rota, held, at):
        return held.keeps
    return planned


def planned_at(rota: Rota, at: datetime) -> int | None:
    """Whose turn it is, whoever has checked in."""
    return _duty(rota, at)[0]


def shifts(rota: Rota, begin: datetime, end: datetime) -> list[Shift]:
    """The plan from `begin` to `end`, without a hole: in order, each moment in exactly one of them."""
    edges = sorted({begin, *(edge for edge in _edges(rota, begin, end) if begin < edge < end)})
    found: list[Shift] = []
    for starts_at, ends_at in zip(edges, [*edges[1:], end], strict=True):
        contact_id, layer, replaces, is_substitute = _duty(rota, starts_at)
        last = found[-1] if found else None
        if last is not None and (last.contact_id, last.replaces, last.is_substitute) == (
            contact_id, replaces, is_substitute,
        ):  # fmt: skip
            found[-1] = Shift(last.starts_at, ends_at, contact_id, last.layer, replaces, is_substitute)
        elif starts_at < ends_at:
            found.append(Shift(starts_at, ends_at, contact_id, layer, replaces, is_substitute))
    return found


def gaps(rota: Rota, begin: datetime, end: datetime) -> list[Shift]:
    """When nobody is on duty."""
    return [shift for shift in shifts(rota, begin, end) if shift.contact_id is None]


def next_change(rota: Rota, at: datetime, within: timedelta) -> Shift | None:
    """The first shift after `at` that is somebody else's (or nobody's) turn; None when nothing changes `within`."""
    now = planned_at(rota, at)
    return next((shift for shift in shifts(rota, at, at + within) if shift.contact_id != now), None)


def _is_same_turn(rota: Rota, held: Held, at: datetime) -> bool:
    """Nobody else's turn came between: whoever has not checked in today may well do so the next time.

    An edit may say that the turn began later than it did.
    """
    begun = dropwhile(lambda shift: shift.contact_id != held.contact_id, shifts(rota, held.since, at))
    return all(shift.contact_id == held.contact_id for shift in begun)


def _duty(rota: Rota, at: datetime) -> tuple[int | None, int | None, int | None, bool]:
    """Contact, layer, who is replaced, whether by a substitute."""
    contact_id, layer = _by_layers(rota, at)
    for stand in reversed(rota.stands):
        if stand.starts_at <= at < stand.ends_at and (stand.replaces is None or stand.replaces == contact_id):
            return stand.contact_id, layer if stand.replaces else None, stand.replaces, True
    return contact_id, layer, None, False


def _by_layers(rota: Rota, at: datetime) -> tuple[int | None, int | None]:
    wall = wall_at(at, rota.zone)
    for number in range(len(rota.layers) - 1, -1, -1):
        if (contact_id := rota.layers[number].person_at(wall)) is not None:
            return contact_id, number
    return None, None


def _edges(rota: Rota, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Moments at which something may change, and perhaps others."""
    first, last = wall_at(begin, rota.zone), wall_at(end, rota.zone)
    for layer in rota.layers:
        for wall in _walls(layer, first, last):
            yield moment_of(wall, rota.zone)
    for stand in rota.stands:
        yield from (stand.starts_at, stand.ends_at)


def _walls(layer: Layer, first: datetime, last: datetime) -> Iterator[datetime]:
    wall = layer.starts + max((first - layer.starts) // layer.every, 0) * layer.every
    while wall <= last and len(layer.people) > 1:
        yield wall
        wall += layer.every
    yield layer.starts
    yield from _window_walls(layer.windows, first, last)


def _window_walls(windows: Sequence[Window], first: datetime, last: datetime) -> Iterator[datetime]:
    monday = _MONDAY + (first - _MONDAY) // _WEEK * _WEEK - _WEEK
    while monday <= last:
        for window in windows:
            yield monday + window.starts
            yield monday + window.starts + window.lasts
        monday += _WEEK
