"""How an import ends before its time: cancelled, or by a fault. What it did not write is said of each row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q

from tocsin.contacts.import_models import ContactImport, ContactImportFile
from tocsin.contacts.queries.importing import rows_of
from tocsin.contacts.rules.importing import Fate, ImportState


def ends_if_cancelled(row: ContactImport, now: datetime) -> bool:
    """Whether somebody asked for its end, which is then written; whoever works on it looks between two bites."""
    if not ContactImport.objects.filter(pk=row.pk, cancel_asked=True).exists():
        return False
    with transaction.atomic():
        row.state, row.finished_at = ImportState.CANCELLED, now
        if row.started_at is not None:
            leave_unwritten(row)
        row.save(update_fields=["state", "finished_at", "counts"])
        ContactImportFile.objects.filter(contact_import=row).delete()
    return True


def fail_import(*, now: datetime, import_id: int, text: str) -> None:
    """A fault of ours: it must not stand in the way of other imports for ever."""
    with transaction.atomic():
        row = ContactImport.objects.select_for_update().filter(pk=import_id).first()
        if row is None:
            return
        row.state, row.failure, row.finished_at = ImportState.FAILED, text, now
        leave_unwritten(row)
        row.save(update_fields=["state", "failure", "finished_at", "counts"])


def leave_unwritten(row: ContactImport) -> None:
    """Rows that were to be written and are not, and texts that were to follow and do not. Sets `counts`."""
    rows = rows_of(row.pk).order_by()
    unwritten = Q(number__gt=row.written_to) | Q(is_exchanged=True)
    rows.filter(unwritten, fate__in=(Fate.CREATED, Fate.CHANGED)).update(fate=Fate.LEFT, is_unverified=False)
    rows.filter(gets_text=True).update(gets_text=False)
    row.counts = counted(row)


def counted(row: ContactImport) -> Mapping[str, int]:
    return dict(rows_of(row.pk).order_by().values("fate").annotate(count=Count("pk")).values_list("fate", "count"))
