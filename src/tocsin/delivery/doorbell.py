"""Wakes workers by a NOTIFY that carries nothing: the rows are the queue, and a lost ring costs seconds."""

from __future__ import annotations

from tocsin.events.statements import run

DUE = "tocsin_due"
"""An alert may be due."""
SEND = "tocsin_send"
"""A delivery may be due."""

IMPORT = "tocsin_import"
"""A file of contacts may have to be worked on."""


def ring_due() -> None:
    """Heard by listeners when the surrounding transaction commits."""
    _notify(DUE)


def ring_send() -> None:
    """Heard by listeners when the surrounding transaction commits."""
    _notify(SEND)


def ring_import() -> None:
    """Heard by listeners when the surrounding transaction commits."""
    _notify(IMPORT)


def _notify(channel: str) -> None:
    run("SELECT pg_notify(%s, '')", [channel])
