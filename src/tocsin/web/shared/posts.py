"""What the doors for events share: a body as it was sent, and reports stored before anything is answered."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO, TypeVar

from django.db import InterfaceError, OperationalError, connection

from tocsin.delivery.pipeline import accept
from tocsin.events.rules import IntegrationKey, Report
from tocsin.events.services import note_reports

MAX_BODY = 8 * 1024 * 1024
"""Bytes, also after decompression. Prometheus sends 64 alerts at a time: 128 KiB for each."""
_GZIP = 16 + zlib.MAX_WBITS
_NOTED_EVERY = timedelta(seconds=30)
_CHUNK = 64 * 1024
_TOLD = 20
_Result = TypeVar("_Result")


class UnreadableError(Exception):
    """The body as a whole cannot be read. The text is for the sender."""


class TooLargeError(UnreadableError):
    """More than MAX_BODY."""


def body_of(environ: Mapping[str, Any]) -> bytes:
    """Of a WSGI request, unzipped."""
    declared = environ.get("CONTENT_LENGTH") or ""
    source: BinaryIO = environ["wsgi.input"]
    is_too_large = declared.isdigit() and int(declared) > MAX_BODY
    body = b"" if is_too_large else source.read(int(declared) if declared.isdigit() else MAX_BODY + 1)
    if is_too_large or len(body) > MAX_BODY:
        _drain(source)
        raise TooLargeError(f"The body is larger than {MAX_BODY} bytes. Send fewer alerts at a time.")
    match environ.get("HTTP_CONTENT_ENCODING", "").strip().lower():
        case "" | "identity":
            return body
        case "gzip":
            return unzip(body)
        case other:
            raise UnreadableError(f"Content-Encoding {other[:20]!r} is not known here; gzip is.")


def unzip(body: bytes) -> bytes:
    """A gzip body, never larger than allowed however small it was."""
    stream = zlib.decompressobj(_GZIP)
    try:
        plain = stream.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise UnreadableError("The body is not gzip, although Content-Encoding says so.") from error
    if len(plain) > MAX_BODY:
        raise TooLargeError(f"The body is larger than {MAX_BODY} bytes. Send fewer alerts at a time.")
    if not stream.eof:
        raise UnreadableError("The gzip body is cut off.")
    return plain


def store(integration: IntegrationKey, reports: Sequence[Report], now: datetime) -> int:
    """Committed when it returns. How many were dropped, since an earlier post had brought them."""
    return again_if_disconnected(lambda: _store(integration, reports, now))


def again_if_disconnected(work: Callable[[], _Result]) -> _Result:
    """A connection that lay idle may be dead; a report that is stored twice is a repeated report."""
    try:
        return work()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return work()


def refusal_of(what: str, stored: int, refused: Sequence[str]) -> str:
    """One text about all that was refused, for the sender's log."""
    more = len(refused) - _TOLD
    told = [*refused[:_TOLD], *([f"and {more} more"] if more > 0 else [])]
    return f"{len(refused)} of {stored + len(refused)} {what} refused: {'; '.join(told)}"


def _store(integration: IntegrationKey, reports: Sequence[Report], now: datetime) -> int:
    result = accept(integration, reports, now)
    if reports and (integration.last_event_at is None or now - integration.last_event_at > _NOTED_EVERY):
        note_reports(integration=integration, now=now)
    return result.dropped


def _drain(source: BinaryIO) -> None:
    """Most senders look for an answer only once they have sent all; who sends far more finds a closed connection."""
    left = 2 * MAX_BODY
    while left > 0 and (chunk := source.read(min(left, _CHUNK))):
        left -= len(chunk)
