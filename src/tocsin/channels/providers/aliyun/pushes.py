"""What Alibaba Cloud posts later: arrays of reports, answered with a code that is a number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.channels.base import CallbackReply, Receipt
from tocsin.channels.providers.aliyun.account import CHINA
from tocsin.channels.texts import one_line

_MOST = 1000
_TAKEN = b'{"code":0,"msg":"ok"}'


def items_of(body: bytes) -> list[Mapping[str, Any]] | None:
    """The reports of a push; None for what is none, which is then pushed again."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    items = found if isinstance(found, list) else [found]
    return [item for item in items[:_MOST] if isinstance(item, dict)] if items and found is not None else None


def answer(receipts: Sequence[Receipt]) -> CallbackReply:
    return CallbackReply(receipts, 200, "application/json; charset=utf-8", _TAKEN)


def said(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return one_line(str(value)) if isinstance(value, str | int) else ""


def moment(text: object) -> datetime | None:
    """Times are China's: "2026-11-23 16:00:05"."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return None
