"""ARMS's subset of Go templates: read once into nodes, and carried out in steps and a time that are bounded. Pure.

`{{ .level }}`, `{{ .commonLabels.alertname }}`, `{{ if eq "app" .commonLabels.kind }} {{ else }} {{ end }}`,
`{{ for .alerts }}` (or `range`, also `range $n, $a := .alerts`), `{{ with }}`, `{{ $a := index .alerts 0 }}`, pipes,
parentheses, comments, and `{{-` with `-}}`. What is missing is nothing: it shows as "" and does not hold in an `if`.

A stored template of this dialect begins with `MARK`, which is a comment of its own language.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tocsin.policies.rules.go_functions import FUNCTIONS, pairs, shown
from tocsin.policies.rules.go_reading import UNREADABLE, Block, Pipe, Value, go_fault, read_go
from tocsin.policies.rules.template_faults import GREW, TOO_SLOW, TemplateFault

MARK = "{{/* go */}}"
ARMS_TEXTS: Mapping[str, str] = {
    "EmailTitle": "email_title",
    "EmailContent": "email_content",
    "EmailRecoverTitle": "email_recover_title",
    "EmailRecoverContent": "email_recover_content",
    "SmsContent": "sms_content",
    "SmsRecoverContent": "sms_recover_content",
    "TtsContent": "phone_content",
    "TtsRecoverContent": "phone_recover_content",
    "RobotContent": "robot_content",
}
"""What ARMS calls a policy's texts, and their fields here."""
_MOST_STEPS = 50_000
_STEP_LENGTH = 100
"""Characters of a text that is made on the way and cost a step more."""
_SECONDS = 1.0
_LONGEST_OUTPUT = 50_000


def is_go(source: str) -> bool:
    return source.startswith(MARK)


def made_go(source: str, values: Mapping[str, Any], dialect: Callable[[str], str]) -> str:
    """The text, where every value has gone through `dialect`. TemplateFault."""
    return _Run(values, dialect).text(read_go(source).body)


class _Run:
    """One template with one set of values."""

    def __init__(self, values: Mapping[str, Any], dialect: Callable[[str], str]) -> None:
        self._values, self._dialect = values, dialect
        self._steps = self._size = 0
        self._until = time.monotonic() + _SECONDS

    def text(self, body: Sequence[Block]) -> str:
        return "".join(self._pieces(body, self._values, {"$": self._values})).strip()

    def _pieces(self, body: Sequence[Block], item: Any, variables: dict[str, Any]) -> Iterator[str]:
        for block in body:
            self._step()
            match block.kind:
                case "text":
                    yield self._sized(block.text)
                case "show":
                    yield self._sized(self._dialect(self._charged(shown(self._pipe(block, item, variables)))))
                case "set":
                    variables[block.names[0]] = self._pipe(block, item, variables)
                case "if":
                    holds = bool(self._pipe(block, item, variables))
                    yield from self._pieces(block.body if holds else block.otherwise, item, {**variables})
                case "with":
                    value = self._pipe(block, item, variables)
                    names = dict.fromkeys(block.names, value)
                    inside, chosen = (value, block.body) if value else (item, block.otherwise)
                    yield from self._pieces(chosen, inside, {**variables, **names})
                case _:
                    yield from self._loop(block, item, variables)

    def _loop(self, block: Block, item: Any, variables: dict[str, Any]) -> Iterator[str]:
        found = pairs(self._pipe(block, item, variables))
        for key, value in found:
            names = dict(zip(block.names, (key, value) if len(block.names) > 1 else (value,), strict=False))
            yield from self._pieces(block.body, value, {**variables, **names})
        if not found:
            yield from self._pieces(block.otherwise, item, {**variables})

    def _pipe(self, block: Block, item: Any, variables: Mapping[str, Any]) -> Any:
        assert block.pipe is not None  # noqa: S101 (as it was read)
        try:
            return self._run(block.pipe, item, variables)
        except (TypeError, ValueError, IndexError) as error:
            raise go_fault(block.line, UNREADABLE % {"text": str(error)[:80]}) from error

    def _run(self, pipe: Pipe, item: Any, variables: Mapping[str, Any]) -> Any:
        passed: tuple[Any, ...] = ()
        for command in pipe.commands:
            self._step()
            operands = (*(self._value(operand, item, variables) for operand in command.operands), *passed)
            made = FUNCTIONS[command.function](*operands) if command.function else operands[0]
            passed = (self._charged(made) if isinstance(made, str) else made,)
        return passed[0]

    def _value(self, operand: Value, item: Any, variables: Mapping[str, Any]) -> Any:
        self._step()
        if operand.pipe is not None:
            value = self._run(operand.pipe, item, variables)
        elif operand.base is None:
            return operand.constant
        else:
            value = item if operand.base == "." else variables.get(operand.base)
        for name in operand.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _step(self, cost: int = 1) -> None:
        self._steps += cost
        if self._steps > _MOST_STEPS or time.monotonic() > self._until:
            raise TemplateFault(TOO_SLOW)

    def _charged(self, text: str) -> str:
        self._step(len(text) // _STEP_LENGTH)
        return text

    def _sized(self, piece: str) -> str:
        self._size += len(piece)
        if self._size > _LONGEST_OUTPUT:
            raise TemplateFault(GREW)
        return piece
