"""Which policies take an event: all that match, in their order, until one that stops here. Without a database.

`Walk` is the same as trying every policy in turn, and looks only at those that can match: each rule waits under one of
its conditions that names values (`eq`, `in`), the one that fewest rules share; what has no such condition is always
tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter

from tocsin.policies.rules.matching import Condition, Operator, Rule, listed_values, rules_match


@dataclass(frozen=True, slots=True)
class Matcher:
    """A policy as far as it concerns what it takes and how that is grouped. `sources` (): every integration."""

    policy_id: int
    name: str
    version_id: int
    rules: tuple[Rule, ...]
    group_by: tuple[str, ...]
    group_wait: timedelta
    sources: frozenset[int] = frozenset()
    stops_here: bool = False
    is_shadow: bool = False

    def matches(self, labels: Mapping[str, str], integration_id: int) -> bool:
        is_source = not self.sources or integration_id in self.sources
        return is_source and rules_match(self.rules, labels)


def taken_in_turn(matching: Iterable[Matcher]) -> list[Matcher]:
    """Of the policies that match, in their order, those that get the event.

    A shadow changes nothing for the others; it gets what it would get if it were enabled beside them.
    """
    taken: list[Matcher] = []
    shadows_are_stopped = False
    for policy in matching:
        if policy.is_shadow and shadows_are_stopped:
            continue
        taken.append(policy)
        if policy.stops_here and not policy.is_shadow:
            break
        shadows_are_stopped = shadows_are_stopped or policy.stops_here
    return taken


class Walk:
    """Of policies in their order; made once, asked for each event."""

    def __init__(self, policies: Sequence[Matcher]) -> None:
        self._policies = tuple(policies)
        anchors = [(at, _anchors(rule)) for at, policy in enumerate(self._policies) for rule in policy.rules]
        weights = Counter(pair for _at, choices in anchors for pairs in choices for pair in pairs)
        found: list[tuple[str, str, int]] = []
        tried = [at for at, policy in enumerate(self._policies) if not policy.rules]
        for at, choices in anchors:
            if choices:
                best = min(choices, key=lambda pairs: sum(weights[pair] for pair in pairs))
                found += [(key, value, at) for key, value in best]
            else:
                tried.append(at)
        self._always = tuple(sorted(set(tried)))
        self._waiting: dict[str, dict[str, tuple[int, ...]]] = {}
        for (key, value), items in groupby(sorted(set(found)), key=itemgetter(0, 1)):
            self._waiting.setdefault(key, {})[value] = tuple(at for _key, _value, at in items)

    def policies_for(self, labels: Mapping[str, str], integration_id: int) -> list[Matcher]:
        """Those that take an event with these labels (as `match_labels` gives them), in their order."""
        able = set(self._always)
        for key, values in self._waiting.items():
            able.update(values.get(labels.get(key, ""), ()))
        policies = (self._policies[at] for at in sorted(able))
        return taken_in_turn(policy for policy in policies if policy.matches(labels, integration_id))


def _anchors(rule: Rule) -> list[list[tuple[str, str]]]:
    """For each condition that names its values: (label, value), one of which an event must have."""
    return [[(condition.key, value) for value in values] for condition in rule if (values := _named(condition))]


def _named(condition: Condition) -> Sequence[str]:
    match condition.operator:
        case Operator.EQ:
            return (condition.value,)
        case Operator.IN:
            return sorted(listed_values(condition.value))
        case _:
            return ()
