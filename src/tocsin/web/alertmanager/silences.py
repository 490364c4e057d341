"""Silence policies as Alertmanager's silences, and back. Pure: rows in, values out.

One rule for a period is the same thing on both sides. What has no form there (a cycle, several rules, `in`, no end) is
shown as silences that only Tocsin changes, one for each rule, for the occurrence that is in force, or the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
import re2

from tocsin.core.clock import LATEST, keepable
from tocsin.core.errors import InvalidInputError
from tocsin.policies.models import SilencePolicy
from tocsin.policies.queries.silences import times_of
from tocsin.policies.rules import Condition, Operator, Rule, condition_holds, parse_rules, stored_rules
from tocsin.policies.rules.matching import listed_values
from tocsin.policies.rules.silencing import Effect
from tocsin.web.alertmanager.wire import moment

SHOWN_AFTER_END = timedelta(hours=120)
"""As long as Alertmanager keeps what has expired, unless told otherwise."""
_NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Shown for what is kept as LATEST, or never ends: what clients write and take for it."""
_RULES_AT_MOST = 128
_NAME_LENGTH = 64


class State(StrEnum):
    ACTIVE = "active"
    PENDING = "pending"
    EXPIRED = "expired"


_ORDER = {State.ACTIVE: 0, State.PENDING: 1, State.EXPIRED: 2}


class RefusedError(Exception):
    """The silence cannot be written so. The text is for the sender."""


class PostedMatcher(msgspec.Struct, rename={"is_regex": "isRegex", "is_equal": "isEqual"}):
    name: str | None = None
    value: str | None = None
    is_regex: bool | None = None
    is_equal: bool | None = True


class Posted(msgspec.Struct, rename={"starts_at": "startsAt", "ends_at": "endsAt", "created_by": "createdBy"}):
    """Alertmanager's postableSilence."""

    id: str | None = None
    comment: str | None = None
    created_by: str | None = None
    ends_at: datetime | None = None
    matchers: list[PostedMatcher] | None = None
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownSilence:
    """One of Alertmanager's silences. `why_fixed`: why it can only be changed in Tocsin, or ""."""

    silence: SilencePolicy
    id: UUID
    rule: Rule
    state: State
    starts_at: datetime
    ends_at: datetime
    why_fixed: str

    def hides(self, labels: Mapping[str, str]) -> bool:
        return self.state is State.ACTIVE and all(condition_holds(condition, labels) for condition in self.rule)

    @property
    def matchers(self) -> list[dict[str, Any]]:
        return [_matcher(condition) for condition in self.rule]

    @property
    def patterns(self) -> dict[str, str]:
        """What `?filter=` compares with."""
        return {matcher["name"]: matcher["value"] for matcher in self.matchers}

    def as_json(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "status": {"state": self.state},
            "updatedAt": moment(self.silence.turned_at),
            "comment": self.silence.comment or self.silence.name,
            "createdBy": self.silence.created_by,
            "endsAt": moment(self.ends_at if self.ends_at < LATEST else _NO_END),
            "matchers": self.matchers,
            "startsAt": moment(self.starts_at),
        }


def shown(silence: SilencePolicy, now: datetime) -> list[ShownSilence]:
    """One for each rule, with ids that the row's own and the rule's place make."""
    starts, ends = times_of(silence).occurrence(now)
    starts_at, ends_at = starts or silence.created_at, ends or LATEST
    if not silence.is_enabled:
        ends_at = min(ends_at, silence.turned_at)
        starts_at = min(starts_at, ends_at)
    state = State.EXPIRED if ends_at <= now else State.PENDING if starts_at > now else State.ACTIVE
    rules = stored_rules(silence.rules)
    why = _why_fixed(silence, rules)
    return [
        ShownSilence(silence, _nth_id(silence.uuid, at), rule, state, starts_at, ends_at, why)
        for at, rule in enumerate(rules)
    ]


def ordered(silences: list[ShownSilence]) -> list[ShownSilence]:
    """Active by their ends, pending by their starts, expired with the last one first."""

    def key(item: ShownSilence) -> tuple[int, float, int]:
        moments = {
            State.ACTIVE: item.ends_at.timestamp(),
            State.PENDING: item.starts_at.timestamp(),
            State.EXPIRED: -item.ends_at.timestamp(),
        }
        return _ORDER[item.state], moments[item.state], item.id.int

    return sorted(silences, key=key)


def possible_rows(silence_id: UUID) -> list[UUID]:
    """The ids of the rows that may show a silence of this id."""
    return [_nth_id(silence_id, at) for at in range(_RULES_AT_MOST)]


def missing_field(posted: Posted) -> tuple[int, str] | None:
    """Code and text of the first field that Alertmanager's specification asks for and that is not there."""
    for name, wire in (
        ("comment", "comment"),
        ("created_by", "createdBy"),
        ("ends_at", "endsAt"),
        ("matchers", "matchers"),
    ):
        if getattr(posted, name) is None:
            return 602, f"{wire} in body is required"
    if not posted.matchers:
        return 612, "matchers in body should have at least 1 items"
    for at, matcher in enumerate(posted.matchers):
        for name, wire in (("is_regex", "isRegex"), ("name", "name"), ("value", "value")):
            if getattr(matcher, name) is None:
                return 602, f"matchers.{at}.{wire} in body is required"
        if not matcher.name:
            return 612, f"matchers.{at}.name in body should be at least 1 chars long"
    return (602, "startsAt in body is required") if posted.starts_at is None else None


def rule_of(posted: Posted) -> Rule:
    """RefusedError in Alertmanager's words where it has some."""
    conditions = tuple(
        Condition(matcher.name or "", _operator(matcher), matcher.value or "") for matcher in posted.matchers or ()
    )
    try:
        (rule,) = parse_rules([conditions])
    except InvalidInputError as error:
        raise RefusedError(f"silence invalid: {error}") from error
    if all(condition_holds(condition, {}) for condition in rule):
        raise RefusedError("silence invalid: at least one matcher must not match the empty string")
    return rule


def period_of(posted: Posted, now: datetime) -> tuple[datetime, datetime]:
    """From when to when, as sent: whoever creates it begins now with what should have begun before."""
    starts_at, ends_at = keepable(_aware(posted.starts_at, now)), keepable(_aware(posted.ends_at, now))
    if ends_at < starts_at:
        raise RefusedError("Failed to create silence: start time must be before end time")
    if ends_at < now:
        raise RefusedError("Failed to create silence: end time can't be in the past")
    return starts_at, ends_at


def is_same_silence(old: ShownSilence, rule: Rule, starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """Whether the old one can become the new one; else it ends and another begins, as in Alertmanager."""
    if frozenset(old.rule) != frozenset(rule):
        return False
    match old.state:
        case State.ACTIVE:
            return moment(starts_at) == moment(old.starts_at) and ends_at >= now
        case State.PENDING:
            return starts_at >= now
        case _:
            return False


def name_of(comment: str, rule: Rule) -> str:
    """What the policy is called here: the comment's first line, else its conditions."""
    line = comment.strip().partition("\n")[0].strip() or ", ".join(map(_short, rule))
    return line if len(line) <= _NAME_LENGTH else line[: _NAME_LENGTH - 1] + "…"


def _why_fixed(silence: SilencePolicy, rules: tuple[Rule, ...]) -> str:
    """In the order in which it would surprise."""
    if silence.effect in (Effect.DAILY, Effect.WEEKLY):
        return "it recurs"
    if silence.effect == Effect.ALWAYS:
        return "it has no end"
    if len(rules) > 1:
        return "it has several rules, of which this is one"
    if any(condition.operator in (Operator.IN, Operator.NIN) for rule in rules for condition in rule):
        return "it lists values with in or nin"
    return ""


def _nth_id(silence_id: UUID, at: int) -> UUID:
    """Its own inverse. Of random ids, only the last bits differ."""
    return UUID(int=silence_id.int ^ at)


def _matcher(condition: Condition) -> dict[str, Any]:
    is_list = condition.operator in (Operator.IN, Operator.NIN)
    value = condition.value
    if is_list:
        value = "|".join(re2.escape(each) for each in sorted(listed_values(value)))
    return {
        "isEqual": condition.operator in (Operator.EQ, Operator.IN, Operator.RE),
        "isRegex": is_list or condition.operator in (Operator.RE, Operator.NRE),
        "name": condition.key,
        "value": value,
    }


def _operator(matcher: PostedMatcher) -> Operator:
    is_equal = matcher.is_equal is not False
    if matcher.is_regex:
        return Operator.RE if is_equal else Operator.NRE
    return Operator.EQ if is_equal else Operator.NEQ


def _short(condition: Condition) -> str:
    signs = {Operator.EQ: "=", Operator.NEQ: "!=", Operator.RE: "=~", Operator.NRE: "!~"}
    return f"{condition.key}{signs.get(condition.operator, condition.operator)}{condition.value}"


def _aware(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    return at if at.tzinfo else at.replace(tzinfo=UTC)
