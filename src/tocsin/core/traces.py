"""What log lines carry beside their text: the request, events, alerts and deliveries that they are about."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Any

from structlog.contextvars import bound_contextvars

_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAMED = 100


def tracing(**ids: Any) -> AbstractContextManager[None]:
    """Every line that is logged inside, also by libraries, carries these."""
    return bound_contextvars(**ids)


def request_id_of(given: str) -> str:
    """The sender's or proxy's own where it can stand in a log, else a new one."""
    return given if _GIVEN.fullmatch(given) else secrets.token_hex(8)


def about(**ids: Collection[int]) -> dict[str, Any]:
    """For `extra` of one line: the smallest ids of many, and how many there are."""
    named: dict[str, Any] = {}
    for name, values in ids.items():
        named[name] = sorted(values)[:_NAMED]
        if len(values) > _NAMED:
            named[f"{name}_count"] = len(values)
    return named
