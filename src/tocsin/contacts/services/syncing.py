"""People from a directory, again and again: made, changed or left as they are, by what identifies them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from tocsin.contacts.import_texts import problem_text
from tocsin.contacts.rules import DuplicateError
from tocsin.contacts.rules.importing import Decision, Fate, ImportOptions, Refusal
from tocsin.contacts.services.import_writing import write_rows
from tocsin.contacts.services.imports import check_rows
from tocsin.contacts.sheets.files import Values
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError

_WRITTEN = (Fate.CREATED, Fate.CHANGED)
_TAKEN = (Refusal.TAKEN, Refusal.AMBIGUOUS, Refusal.OTHER_EXTERNAL_ID, Refusal.DOUBLED, Refusal.LOST_RACE)


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of each entry, in their order; of nothing when `is_written` is false."""

    decisions: tuple[Decision, ...]
    is_written: bool


def sync_contacts(*, by: Actor, now: datetime, entries: Sequence[Values], options: ImportOptions) -> Synced:
    """Each entry gives fields by name, and the names of groups; it is a row of an import and goes by the same rules.

    In one transaction, the same few statements for one and for a thousand. Numbers and addresses may pass between the
    contacts of the entries.
    """
    with transaction.atomic():
        decisions = check_rows(list(enumerate(entries, start=1)), {}, options, exchanges=True)
        if options.all_or_nothing and _has_refused(decisions):
            return Synced(tuple(decisions), is_written=False)
        rows = [item.row for item in decisions if item.fate in _WRITTEN]
        done = write_rows(by=by, now=now, rows=rows, options=options, exchanges=True)
        written = {item.row.number: item for item in done}
        decisions = [written.get(item.row.number, item) for item in decisions]
        is_written = not (options.all_or_nothing and _has_refused(decisions))
        if not is_written:
            transaction.set_rollback(True)
    return Synced(tuple(decisions), is_written)


def put_contact(*, by: Actor, now: datetime, external_id: str, entry: Values, create_groups: bool = False) -> Decision:
    """The contact of the external ID gets what the entry gives, and keeps what it does not; made when there is none.

    Recognised by number or address where it has no external ID yet. InvalidInputError, a DuplicateError when a value
    is another contact's.
    """
    options = ImportOptions(clear_empty=True, create_groups=create_groups)
    given: Values = {**entry, "external_id": external_id}
    (decision,) = sync_contacts(by=by, now=now, entries=[given], options=options).decisions
    if Refusal.LOST_RACE in {problem.reason for problem in decision.problems.values()}:  # two first syncs at once
        (decision,) = sync_contacts(by=by, now=now, entries=[given], options=options).decisions
    if decision.fate is Fate.REFUSED:
        raise refusal_of(decision)
    return decision


def refusal_of(decision: Decision) -> InvalidInputError:
    texts = {name: problem_text(problem.reason, problem.details) for name, problem in decision.problems.items()}
    if any(problem.reason in _TAKEN for problem in decision.problems.values()):
        return DuplicateError(texts, texts, {})
    return InvalidInputError(texts)


def _has_refused(decisions: Sequence[Decision]) -> bool:
    return any(item.fate is Fate.REFUSED for item in decisions)
