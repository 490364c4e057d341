"""The body of a post -> reports. One bad alert does not cost its neighbours theirs: Prometheus never repeats a 4xx."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from tocsin.core.labels import printable, without_empty
from tocsin.events.rules import Report, report_errors
from tocsin.web.shared.posts import UnreadableError, refusal_of

_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[{]++|[\]}]++|,', re.DOTALL)
"""What divides JSON. A quote that nothing closes takes the rest, so that no text is looked at twice."""
_WIRE_NAMES = {"generator_url": "generatorURL", "ends_at": "endsAt"}


class _Alert(msgspec.Struct, rename={"generator_url": "generatorURL", "starts_at": "startsAt", "ends_at": "endsAt"}):
    """Alertmanager's postableAlert."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    generator_url: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """`refused`: what is wrong with the alerts that are not among the reports, a sentence for each."""

    reports: list[Report]
    refused: list[str]

    @property
    def refusal(self) -> str:
        """One text about all refused alerts, for the sender's log."""
        return refusal_of("alerts", len(self.reports), self.refused)


_decode = msgspec.json.Decoder(list[_Alert]).decode


def read_batch(body: bytes) -> Batch:
    """UnreadableError when the body is not a JSON array."""
    try:
        items: list[_Alert | str] = list(_decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        items = [_alert_or_problem(element) for element in _elements(body.decode(errors="replace"))]
    reports, refused = [], []
    for number, item in enumerate(items, start=1):
        problem = item if isinstance(item, str) else ""
        if not isinstance(item, str):
            report = _report(item)
            if errors := report_errors(report):
                problem = _in_words(errors)
            else:
                reports.append(report)
        if problem:
            refused.append(f"alert {number}: {problem}")
    return Batch(reports, refused)


def _elements(text: str) -> list[str]:
    """The array's elements, unread, so that what is wrong with one costs no other. Linear, at any depth."""
    text = text.strip(" \t\r\n")
    if not text.startswith("["):
        raise UnreadableError("The body must be a JSON array of alerts.")
    elements, start, depth, end = [], 1, 0, 0
    for token in _TOKENS.finditer(text):
        mark, end = token[0], token.end()
        if mark[0] in "[{":
            depth += len(mark)
        elif mark[0] in "]}":
            depth -= len(mark)
            if depth <= 0:
                break
        elif mark == "," and depth == 1:
            elements.append(text[start : token.start()])
            start = end
    if depth != 0 or end != len(text) or not text.endswith("]"):
        raise UnreadableError("The body is not a whole JSON array: a bracket or a quote is missing, or one too many.")
    return [*elements, text[start:-1]]


def _alert_or_problem(element: str) -> _Alert | str:
    """By the standard library, which (as Go's) reads what one strict pass over all would refuse."""
    try:
        return msgspec.convert(json.loads(element), _Alert)
    except msgspec.ValidationError as error:
        return printable(str(error), 200).strip("'\"")
    except json.JSONDecodeError:
        return "this is not JSON"
    except ValueError:  # Python reads no integer of thousands of digits
        return "holds a number of too many digits"
    except RecursionError:
        return "is nested too deeply"


def _report(alert: _Alert) -> Report:
    return Report(
        labels=without_empty(alert.labels),
        annotations=alert.annotations or {},
        generator_url=alert.generator_url or "",
        starts_at=_moment(alert.starts_at),
        ends_at=_moment(alert.ends_at),
    )


def _moment(typed: datetime | None) -> datetime | None:
    """Go's zero time (year 1) says nothing; a time without an offset is UTC."""
    if typed is None or typed.year == 1:
        return None
    return typed if typed.tzinfo else typed.replace(tzinfo=UTC)


def _in_words(errors: dict[str, str]) -> str:
    return ", ".join(f"{_WIRE_NAMES.get(field, field)}: {text}" for field, text in errors.items())
