"""Matching and grouping, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Operator(StrEnum):
    EQ = "eq"
    NEQ = "neq"
    IN = "in"
    NIN = "nin"
    RE = "re"
    NRE = "nre"


@dataclass(frozen=True, slots=True)
class Condition:
    """`key` is a label name; a missing label is the empty string. `in`/`nin` values are comma-separated."""

    key: str
    operator: Operator
    value: str


Rule = Sequence[Condition]
"""All conditions of a rule must hold (AND); a policy matches when one of its rules does (OR)."""
