"""Log lines: for people, or JSON with `TOCSIN_LOG_FORMAT=json`; without the credentials that texts may carry."""

from __future__ import annotations

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from tocsin.config.environment import log_format
from tocsin.core.redact import redact

_IDS = frozenset(
    {
        "event_ids",
        "alert_ids",
        "delivery_ids",
        "delivery_id",
        "alert_id",
        "integration_id",
        "channel",
        "account",
        "outcome",
    }
    | {"event_ids_count", "alert_ids_count", "delivery_ids_count", "code"}
)
"""What a line may carry beside its text (`extra`); `core/traces.py` adds what it stands in."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.ExtraAdder(_IDS),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging() -> None:
    """Standard error, one line for each record; once for each process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact,
                *([_on_lines_of_ours] if log_format() != "json" else []),
                _renderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)


def _redact(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def _on_lines_of_ours(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """What others wrote begins no line that looks like ours. The lines of an exception are set in."""

    def shown(key: str, text: str) -> str:
        lines = text.split("\n") if key == "exception" else [text]
        return "\n    ".join(_CONTROL.sub(lambda found: repr(found[0])[1:-1], line) for line in lines)

    return {key: shown(key, value) if isinstance(value, str) else value for key, value in event.items()}


def _renderer() -> Processor:
    if log_format() == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
