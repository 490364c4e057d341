"""Match rules as people write them: one condition a line, a blank line between rules. Pure.

    alertname = DiskFull
    severity in critical, error

    service =~ payments-.*

The two rules are alternatives; the conditions of one must all hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from tocsin.core.errors import InvalidInputError
from tocsin.policies.rules import SIGNS, Condition, Rule

_OPERATORS = {sign: operator for operator, sign in SIGNS.items()}
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LINE = re.compile(
    rf"(?P<key>{_QUOTED}|[^\s=!\"]+)\s*(?P<sign>=~|!~|!=|=|(?<=[\s\"])(?:not\s+in|in)(?=[\s\"]|$))\s*(?P<value>.*)",
    re.DOTALL,
)
_PLAIN_KEY = re.compile(r"[^\s=!\"#]+")


def write_rules(rules: Iterable[Rule]) -> str:
    """What `read_rules` reads back as the same rules."""
    return "\n\n".join("\n".join(_write_condition(condition) for condition in rule) for rule in rules)


def read_rules(text: str) -> list[Sequence[Condition]]:
    """InvalidInputError on `rules` names the line (from 1). Lines that begin with # are comments."""
    rules: list[list[Condition]] = [[]]
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        stripped = line.strip()
        if not stripped:
            if rules[-1]:
                rules.append([])
        elif not stripped.startswith("#"):
            rules[-1].append(_read_condition(stripped, number))
    return [rule for rule in rules if rule]


def _write_condition(condition: Condition) -> str:
    key = condition.key if _PLAIN_KEY.fullmatch(condition.key) else json.dumps(condition.key, ensure_ascii=False)
    value = condition.value
    if value != value.strip() or value.startswith('"') or not value.isprintable():
        value = json.dumps(value)
    return f"{key} {SIGNS[condition.operator]} {value}".rstrip()


def _read_condition(line: str, number: int) -> Condition:
    found = _LINE.fullmatch(line)
    if found is None:
        example = "severity in critical, error"
        raise InvalidInputError(
            {
                "rules": _("Line %(number)d: write a label, a sign and a value, like %(example)s. Signs: %(signs)s.")
                % {"number": number, "example": example, "signs": ", ".join(SIGNS.values())}
            }
        )
    operator = _OPERATORS[" ".join(found["sign"].split())]
    return Condition(_unquoted(found["key"], number), operator, _unquoted(found["value"], number))


def _unquoted(text: str, number: int) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text, strict=False))
    except ValueError as error:
        problem = _("Line %(number)d: the quotes do not close.") % {"number": number}
        raise InvalidInputError({"rules": problem}) from error
