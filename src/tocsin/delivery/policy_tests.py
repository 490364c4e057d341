"""What a file says must follow from labels at a moment, held against the planner's own answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from tocsin.core.clock import is_keepable
from tocsin.core.errors import InvalidInputError
from tocsin.core.labels import label_errors
from tocsin.delivery.explaining import ANY_SOURCE, ExplainedPolicy, ExplainedStep, Explanation, explain
from tocsin.delivery.rules import REASON_TEXTS
from tocsin.events.queries import key_of, list_integrations
from tocsin.policies.drafts import Drafts

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_KEYS = ("name", "labels", "integration", "at", "zone", "reaches", "reaches_only", "does_not_reach", "within_minutes")
_NOBODY = "nobody"

Names = dict[str, tuple[str, ...]]
"""Of people, robots, webhooks or schedules (whoever is on duty), each with channels; () for any."""


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """`within` looks at the steps of escalations, too, that fall due by then."""

    name: str
    labels: Mapping[str, str]
    integration: str
    at: datetime
    reaches: Names
    does_not_reach: Names
    is_only: bool
    within: timedelta


@dataclass(frozen=True, slots=True)
class TestResult:
    """`problems` is empty when what the test says holds."""

    test: PolicyTest
    problems: tuple[str, ...]


def parse_tests(document: Any, now: datetime) -> list[PolicyTest]:
    """A YAML document with `tests` -> values. InvalidInputError names the test by its number and the key."""
    listed = document.get("tests") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise InvalidInputError({"tests": "must be a list of tests; docs/policies.md shows one"})
    return [_parse(typed, f"tests[{number}]", now) for number, typed in enumerate(listed, start=1)]


def run_tests(tests: Sequence[PolicyTest], drafts: Drafts | None = None) -> list[TestResult]:
    """Each against the policies, contacts, schedules and silences as they are; nothing is stored or sent.

    `drafts`: policies to be tested instead of those in force.
    """
    sources = {item.name: key_of(item) for item in list_integrations()}
    results = []
    for test in tests:
        if test.integration and test.integration not in sources:
            results.append(TestResult(test, (f"there is no integration {test.integration!r}",)))
            continue
        source = sources.get(test.integration, ANY_SOURCE)
        found = explain(test.labels, test.at, integration=source, is_now=False, drafts=drafts)
        results.append(TestResult(test, tuple(problems_of(test, found))))
    return results


def problems_of(test: PolicyTest, found: Explanation) -> list[str]:
    """What differs from the test, in words."""
    told, duty = _told(found, test.within)
    named: set[str] = set()
    problems = []
    for name, channels in test.reaches.items():
        people = duty.get(name, {name})
        named |= people
        if not people:
            problems.append(f"nobody is on duty on {name}")
        for person in sorted(people):
            lacking = [channel for channel in channels if (person, channel) not in told]
            if not channels and person not in {who for who, _ in told}:
                problems.append(f"{_who(name, person)} is not told{_why(found, person)}")
            if lacking:
                problems.append(f"{_who(name, person)} is not told by {', '.join(lacking)}{_why(found, person)}")
    for name, channels in test.does_not_reach.items():
        for person in sorted(duty.get(name, {name})):
            wrong = sorted(channel for who, channel in told if who == person and channel in (channels or (channel,)))
            if wrong:
                problems.append(f"{_who(name, person)} is told by {', '.join(wrong)}")
    if test.is_only:
        problems += [f"{who} is told by {channel}, too" for who, channel in sorted(told) if who not in named]
    return problems


def _told(found: Explanation, within: timedelta) -> tuple[set[tuple[str, str]], dict[str, set[str]]]:
    """(name, channel) of whom messages go to, and the people on duty of each schedule that is named."""
    told: set[tuple[str, str]] = set()
    duty: dict[str, set[str]] = {}
    for policy in found.policies:
        parts: list[ExplainedPolicy | ExplainedStep] = [policy]
        parts += [step for step in policy.steps if step.at <= found.at + within]
        for part in parts:
            for schedule, people in part.on_duty:
                duty.setdefault(schedule, set()).update(people)
            if found.silence is None and policy.is_enabled and not _is_shut(part, found.at, within):
                told |= {(item.name, item.channel.value) for item in part.deliveries}
    return told, duty


def _is_shut(part: ExplainedPolicy | ExplainedStep, at: datetime, within: timedelta) -> bool:
    if isinstance(part, ExplainedStep):
        return part.is_passed_over
    return part.moment.is_dropped or (part.moment.at is not None and part.moment.at > at + within)


def _who(name: str, person: str) -> str:
    return name if name == person else f"{person}, on duty on {name},"


def _why(found: Explanation, person: str) -> str:
    if found.silence is not None:
        return f": silenced by {found.silence.name}"
    lacks = [lack for policy in found.policies for lack in policy.shortfalls if lack.name == person]
    return f": {'; '.join(dict.fromkeys(str(REASON_TEXTS[lack.reason]) for lack in lacks))}" if lacks else ""


def _parse(typed: Any, place: str, now: datetime) -> PolicyTest:
    if not isinstance(typed, Mapping):
        raise InvalidInputError({place: f"must hold some of {', '.join(_KEYS)}"})
    if unknown := [str(key) for key in typed if key not in _KEYS]:
        raise InvalidInputError({place: f"knows no {', '.join(unknown)}; it knows {', '.join(_KEYS)}"})
    labels = {str(key): str(value) for key, value in _mapping(typed.get("labels"), f"{place}.labels").items()}
    if errors := label_errors(labels):
        raise InvalidInputError({f"{place}.labels": "; ".join(f"{key}: {text}" for key, text in errors.items())})
    if "reaches" in typed and "reaches_only" in typed:
        raise InvalidInputError({place: "takes either reaches or reaches_only"})
    key = "reaches_only" if "reaches_only" in typed else "reaches"
    if key not in typed and "does_not_reach" not in typed:
        raise InvalidInputError({place: "says nothing: write reaches, reaches_only or does_not_reach"})
    is_nobody = typed.get(key) == _NOBODY
    minutes = typed.get("within_minutes", 0)
    if not isinstance(minutes, int | float) or isinstance(minutes, bool) or not 0 <= minutes <= 100_000:
        raise InvalidInputError({f"{place}.within_minutes": "is a number of minutes"})
    return PolicyTest(
        name=str(typed.get("name") or place),
        labels=labels,
        integration=str(typed.get("integration") or ""),
        at=_moment(typed.get("at"), str(typed.get("zone") or settings.TIME_ZONE), place, now),
        reaches={} if is_nobody else _names(typed.get(key, {}), f"{place}.{key}"),
        does_not_reach=_names(typed.get("does_not_reach", {}), f"{place}.does_not_reach"),
        is_only=is_nobody or key == "reaches_only",
        within=timedelta(minutes=minutes),
    )


def _names(typed: Any, place: str) -> Names:
    if isinstance(typed, str):
        typed = [typed]
    if isinstance(typed, list):
        return {str(name): () for name in typed}
    return {
        str(name): tuple(map(str, channels if isinstance(channels, list) else [channels] if channels else []))
        for name, channels in _mapping(typed, place).items()
    }


def _mapping(typed: Any, place: str) -> Mapping[Any, Any]:
    if not isinstance(typed, Mapping):
        raise InvalidInputError({place: "must be names with values, like `Ann: [phone]`"})
    return typed


def _moment(typed: Any, zone_name: str, place: str, now: datetime) -> datetime:
    moment = _typed_moment(typed, zone_name, place, now)
    if not is_keepable(moment):
        raise InvalidInputError({f"{place}.at": "choose a moment between the years 2000 and 2200"})
    return moment


def _typed_moment(typed: Any, zone_name: str, place: str, now: datetime) -> datetime:
    """*Monday 03:00* is the next one; a date and a time is that moment; nothing is now."""
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError({f"{place}.zone": f"there is no time zone {zone_name!r}"}) from None
    if typed is None:
        return now
    if isinstance(typed, datetime):
        return typed if typed.tzinfo else typed.replace(tzinfo=zone)
    day, _, clock = str(typed).strip().partition(" ")
    try:
        if day.lower() not in _DAYS:
            moment = datetime.fromisoformat(str(typed).strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=zone)
        hour, minute = map(int, clock.split(":"))
        today = now.astimezone(zone)
        moment = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
        moment += timedelta(days=(_DAYS.index(day.lower()) - today.weekday()) % 7)
        return moment if moment > now else moment + timedelta(days=7)
    except ValueError:
        problem = f"write Monday 03:00 or 2026-12-24T03:00, not {str(typed)!r}"
        raise InvalidInputError({f"{place}.at": problem}) from None
