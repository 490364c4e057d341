"""While this process can serve reports, it says so in the database: silence of the door is not recovery."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, connection

from tocsin.core.clock import utc_now
from tocsin.events.rules import BEAT_EVERY
from tocsin.events.services import beat

_log = logging.getLogger(__name__)


def start_beating(clock: Callable[[], datetime] = utc_now) -> threading.Event:
    """A daemon thread with a connection of its own, until the returned event is set or the process ends."""
    stop = threading.Event()
    threading.Thread(target=_beat_until, args=(stop, clock), name="ingest-beat", daemon=True).start()
    return stop


def _beat_until(stop: threading.Event, clock: Callable[[], datetime]) -> None:
    while True:
        try:
            if pause := beat(clock()):
                _log.warning("ingest was down for %s; active events end that much later", pause)
        except DatabaseError as error:
            _log.warning("the ingest door cannot say that it is up: %s", error)
            connection.close()
        if stop.wait(BEAT_EVERY.total_seconds()):
            connection.close()
            return
