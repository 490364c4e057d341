"""Layers as they are typed and kept: checked, or refused with a sentence that says which layer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from tocsin.core.errors import InvalidInputError
from tocsin.core.sentences import Sentence
from tocsin.oncall.rules.rotation import Layer, Window

MAX_LAYERS = 20
MAX_PEOPLE = 100
MAX_RESTRICTIONS = 20
_MAX_NAME = 64
_DAYS = 7
_TIME = re.compile(r"(\d{1,2})[:：](\d{2})")

_PLACED = Sentence("Layer %(layer)d: %(problem)s", words=("problem",))
_MANY_LAYERS = Sentence("A schedule has at most %(most)d layers.")
_NO_LAYER = Sentence("write each layer as people, rotation and start.")
_MANY_PEOPLE = Sentence("at most %(most)d people take turns.")
_NO_PEOPLE = Sentence("add at least one person.")
_BAD_PERSON = Sentence("choose people from the list.")
_LONG_NAME = Sentence("the name has more than %(most)d characters.")
_BAD_UNIT = Sentence("the rotation counts hours, days or weeks.")
_BAD_EVERY = Sentence("turns last from 1 to %(most)d %(unit)s.", words=("unit",))
_BAD_DATE = Sentence("the start is a date like 2026-11-30.")
_BAD_TIME = Sentence("the hand-over is a time of day like 09:00.")
_MANY_WINDOWS = Sentence("at most %(most)d restrictions.")
_BAD_WINDOW = Sentence("a restriction has weekdays and two times of day like 09:00 and 18:00.")
_ONE_DAY = Sentence("a restriction that ends on another day begins on one day only.")
_HOURS, _DAYS_WORD, _WEEKS = Sentence("hours"), Sentence("days"), Sentence("weeks")


class Unit(StrEnum):
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"


_LONGEST = {Unit.HOURS: (720, _HOURS), Unit.DAYS: (366, _DAYS_WORD), Unit.WEEKS: (52, _WEEKS)}


@dataclass(frozen=True, slots=True)
class Restriction:
    """On duty only on these days (0 is Monday) from one time to another: of the next day where `ends` is not later.

    With `until_day` it begins on its one day and ends on that one, such as Friday 18:00 to Monday 09:00.
    """

    days: tuple[int, ...]
    starts: time
    ends: time
    until_day: int | None = None

    def windows(self) -> tuple[Window, ...]:
        starts, ends = _of_day(self.starts), _of_day(self.ends)
        if self.until_day is not None:
            lasts = timedelta(days=self.until_day - self.days[0]) + ends - starts
            return (Window(timedelta(days=self.days[0]) + starts, lasts % timedelta(weeks=1) or timedelta(weeks=1)),)
        lasts = (ends - starts) % timedelta(days=1) or timedelta(days=1)
        return tuple(Window(timedelta(days=day) + starts, lasts) for day in self.days)


@dataclass(frozen=True, slots=True)
class LayerDraft:
    """A layer as somebody describes it: the first of `people` begins on `starts_on` at `handover_time`."""

    people: tuple[int, ...]
    unit: Unit
    every: int
    starts_on: date
    handover_time: time
    restrictions: tuple[Restriction, ...] = ()
    name: str = ""


def compiled(
    *,
    people: Sequence[int],
    unit: str,
    every: int,
    starts_on: date,
    handover_time: time,
    restrictions: Iterable[Restriction],
) -> Layer:
    windows = tuple(window for restriction in restrictions for window in restriction.windows())
    turn = timedelta(**{Unit(unit).value: every})
    return Layer(datetime.combine(starts_on, handover_time), turn, tuple(people), windows)


def parse_layers(typed: Iterable[Mapping[str, Any]]) -> tuple[LayerDraft, ...]:
    """Mappings: people, unit, every, starts_on, handover_time, restrictions, name. InvalidInputError on `layers`.

    A restriction: {"days": [0, ...], "from": "09:00", "until": "18:00", "until_day": None}.
    """
    drafts, problems = [], []
    for number, layer in enumerate(typed, start=1):
        if number > MAX_LAYERS:
            problems.append(_MANY_LAYERS % {"most": MAX_LAYERS})
            break
        try:
            drafts.append(_parse_layer(layer))
        except ValueError as error:
            problems.append(_PLACED % {"layer": number, "problem": str(error)})
    if problems:
        raise InvalidInputError({"layers": " ".join(problems)})
    return tuple(drafts)


def stored_restrictions(stored: Iterable[Mapping[str, Any]]) -> tuple[Restriction, ...]:
    """What `restrictions_as_json` kept."""
    return tuple(map(_restriction, stored))


def restrictions_as_json(restrictions: Iterable[Restriction]) -> list[dict[str, Any]]:
    return [
        {
            "days": list(one.days),
            "from": f"{one.starts:%H:%M}",
            "until": f"{one.ends:%H:%M}",
            "until_day": one.until_day,
        }
        for one in restrictions
    ]


def parse_time(text: object) -> time | None:
    """A time of day, also with a full-width colon; None for anything else."""
    if isinstance(text, time):
        return text.replace(second=0, microsecond=0, tzinfo=None)
    match = _TIME.fullmatch(str(text).strip())
    if match is None or not (int(match[1]) < 24 and int(match[2]) < 60):
        return None
    return time(int(match[1]), int(match[2]))


def _parse_layer(typed: Mapping[str, Any]) -> LayerDraft:
    if not isinstance(typed, Mapping):
        raise ValueError(_NO_LAYER)
    name = str(typed.get("name") or "").strip()
    if len(name) > _MAX_NAME or not name.isprintable():
        raise ValueError(_LONG_NAME % {"most": _MAX_NAME})
    unit = _unit(typed.get("unit"))
    handover_time = parse_time(typed.get("handover_time", ""))
    if handover_time is None:
        raise ValueError(_BAD_TIME)
    return LayerDraft(
        people=_people(typed.get("people")),
        unit=unit,
        every=_every(typed.get("every", 1), unit),
        starts_on=_date(typed.get("starts_on")),
        handover_time=handover_time,
        restrictions=_restrictions(typed.get("restrictions") or []),
        name=name,
    )


def _people(typed: Any) -> tuple[int, ...]:
    if not isinstance(typed, list | tuple) or not all(isinstance(one, int) for one in typed):
        raise ValueError(_BAD_PERSON)
    if not typed:
        raise ValueError(_NO_PEOPLE)
    if len(typed) > MAX_PEOPLE:
        raise ValueError(_MANY_PEOPLE % {"most": MAX_PEOPLE})
    return tuple(typed)


def _unit(typed: Any) -> Unit:
    if typed not in list(Unit):
        raise ValueError(_BAD_UNIT)
    return Unit(typed)


def _every(typed: Any, unit: Unit) -> int:
    most, word = _LONGEST[unit]
    text = str(typed).strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= most):
        raise ValueError(_BAD_EVERY % {"most": most, "unit": word})
    return int(text)


def _date(typed: Any) -> date:
    if isinstance(typed, date) and not isinstance(typed, datetime):
        return typed
    try:
        found = date.fromisoformat(str(typed).strip())
    except ValueError as error:
        raise ValueError(_BAD_DATE) from error
    if not 2000 <= found.year <= 2200:
        raise ValueError(_BAD_DATE)
    return found


def _restrictions(typed: Any) -> tuple[Restriction, ...]:
    if not isinstance(typed, list | tuple):
        raise ValueError(_BAD_WINDOW)
    if len(typed) > MAX_RESTRICTIONS:
        raise ValueError(_MANY_WINDOWS % {"most": MAX_RESTRICTIONS})
    return tuple(map(_restriction, typed))


def _restriction(typed: Any) -> Restriction:
    if isinstance(typed, Restriction):
        return typed
    if not isinstance(typed, Mapping):
        raise ValueError(_BAD_WINDOW)
    days, until_day = typed.get("days"), typed.get("until_day")
    starts, ends = parse_time(typed.get("from", "")), parse_time(typed.get("until", ""))
    if not isinstance(days, list | tuple) or not days or not all(_is_day(day) for day in days):
        raise ValueError(_BAD_WINDOW)
    if starts is None or ends is None or not (until_day is None or _is_day(until_day)):
        raise ValueError(_BAD_WINDOW)
    if until_day is not None and len(days) != 1:
        raise ValueError(_ONE_DAY)
    return Restriction(tuple(sorted(set(days))), starts, ends, until_day)


def _is_day(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _DAYS


def _of_day(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)
