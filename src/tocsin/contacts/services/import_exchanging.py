"""Numbers and addresses that pass between contacts of one file, wherever in it their rows stand: found when every row
has been read, and written together at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocsin.contacts.import_models import ContactImportRow
from tocsin.contacts.queries.importing import known_for, row_view, rows_of
from tocsin.contacts.rules.importing import Decision, Fate, ImportOptions, Row, decide_all, keys_of, may_pass

MOST_EXCHANGED = 5000
"""Rows that are looked at together; what a file has more of is refused, as it would be by itself."""


def stored_row(stored: ContactImportRow) -> Row:
    view = row_view(stored)
    values = dict(view.values)
    url, attested_by = values.pop("legacy_chatbot_url", ""), values.pop("verified_by", "")
    return Row(view.number, values, view.groups, chatbot_url=url, attested_by=attested_by)


def refused_for_others(decisions: Sequence[Decision]) -> list[Row]:
    """Rows that would do if contacts of other rows gave up what they have."""
    return [item.row for item in decisions if may_pass(item)]


def exchanged(
    import_id: int, refused: Sequence[Row], claimed: Mapping[tuple[str, str], int], options: ImportOptions
) -> list[Decision]:
    """What becomes of refused rows beside those that change whoever has what they want, in the file's order: all rows
    that are to be written together. () where that helps none.

    `claimed`: by all rows that are not refused.
    """
    if not refused or len(refused) > MOST_EXCHANGED:
        return []
    known = known_for(refused)
    holders = {known.contacts[key].id for row in refused for key in keys_of(row) if key in known.contacts}
    changing = rows_of(import_id, Fate.CHANGED).filter(contact_id__in=holders)
    givers = [stored_row(stored) for stored in changing[: MOST_EXCHANGED + 1]]
    if len(givers) > MOST_EXCHANGED:
        return []
    rows = sorted([*refused, *givers], key=lambda row: row.number)
    numbers = {row.number for row in givers}
    others = {key: number for key, number in claimed.items() if number not in numbers}
    decisions = decide_all(rows, known_for(rows), others, options, exchanges=True)
    wanted = {row.number for row in refused}
    helped = [item for item in decisions if item.row.number in wanted and item.fate in (Fate.CREATED, Fate.CHANGED)]
    if not helped:
        return []
    return [item for item in decisions if item.fate is not Fate.REFUSED]
