"""While this process can serve reports, it says so in the database: silence of the door is not recovery.

What it counted goes there with the beats.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from django.db import DatabaseError, connection

from tocsin.core.clock import utc_now
from tocsin.core.errors import first_line
from tocsin.events.rules import BEAT_EVERY
from tocsin.events.services import beat
from tocsin.web.shared.counting import write_counts

_log = logging.getLogger(__name__)


def start_beating(clock: Callable[[], datetime] = utc_now) -> Callable[[], None]:
    """Beats in a daemon thread with a connection of its own; returns what ends it."""
    end = threading.Event()
    thread = threading.Thread(target=_beat_until, args=(end, clock), name="ingest-beat", daemon=True)
    thread.start()

    def stop() -> None:
        end.set()
        thread.join()

    return stop


def _beat_until(end: threading.Event, clock: Callable[[], datetime]) -> None:
    while not end.is_set():
        try:
            if pause := beat(clock()):
                _log.warning("ingest was down for %s; active events end that much later", pause)
            write_counts()
        except Exception as error:  # whatever it was, without beats no event would ever resolve by itself
            _log.warning("the ingest door cannot say that it is up: %s", first_line(error))
            connection.close()
        end.wait(BEAT_EVERY.total_seconds())
    with suppress(DatabaseError):
        write_counts()
    connection.close()
