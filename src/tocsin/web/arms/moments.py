"""Moments as this API writes them: by the installation's clocks, or in milliseconds. Those asked about are clamped."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from tocsin.core.clock import keepable
from tocsin.web.arms.errors import invalid

_SHAPES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
NEVER = -1


def read_moment(name: str, text: str, zone: str = "") -> datetime | None:
    """By the clocks of `zone`, or the installation's. None for an empty text. RpcError for what is no moment."""
    if not text.strip():
        return None
    for shape in _SHAPES:
        try:
            return keepable(datetime.strptime(text.strip(), shape).replace(tzinfo=ZoneInfo(zone or settings.TIME_ZONE)))
        except ValueError:
            continue
    raise invalid(name, f"Write {name} like 2026-12-24 18:00:00.")


def from_milliseconds(name: str, number: int) -> datetime:
    try:
        return keepable(datetime.fromtimestamp(number / 1000, UTC))
    except (OverflowError, ValueError, OSError) as error:
        raise invalid(name, f"{name} is a number of milliseconds since 1970.") from error


def shown_moment(at: datetime | None) -> str:
    return at.astimezone(ZoneInfo(settings.TIME_ZONE)).strftime(_SHAPES[0]) if at is not None else ""


def milliseconds(at: datetime | None) -> int:
    return int(at.timestamp() * 1000) if at is not None else NEVER
