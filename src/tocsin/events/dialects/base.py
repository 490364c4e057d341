"""What all dialects share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.labels import printable
from tocsin.core.sentences import Sentence
from tocsin.events.rules import Report, report_errors

_TOO_DEEP = Sentence("The body is nested too deeply.")
_DEEP = Sentence("is nested too deeply")
_NO_JSON = Sentence("The body is not JSON: %(problem)s")
_TOO_MANY = Sentence("only %(most)d are read at a time")
_NO_NUMBER = Sentence("there is no number %(word)s")
HELD_FOR = timedelta(hours=25)
"""How long a firing holds that its sender will end: longer than a day, after which most repeat what still fires."""
MAX_ITEMS = 10_000
_WIRE_NAMES = {"generator_url": "generatorURL", "starts_at": "startsAt", "ends_at": "endsAt"}
_RESOLVED = frozenset(
    {"resolved", "resolve", "ok", "okay", "closed", "close", "recovered", "recovery", "normal", "inactive"}
    | {"up", "success", "cleared", "clear", "恢复", "已恢复"}
)


class UnreadableError(Exception):
    """The body as a whole cannot be read. The text is for the sender."""


class ItemError(Exception):
    """One item cannot be read: `field`, and `text`, what is wrong with it."""

    def __init__(self, field: str, text: str) -> None:
        self.field, self.text = field, text
        super().__init__(f"{field}: {text}" if field else text)


@dataclass(frozen=True, slots=True)
class Post:
    """One request. Names of headers are in lower case. `mapping` is the integration's own, for plain JSON."""

    body: bytes
    now: datetime
    auto_resolve_after: timedelta = timedelta(minutes=5)
    headers: Mapping[str, str] = field(default_factory=dict)
    mapping: str = ""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Read:
    """`refused`: what is wrong with items that are not among the reports: the place, the field, the text.

    `is_one`: the body is one event and no array. `cut_off`: how many alerts the sender says it has left out.
    """

    reports: list[Report]
    refused: list[str]
    is_one: bool = False
    cut_off: int = 0


def decoded(body: bytes) -> Any:
    """Any JSON. Numbers of thousands of digits, NaN, and what is nested too deeply are refused."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:  # reads what one strict pass refuses, such as half a surrogate pair, which then is one field's error
        return json.loads(body, parse_constant=_no_number)
    except RecursionError:
        raise UnreadableError(_TOO_DEEP) from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UnreadableError(_NO_JSON % {"problem": printable(str(error), 200)}) from None


def collect(items: Iterable[Any], place: str, read: Callable[[Any], Report], *, cut_off: int = 0) -> Read:
    """What is wrong with one item costs no other. `place`: what the list is called, `alerts` for `alerts[0]`."""
    reports, refused = [], []
    for number, item in enumerate(items):
        where = f"{place}[{number}]" if place else ""
        if number >= MAX_ITEMS:
            refused.append(f"{where}: {_TOO_MANY % {'most': MAX_ITEMS}}")
            break
        try:
            report = read(item)
        except ItemError as error:
            refused.append(f"{where}: {error}" if where else str(error))
        except msgspec.ValidationError as error:
            refused.append(_placed(where, str(error)))
        except RecursionError:
            refused.append(f"{where}: {_DEEP}" if where else str(_DEEP))
        else:
            errors = report_errors(report)
            refused += [
                f"{where}{'.' if where else ''}{_WIRE_NAMES.get(name, name)}: {text}" for name, text in errors.items()
            ]
            if not errors:
                reports.append(report)
    return Read(reports, refused, is_one=not place, cut_off=cut_off)


def is_resolved(word: str) -> bool:
    """What monitoring systems call it when something is over."""
    return word.strip().lower() in _RESOLVED


def lasting(
    post: Post, *, is_over: bool, starts_at: datetime | None, ends_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Start and end of what its sender says to fire or to be over, whatever its clock says."""
    if is_over:
        end = min(ends_at or post.now, post.now)
        return (starts_at if starts_at and starts_at <= end else None), end
    is_known = ends_at is not None and ends_at > post.now
    end = ends_at if ends_at is not None and is_known else post.now + max(post.auto_resolve_after, HELD_FOR)
    return (starts_at if starts_at and starts_at <= end else None), end


def aware(typed: datetime | None) -> datetime | None:
    """Go's zero time (year 1) says nothing; a time without an offset is UTC."""
    if typed is None or typed.year == 1:
        return None
    return typed if typed.tzinfo else typed.replace(tzinfo=UTC)


def _placed(where: str, text: str) -> str:
    """msgspec's "Expected `str`, got `int` - at `$.labels`" with the place before it."""
    problem, _, path = text.partition(" - at `")
    place = f"{where}{path.rstrip('`').lstrip('$')}".lstrip(".")
    return f"{place}: {printable(problem, 200)[1:-1]}" if place else printable(problem, 200)[1:-1]


def _no_number(word: str) -> float:
    raise ValueError(_NO_NUMBER % {"word": word})
