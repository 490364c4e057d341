"""Works on imports of contacts: checks files, writes rows, sends the verification texts that were asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.db import Error as DatabaseFault
from django.db import connection, transaction
from django.utils.translation import gettext as _

from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.queries.importing import contacts_of, row_view, rows_of
from tocsin.contacts.rules.importing import WORKING, ImportOptions, ImportState
from tocsin.contacts.services.import_ending import ends_if_cancelled, fail_import
from tocsin.contacts.services.import_holding import MAX_TRIES, came_back, has_tries_left, holding
from tocsin.contacts.services.imports import (
    check_import,
    create_import,
    finish_texting,
    note_progress,
    run_import,
    start_import,
    texts_were_sent,
)
from tocsin.core.actors import Actor
from tocsin.delivery.doorbell import ring_import
from tocsin.delivery.verifications import SendOutcome, send_verifications

logger = logging.getLogger(__name__)

_TEXTS_AT_ONCE = 500


def _never() -> bool:
    return False


def begin_import(
    *, by: Actor, now: datetime, file_name: str, format: str, content: bytes, options: ImportOptions, language: str
) -> ContactImport:
    """Keeps the file, and wakes a worker to check it."""
    with transaction.atomic():
        row = create_import(
            by=by, now=now, file_name=file_name, format=format, content=content, options=options, language=language
        )
        ring_import()
    return row


def release_import(*, by: Actor, now: datetime, import_id: int, may_attest: bool) -> ContactImport:
    """What was checked may be written; wakes a worker to do it."""
    with transaction.atomic():
        row = start_import(by=by, now=now, import_id=import_id, may_attest=may_attest)
        ring_import()
    return row


def work_on_imports(now: datetime, should_stop: Callable[[], bool] = _never) -> int:
    """Every import that waits for a worker, until it waits for a person or is done; returns how many there were.

    One is worked on by one worker. When that is killed another goes on at the last finished chunk.
    """
    done = 0
    for pk in ContactImport.objects.filter(state__in=WORKING).order_by("pk").values_list("pk", flat=True):
        if should_stop():
            break
        with holding(pk) as is_ours:
            if is_ours:
                advance_import(pk, now, should_stop)
                done += 1
    return done


def advance_import(
    pk: int,
    now: datetime,
    should_stop: Callable[[], bool] = _never,
    tell: Callable[[ContactImport], None] | None = None,
) -> ContactImport:
    """The caller holds it. A fault of ours ends this import, with its trace in the log; so does dying of it thrice."""
    if not has_tries_left(pk):
        text = _(
            "Each of %(count)d workers that took this import up ended in the middle of it. Is there enough memory?"
        )
        fail_import(now=now, import_id=pk, text=text % {"count": MAX_TRIES})
        return ContactImport.objects.get(pk=pk)
    try:
        row = check_import(now=now, import_id=pk, should_stop=should_stop, tell=tell or _quiet)
        if row.state == ImportState.IMPORTING:
            row = run_import(now=now, import_id=pk, should_stop=should_stop, tell=tell or _note_beside)
        if row.state == ImportState.TEXTING:
            _send_texts(row, now, should_stop)
    except DatabaseFault:
        raise
    except Exception:
        logger.exception("import %s failed", pk)
        fail_import(now=now, import_id=pk, text=_("A fault of Tocsin's own; the worker's log has its trace."))
    came_back(pk)
    return ContactImport.objects.get(pk=pk)


def _send_texts(row: ContactImport, now: datetime, should_stop: Callable[[], bool]) -> None:
    """Each few in a transaction with the note that they are queued, so that nobody gets two."""
    while not should_stop() and not ends_if_cancelled(row, now):
        waiting = list(map(row_view, rows_of(row.pk).filter(gets_text=True)[:_TEXTS_AT_ONCE]))
        if not waiting:
            finish_texting(now=now, import_id=row.pk)
            return
        with transaction.atomic():
            ids = [pk for pk in contacts_of(waiting).values() if pk is not None]
            results = send_verifications(by=row.actor, now=now, contact_ids=ids)
            sent = sum(result.outcome is SendOutcome.SENT for result in results)
            texts_were_sent(import_id=row.pk, numbers=[view.number for view in waiting], sent=sent)


def _quiet(row: ContactImport) -> None:
    return None


def _note_beside(row: ContactImport) -> None:
    """Where all is written in one transaction, others see how far it is by another connection's word."""
    if row.chosen.all_or_nothing:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_note, row.pk, row.progress).result()


def _note(pk: int, progress: int) -> None:
    try:
        note_progress(import_id=pk, progress=progress)
    finally:
        connection.close()
