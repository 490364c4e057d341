"""How Alertmanager writes times and fingerprints. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

_OFFSET, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1


def moment(at: datetime) -> str:
    """UTC with milliseconds."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """What Prometheus and Alertmanager call these labels: FNV-1a (64 bit) over the sorted pairs, FF after each text."""
    return _fingerprint(tuple(sorted(labels.items())))


@lru_cache(maxsize=50_000)
def _fingerprint(pairs: tuple[tuple[str, str], ...]) -> str:
    total = _OFFSET
    for byte in b"".join(name.encode() + b"\xff" + value.encode() + b"\xff" for name, value in pairs):
        total = ((total ^ byte) * _PRIME) & _MASK
    return f"{total:016x}"
