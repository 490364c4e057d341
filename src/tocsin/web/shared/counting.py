"""What the doors for events took, counted in memory and added to the database with the door's heartbeat.

A statement for each post would cost the one door whose speed matters; a process that is killed loses the last seconds
of its counts, and no event.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock

from tocsin.delivery.tallies import INGEST_REPORTS, INGEST_REQUESTS, Key, add_tallies, key_of

_lock = Lock()
_counted: Counter[Key] = Counter()


def count_post(dialect: str, status: int, *, stored: int = 0, refused: int = 0, dropped: int = 0) -> None:
    with _lock:
        _counted[key_of(INGEST_REQUESTS, dialect=dialect, code=str(status))] += 1
        if stored:
            _counted[key_of(INGEST_REPORTS, dialect=dialect, result="stored")] += stored
        if refused:
            _counted[key_of(INGEST_REPORTS, dialect=dialect, result="refused")] += refused
        if dropped:
            _counted[key_of(INGEST_REPORTS, dialect=dialect, result="dropped")] += dropped


def write_counts() -> None:
    """Adds what was counted since; it is kept when that fails."""
    global _counted
    with _lock:
        counted, _counted = _counted, Counter()
    if not counted:
        return
    try:
        add_tallies(counted)
    except BaseException:
        with _lock:
            _counted.update(counted)
        raise
