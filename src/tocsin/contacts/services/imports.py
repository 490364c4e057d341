"""The life of an import: uploaded, checked row by row, started by a person, written chunk by chunk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.contacts.import_models import ContactImport, ContactImportFile, ContactImportRow
from tocsin.contacts.queries.importing import known_for, rows_of
from tocsin.contacts.rules.importing import (
    MAX_FILE_BYTES,
    WORKING,
    Decision,
    Fate,
    ImportOptions,
    ImportState,
    Row,
    decide_all,
)
from tocsin.contacts.services.import_cleaning import clean_row
from tocsin.contacts.services.import_emptying import Emptying
from tocsin.contacts.services.import_ending import counted, ends_if_cancelled, leave_unwritten
from tocsin.contacts.services.import_exchanging import MOST_EXCHANGED, exchanged, refused_for_others, stored_row
from tocsin.contacts.services.import_writing import write_rows
from tocsin.contacts.sheets import FORMATS, read_sheet
from tocsin.contacts.sheets.files import Values, too_large
from tocsin.core import crypto
from tocsin.core.actors import Actor
from tocsin.core.errors import ConflictError, ForbiddenError, InvalidInputError, TocsinError, existing
from tocsin.core.storable import storable

CHUNK = 1000
ROWS_KEPT_FOR = timedelta(days=7)
_COPY = (
    "COPY contacts_contactimportrow (contact_import_id, number, fate, contact_id, sealed, is_unverified, "
    "gets_text) FROM STDIN"
)
_WRITTEN = """
UPDATE contacts_contactimportrow r
SET fate = given.fate, contact_id = given.contact_id, gets_text = given.gets_text,
    is_unverified = given.is_unverified, sealed = given.sealed
FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::bool[], %s::bool[], %s::text[])
     AS given (number, fate, contact_id, gets_text, is_unverified, sealed)
WHERE r.contact_import_id = %s AND r.number = given.number
"""
Tell = Callable[[ContactImport], None]
"""Told after each chunk; whoever shows a bar looks at `progress` and `row_count`."""


def _silent(row: ContactImport) -> None:
    return None


def create_import(
    *, by: Actor, now: datetime, file_name: str, format: str, content: bytes, options: ImportOptions, language: str = ""
) -> ContactImport:
    """Keeps the file for `check_import`. InvalidInputError when it is too large or of an unknown format."""
    if len(content) > MAX_FILE_BYTES:
        raise too_large()
    if format not in FORMATS:
        raise InvalidInputError({"file": _("Unknown format.")})
    with transaction.atomic():
        row = ContactImport.objects.create(
            file_name=storable(file_name, 200) or f"contacts.{format}",
            format=format,
            options=asdict(options),
            language=language,
            by_kind=by.kind.value,
            by_name=by.name,
            by_id=by.id,
            by_address=by.address,
            created_at=now,
        )
        ContactImportFile.objects.create(contact_import=row, sealed=crypto.seal(content, settings.SECRET_KEYS))
        audit.record(by=by, action=Action.CREATE, instance=row, changes={"file_name": ("", row.file_name)})
    return row


def start_import(*, by: Actor, now: datetime, import_id: int, may_attest: bool = False) -> ContactImport:
    """What was checked is to be written, by whoever starts it. ConflictError when that makes no sense (any more).

    ForbiddenError when its numbers may count as attested and whoever starts it may not vouch for them.
    """
    with transaction.atomic():
        row = _locked(import_id)
        if row.state != ImportState.READY:
            raise ConflictError(_("This import does not wait to be started (any more)."))
        if row.chosen.may_attest and not may_attest:
            raise ForbiddenError(_("An administrator vouches for numbers in this file, so an administrator starts it."))
        if row.chosen.all_or_nothing and row.counts.get(Fate.REFUSED):
            raise ConflictError(
                _("All or nothing was chosen, and rows are refused. Correct the file and upload it again.")
            )
        row.state, row.started_at, row.progress = ImportState.IMPORTING, now, 0
        row.by_kind, row.by_name, row.by_id, row.by_address = by.kind.value, by.name, by.id, by.address
        row.save(update_fields=["state", "started_at", "progress", "by_kind", "by_name", "by_id", "by_address"])
        audit.record(by=by, action=Action.UPDATE, instance=row, changes={"state": ("ready", "importing")})
    return row


def cancel_import(*, by: Actor, now: datetime, import_id: int) -> ContactImport:
    """Ends it after the chunk that is being worked on; what was written stays, unless all or nothing was chosen.

    Of verification texts those that were queued go out.
    """
    with transaction.atomic():
        row = _locked(import_id)
        if row.state == ImportState.READY:
            row.state, row.finished_at = ImportState.CANCELLED, now
        elif row.state in WORKING:
            row.cancel_asked = True
        else:
            raise ConflictError(_("This import has ended already."))
        row.save(update_fields=["state", "finished_at", "cancel_asked"])
        audit.record(by=by, action=Action.UPDATE, instance=row, changes={"cancelled": ("", "yes")})
    return row


def check_import(
    *, now: datetime, import_id: int, tell: Tell = _silent, should_stop: Callable[[], bool] = lambda: False
) -> ContactImport:
    """Reads the file and stores each row's fate, as things are now: READY, or FAILED and why. Changes no contact.

    One that was interrupted begins anew.
    """
    row = ContactImport.objects.get(pk=import_id)
    if row.state != ImportState.CHECKING:
        return row
    with translation.override(row.language or settings.DEFAULT_LANGUAGE):
        ContactImportRow.objects.filter(contact_import=row).delete()
        row.row_count = row.progress = row.new_numbers = 0
        counts: Counter[str] = Counter()
        try:
            sheet = read_sheet(crypto.unseal(bytes(row.file.sealed), settings.SECRET_KEYS), row.format)
            row.unknown_columns = list(sheet.headings.unknown)
            claimed: dict[tuple[str, str], int] = {}
            emptying = Emptying()
            refused: list[Row] = []
            while chunk := list(islice(sheet.rows, CHUNK)):
                if should_stop():
                    return row
                decisions = check_rows(chunk, claimed, row.chosen)
                emptying.sees(decisions)
                counts.update(item.fate.value for item in decisions)
                if len(refused) <= MOST_EXCHANGED:
                    refused += refused_for_others(decisions)
                row.row_count += len(chunk)
                row.progress, row.counts = row.row_count, dict(counts)
                row.new_numbers += sum(map(_gets_text, decisions))
                with transaction.atomic():
                    _store(row, decisions)
                    row.save(update_fields=["row_count", "progress", "counts", "new_numbers", "unknown_columns"])
                if ends_if_cancelled(row, now):
                    return row
                tell(row)
            if not row.row_count:
                raise InvalidInputError({"file": _("The file has headings and no rows.")})
            passed, numbers = exchanged(row.pk, refused, claimed, row.chosen), {item.number for item in refused}
            emptying.sees(item for item in passed if item.row.number in numbers)
            _store_exchanged(row, passed, numbers)
            row.emptied_groups = emptying.group_ids()
            row.state = ImportState.READY
        except TocsinError as error:
            row.state, row.finished_at = ImportState.FAILED, now
            text = "; ".join(error.fields.values()) if isinstance(error, InvalidInputError) else str(error)
            row.failure = storable(text, 2000)
    with transaction.atomic():
        if row.state == ImportState.FAILED:
            ContactImportRow.objects.filter(contact_import=row).delete()
            row.row_count, row.counts = 0, {}
        changed = ["state", "finished_at", "failure", "row_count", "counts", "new_numbers", "emptied_groups"]
        row.save(update_fields=changed)
        ContactImportFile.objects.filter(contact_import=row).delete()
    return row


def run_import(
    *, now: datetime, import_id: int, tell: Tell = _silent, should_stop: Callable[[], bool] = lambda: False
) -> ContactImport:
    """Writes what is still to be written, each chunk in a transaction of its own, or all in one."""
    row = ContactImport.objects.get(pk=import_id)
    if row.state != ImportState.IMPORTING:
        return row
    with translation.override(row.language or settings.DEFAULT_LANGUAGE):
        if not row.chosen.all_or_nothing:
            while _next_chunk(row, now, tell, should_stop):
                continue
            return row
        try:
            with transaction.atomic():
                while _next_chunk(row, now, tell, should_stop):
                    if row.state != ImportState.IMPORTING:
                        break
                if row.state in (ImportState.IMPORTING, ImportState.CANCELLED):
                    raise _NothingWrittenError
        except _NothingWrittenError as error:
            _tell_nothing_was_written(row, error.refused, now)
    return row


def note_progress(*, import_id: int, progress: int) -> None:
    ContactImport.objects.filter(pk=import_id).update(progress=progress)


def finish_texting(*, now: datetime, import_id: int) -> None:
    ContactImport.objects.filter(pk=import_id, state=ImportState.TEXTING).update(
        state=ImportState.DONE, finished_at=now
    )


def texts_were_sent(*, import_id: int, numbers: Sequence[int], sent: int) -> None:
    """In the transaction that queued the texts for these rows."""
    ContactImportRow.objects.filter(contact_import_id=import_id, number__in=numbers).update(gets_text=False)
    row = ContactImport.objects.select_for_update().get(pk=import_id)
    row.text_count += sent
    row.save(update_fields=["text_count"])


def forget_imports(now: datetime) -> int:
    """Rows, and files never read, older than ROWS_KEPT_FOR; what became of each import stays. A bite at once."""
    old = ContactImport.objects.filter(created_at__lt=now - ROWS_KEPT_FOR, forgotten_at__isnull=True)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:10])
    with transaction.atomic():
        ContactImportRow.objects.filter(contact_import_id__in=ids).delete()
        ContactImportFile.objects.filter(contact_import_id__in=ids).delete()
        rows = ContactImport.objects.filter(pk__in=ids)
        rows.filter(state__in=[*WORKING, ImportState.READY]).update(state=ImportState.CANCELLED, finished_at=now)
        rows.update(forgotten_at=now)
    return len(ids)


class _NothingWrittenError(Exception):
    """Rolls everything back. `refused`: the rows that were refused at the last moment."""

    def __init__(self, refused: Sequence[Decision] = ()) -> None:
        self.refused = refused
        super().__init__()


def _locked(import_id: int) -> ContactImport:
    row = ContactImport.objects.select_for_update().filter(pk=import_id).first()
    return existing(row, _("There is no such import (any more)."))


def check_rows(
    chunk: Sequence[tuple[int, Values]],
    claimed: dict[tuple[str, str], int],
    options: ImportOptions,
    *,
    exchanges: bool = False,
) -> list[Decision]:
    """What would become of each row as things are now. `claimed`, of the rows before, is added to."""
    cleaned = [clean_row(number, values, options) for number, values in chunk]
    sound = [row for row, problems in cleaned if not problems]
    decided = iter(decide_all(sound, known_for(sound), claimed, options, exchanges=exchanges))
    return [
        Decision(_as_read(row, values), Fate.REFUSED, problems=problems) if problems else next(decided)
        for (row, problems), (_number, values) in zip(cleaned, chunk, strict=True)
    ]


def _as_read(row: Row, values: Values) -> Row:
    """A refused row is shown, and given back, as it stood in the file: but for half characters, which JSON can spell
    and no page can show.
    """
    names = values.get("groups")
    texts = {field: _whole(value) for field, value in values.items() if isinstance(value, str)}
    return Row(row.number, texts, tuple(map(_whole, names)) if isinstance(names, list) else None)


def _whole(text: str) -> str:
    return storable(text, len(text))


def _sealed(decision: Decision) -> str:
    row = decision.row
    extra = {"legacy_chatbot_url": row.chatbot_url, "verified_by": row.attested_by}
    said: dict[str, Any] = {"values": {**row.values, **{name: value for name, value in extra.items() if value}}}
    if row.groups is not None:
        said["groups"] = row.groups
    if decision.problems:
        said["problems"] = {name: (item.reason.value, dict(item.details)) for name, item in decision.problems.items()}
    if decision.fate is Fate.CHANGED:
        said["changes"] = dict(decision.changes)
        if decision.groups is not None:
            said["changes"]["groups"] = ["; ".join(sorted(side)) for side in decision.groups]
    return crypto.encrypt(json.dumps(said), settings.SECRET_KEYS)


def _store(row: ContactImport, decisions: Sequence[Decision]) -> None:
    gets_texts = row.chosen.send_verifications
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_COPY) as copy:
        for item in decisions:
            pk = item.contact.id if item.contact is not None else None
            told = (_sealed(item), item.is_unverified, gets_texts and _gets_text(item))
            copy.write_row([row.pk, item.row.number, item.fate.value, pk, *told])


def _store_exchanged(row: ContactImport, decisions: Sequence[Decision], refused: Collection[int]) -> None:
    if not decisions:
        return
    with transaction.atomic():
        _correct(row, decisions)
        rows_of(row.pk).filter(number__in=[item.row.number for item in decisions]).update(is_exchanged=True)
    row.counts = counted(row)
    row.new_numbers += sum(_gets_text(item) for item in decisions if item.row.number in refused)


def _gets_text(decision: Decision) -> bool:
    return decision.fate is not Fate.REFUSED and decision.is_number_new and not decision.is_attested


def _next_chunk(row: ContactImport, now: datetime, tell: Tell, should_stop: Callable[[], bool]) -> bool:
    """False when there is nothing left to write, and the import's state says so, or when it is to stop."""
    if should_stop() or ends_if_cancelled(row, now):
        return False
    rows = rows_of(row.pk).filter(fate__in=(Fate.CREATED, Fate.CHANGED))
    waiting = list(rows.filter(number__gt=row.written_to, is_exchanged=False)[:CHUNK])
    is_last = not waiting
    if is_last:
        waiting = list(rows.filter(is_exchanged=True))
    if not waiting:
        _finish_writing(row, now)
        return False
    options = row.chosen
    with transaction.atomic():
        decisions = write_rows(
            by=row.actor, now=now, rows=list(map(stored_row, waiting)), options=options, exchanges=is_last
        )
        if options.all_or_nothing and (refused := [item for item in decisions if item.fate is Fate.REFUSED]):
            raise _NothingWrittenError(refused)
        _correct(row, [item for was, item in zip(waiting, decisions, strict=True) if _differs(was, item)])
        row.progress += len(waiting)
        row.written_to = max(row.written_to, waiting[-1].number)
        if is_last:
            rows.filter(is_exchanged=True).update(is_exchanged=False)
        if not options.all_or_nothing:  # else it would be locked, and nobody could cancel it
            row.save(update_fields=["progress", "written_to"])
    tell(row)
    return True


def _differs(was: ContactImportRow, decision: Decision) -> bool:
    return (was.fate, was.is_unverified) != (decision.fate, decision.is_unverified)


def _correct(row: ContactImport, decisions: Sequence[Decision]) -> None:
    """What became of these rows is not what was found when they were checked."""
    if not decisions:
        return
    gets_texts = row.chosen.send_verifications
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITTEN,
            [
                [item.row.number for item in decisions],
                [item.fate.value for item in decisions],
                [item.contact.id if item.contact is not None else None for item in decisions],
                [gets_texts and _gets_text(item) for item in decisions],
                [item.is_unverified for item in decisions],
                [_sealed(item) for item in decisions],
                row.pk,
            ],
        )


def _finish_writing(row: ContactImport, now: datetime) -> None:
    row.counts = counted(row)
    is_texting = row.chosen.send_verifications and rows_of(row.pk).filter(gets_text=True).exists()
    row.state = ImportState.TEXTING if is_texting else ImportState.DONE
    row.finished_at = None if is_texting else now
    row.save(update_fields=["counts", "state", "finished_at", "written_to"])


def _tell_nothing_was_written(row: ContactImport, refused: Sequence[Decision], now: datetime) -> None:
    row.refresh_from_db()
    with transaction.atomic():
        if refused:
            _correct(row, refused)
            row.counts = counted(row)
            row.state, row.finished_at = ImportState.NOTHING_WRITTEN, now
        elif row.cancel_asked:
            row.state, row.finished_at = ImportState.CANCELLED, now
            leave_unwritten(row)
        row.progress = 0
        row.save(update_fields=["counts", "state", "finished_at", "progress"])
