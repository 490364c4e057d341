"""What a source reports, and what follows from it: severity, state, the names that policies match on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec

from tocsin.core.clock import keepable
from tocsin.core.labels import annotation_errors, label_errors, text_error


class EventState(StrEnum):
    ACTIVE = "active"
    SILENCED = "silenced"
    RESOLVED = "resolved"


class Severity(IntEnum):
    """P1 is the worst."""

    P1 = 1
    P2 = 2
    P3 = 3
    P4 = 4
    P5 = 5
    P6 = 6


INITIAL_SEVERITY_MAP = {"critical": 1, "error": 2, "warning": 3, "page": 4}
"""Values of the `severity` label; anything else is P6. Also the words `P1` to `P6` themselves, in any case."""

SEVERITY_KEY = "__severity__"
"""The label name by which policies match `P1` to `P6`. Prometheus keeps names in double underscores to itself."""
INTEGRATION_KEY = "__integration__"
"""The label name by which policies match the integration's name."""

MAX_URL = 8192
KEY_KEPT_FOR = timedelta(seconds=3)
"""How long a door may go by what it remembers of an integration."""
LATE_FOR = timedelta(minutes=5)
"""How long after a recovery a firing with the same start is taken for late: longer than Alertmanager tries to send it.
Not for ever: a source that was cut off from its Alertmanager resumes with the start that it had."""
SEEN_FOR = timedelta(days=3)
"""How long a report that its sender has named is known again: longer than senders retry."""
BEAT_EVERY = timedelta(seconds=5)
STOPPED_BEATING_AFTER = timedelta(seconds=30)
"""A longer pause between two beats of the ingest door was an outage."""
HEARTBEAT_MISSED = "TocsinHeartbeatMissed"
"""What the event of an integration calls itself that has not reported in time."""
BEAT_GRACE = timedelta(seconds=15)
_WORDS = {f"p{severity.value}": severity.value for severity in Severity}


class Report(msgspec.Struct, frozen=True):
    """One condition as a source reports it. Times are aware; None means that the source does not say.

    `report_id`: what the source calls this report, or ""; one that comes again is the same and changes nothing. One
    name may stand for several events, and once for each `phase` of one: what the source says of it, firing or over.
    `is_known_by_start`: its source gives each new episode a new start, and says when each is over.
    """

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    generator_url: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    report_id: str = ""
    phase: str = ""
    is_known_by_start: bool = False


@dataclass(frozen=True, slots=True)
class IntegrationKey:
    """What accepting reports needs to know of an integration; doors keep it for KEY_KEPT_FOR."""

    id: int
    name: str
    severity_map: Mapping[str, int]
    auto_resolve_after: timedelta
    is_enabled: bool = True
    last_event_at: datetime | None = None
    heartbeat_every: timedelta | None = None
    heartbeat_rules: Sequence[Sequence[Mapping[str, str]]] = ()
    mapping: str = ""


@dataclass(frozen=True, slots=True)
class ChangedEvent:
    """An event whose state has just changed (or that is looked at again), with what policies match on."""

    id: int
    integration: IntegrationKey
    fingerprint: UUID
    labels: Mapping[str, str]
    severity: int
    state: EventState
    starts_at: datetime

    @property
    def match_labels(self) -> dict[str, str]:
        return match_labels(self.labels, self.severity, self.integration.name)


@dataclass(frozen=True, slots=True)
class Quiet:
    """What keeps an event quiet: a silence policy, an inhibition, or both."""

    silence_id: int | None = None
    inhibition_id: int | None = None


def report_errors(report: Report) -> dict[str, str]:
    """Field name -> what is wrong with it; {} when the report can be stored."""
    errors = label_errors(report.labels)
    errors.update(annotation_errors(report.annotations))
    if error := text_error(report.generator_url, MAX_URL):
        errors["generator_url"] = error
    if report.starts_at and report.ends_at and report.ends_at < report.starts_at:
        errors["ends_at"] = "the end must not be before the start"
    return errors


def severity_of(labels: Mapping[str, str], severity_map: Mapping[str, int]) -> int:
    """1 to 6, by the `severity` label in any case: the integration's map (its keys are lower case), then P1 to P6."""
    word = labels.get("severity", "").strip().lower()
    return severity_map.get(word) or _WORDS.get(word, 6)


def end_of(report: Report, auto_resolve_after: timedelta, now: datetime) -> datetime:
    """When the report stops to hold unless it is renewed."""
    return keepable(report.ends_at) if report.ends_at else now + auto_resolve_after


def start_of(report: Report, now: datetime) -> datetime:
    """A report that only names its end has it as its start too, as in Alertmanager."""
    return keepable(report.starts_at or report.ends_at or now)


def match_labels(labels: Mapping[str, str], severity: int, integration: str) -> dict[str, str]:
    """The labels that policies see: the event's own, its severity as `P1` to `P6`, its integration's name."""
    return {**labels, SEVERITY_KEY: f"P{severity}", INTEGRATION_KEY: integration}


def heartbeat_noted_every(every: timedelta) -> timedelta:
    """A heartbeat that comes sooner after the last one is not written down: its row would be hot."""
    return min(every / 4, timedelta(seconds=30))


def sweep_clock(now: datetime, beat_at: datetime | None) -> datetime:
    """Until when events may resolve by themselves: not beyond the time at which ingest was last seen up.

    None: no ingest door has ever run on this database, so no outage of one can hide reports.
    """
    return now if beat_at is None else min(now, beat_at + BEAT_GRACE)


def outage(beat_at: datetime, now: datetime) -> timedelta:
    """How long ingest was down between its last beat and now; zero for an ordinary pause."""
    pause = now - beat_at
    return pause if pause > STOPPED_BEATING_AFTER else timedelta(0)
