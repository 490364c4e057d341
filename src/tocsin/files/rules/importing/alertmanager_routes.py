"""Alertmanager's tree of routes -> policies in an order, which take exactly what the routes take.

A route takes an event that its matchers and those of the routes above it match, when none of its children matches
and no earlier sibling, its own or of a route above it, has kept the event by not saying `continue`. Where nothing on
the way up says `continue`, a policy that stops says all of that by its place; for the rest the rules name what must
not match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Condition = dict[str, str]
_NEGATED = {"eq": "neq", "neq": "eq", "re": "nre", "nre": "re"}
MOST_RULES = 100
MOST_CONDITIONS = 50


@dataclass
class Route:
    """`conditions`: its own matchers. `tells`: whether somebody would be told; a policy for nobody cannot stop."""

    place: str
    receiver: str
    conditions: list[Condition]
    continues: bool
    settings: dict[str, Any]
    tells: bool = True
    children: list[Route] = field(default_factory=list)

    def surely_stops(self) -> bool:
        """Whatever it matches ends in one policy of its own or below, and none goes on to the next there."""
        return not self.continues and self.tells and all(child.surely_stops() for child in self.children)


@dataclass(frozen=True)
class Taken:
    """A policy to be: `rules` None when it would need more than a policy may have."""

    route: Route
    rules: list[list[Condition]] | None
    stops_here: bool


def flattened(root: Route) -> list[Taken]:
    """In the order of the policies: children before their parent."""
    found: list[Taken] = []
    _flatten(root, [], [], True, found)
    return found


def _flatten(
    route: Route, above: list[Condition], excluded: list[list[Condition]], may_stop: bool, found: list[Taken]
) -> None:
    """`excluded`: matchers of earlier siblings, here and above, that would have kept the event."""
    path = [*above, *route.conditions]
    before: list[list[Condition]] = []
    for child in route.children:
        stops = may_stop and not child.continues
        _flatten(child, path, [*excluded, *before], stops, found)
        if not child.continues and not (stops and child.surely_stops()):
            before.append(child.conditions)
    own = [child.conditions for child in route.children if not (may_stop and child.surely_stops())]
    found.append(Taken(route, _rules(path, [*excluded, *own]), may_stop and route.tells))


def _rules(path: Sequence[Condition], excluded: Sequence[Sequence[Condition]]) -> list[list[Condition]] | None:
    """All of `path` and, of each excluded conjunction, not all: in rules of which one is enough."""
    choices = []
    for conjunction in excluded:
        left = [condition for condition in conjunction if condition not in path]
        if not left:
            return []  # never: what is excluded always matches here
        choices.append([{**condition, "operator": _NEGATED[condition["operator"]]} for condition in left])
    count = 1
    for options in choices:
        count *= len(options)
        if count > MOST_RULES:
            return None
    rules: list[list[Condition]] = []
    for combination in product(*choices):
        rule = _distinct([*path, *combination])
        if len(rule) > MOST_CONDITIONS:
            return None
        if rule not in rules:
            rules.append(rule)
    return rules


def _distinct(conditions: Sequence[Condition]) -> list[Condition]:
    found: list[Condition] = []
    for condition in conditions:
        if condition not in found:
            found.append(condition)
    return found
