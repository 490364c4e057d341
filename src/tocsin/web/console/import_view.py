"""What the page of an import shows, by its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.utils.translation import gettext as _now

from tocsin.contacts.import_models import STATE_LABELS, ContactImport
from tocsin.contacts.import_texts import FATES, FIELDS, problem_text
from tocsin.contacts.models import FALLBACK_LABELS
from tocsin.contacts.queries.importing import (
    RowView,
    contacts_of,
    emptied_groups,
    names_where_none_is_given,
    refused_rows,
    row_view,
    rows_of,
    uses_losing_phone,
)
from tocsin.contacts.rules import Fallback
from tocsin.contacts.rules.importing import WORKING, Fate, ImportState
from tocsin.contacts.sheets import COLUMNS
from tocsin.contacts.sheets.cells import spaced
from tocsin.delivery.crashes import is_worker_running
from tocsin.web.console.consequences import notes_on_emptying
from tocsin.web.console.uses import MOST_NAMED, uses_list
from tocsin.web.console.words import said
from tocsin.web.shared.files import import_value

_SHOWN = 25
_COLOURS = {Fate.CREATED: "success", Fate.CHANGED: "info", Fate.REFUSED: "danger"}
_ADDRESSES = ("phone", "email")
_OTHERS = tuple(name for name in COLUMNS if name not in ("name", *_ADDRESSES))
_OUTCOMES = {
    ImportState.DONE: "good",
    ImportState.NOTHING_WRITTEN: "bad",
    ImportState.FAILED: "bad",
    ImportState.CANCELLED: "warning",
}


@dataclass(frozen=True, slots=True)
class ShownRow:
    number: int
    fate: str
    colour: str
    name: str
    addresses: tuple[str, ...]
    lines: tuple[str, ...]
    """What is wrong, what changes, or what a new contact has beside name and addresses."""
    contact_id: int | None


def live_context(row: ContactImport) -> dict[str, Any]:
    """`percent` is None while nobody knows how much there is to do."""
    is_working = row.state in WORKING
    to_write = row.counts.get(Fate.CREATED, 0) + row.counts.get(Fate.CHANGED, 0)
    is_writing = row.state == ImportState.IMPORTING and to_write
    return {
        "row": row,
        "is_working": is_working,
        "state_text": STATE_LABELS[ImportState(row.state)],
        "to_write": to_write,
        "percent": min(100, row.progress * 100 // to_write) if is_writing else None,
        "is_worker_missing": is_working and not is_worker_running(),
    }


def import_context(row: ContactImport, fate: str, page: str, *, reveals: bool) -> dict[str, Any]:
    live = live_context(row)
    if live["is_working"]:
        return live
    rows = rows_of(row.pk, fate if fate in FATES else "")
    shown = Paginator(rows, _SHOWN).get_page(page)
    texts = row.new_numbers if row.state == ImportState.READY else row.text_count
    views = [row_view(item) for item in shown]
    contacts = contacts_of(views) if row.state == ImportState.DONE else {}
    names = names_where_none_is_given(views)
    is_ready = row.state == ImportState.READY
    refused = row.counts.get(Fate.REFUSED, 0)
    return {
        **live,
        "is_ready": is_ready,
        "is_hopeless": is_ready and row.chosen.all_or_nothing and refused,
        "outcome": _OUTCOMES.get(ImportState(row.state), "neutral"),
        "refused": refused,
        "totals": [
            (name, str(text), row.counts[name], _COLOURS.get(Fate(name), "default"), f"?{urlencode({'fate': name})}")
            for name, text in FATES.items()
            if row.counts.get(name)
        ],
        "fate": fate if fate in FATES else "",
        "shown": shown,
        "rows": [_shown(view, contacts.get(view.number), names, reveals=reveals) for view in views],
        "options": row.chosen,
        "texts": texts,
        "unverified": rows_of(row.pk).filter(is_unverified=True).count(),
        "losing": uses_list(uses_losing_phone(row.pk)),
        "emptied": _notes_on_emptying(row) if is_ready else [],
    }


def _notes_on_emptying(row: ContactImport) -> list[str]:
    groups = emptied_groups(row)
    notes: list[str] = [*notes_on_emptying(groups[:MOST_NAMED])]
    if (more := len(groups) - MOST_NAMED) > 0:
        notes.append(_now("and %(count)d more groups will have no members.") % {"count": more})
    return notes


def refused_columns(row: ContactImport) -> list[str]:
    """Those that the file had: an empty column that it had not might remove what contacts have."""
    found = {name for view in refused_rows(row.pk) for name in (*view.values, *(["groups"] if view.groups else []))}
    return [name for name in COLUMNS if name in found]


def refused_as_read(row: ContactImport) -> Iterator[dict[str, Any]]:
    """As `refused_pieces` writes them."""
    for view in refused_rows(row.pk):
        values: dict[str, Any] = dict(view.values)
        if view.groups is not None:
            values["groups"] = list(view.groups)
        yield {**values, "error": "; ".join(_problems(view))}


def _shown(view: RowView, contact_id: int | None, names: Mapping[int, str], *, reveals: bool) -> ShownRow:
    return ShownRow(
        number=view.number,
        fate=str(FATES[view.fate]),
        colour=_COLOURS.get(view.fate, "default"),
        name=view.values.get("name") or names.get(view.number, ""),
        addresses=tuple(_masked(name, view.values[name], reveals) for name in _ADDRESSES if view.values.get(name)),
        lines=tuple(_problems(view)) or tuple(_changes(view, reveals=reveals)) or tuple(_given(view, reveals=reveals)),
        contact_id=contact_id,
    )


def _problems(view: RowView) -> list[str]:
    return [
        f"{_field(name)}: {said(problem_text(reason, details))}" if name else said(problem_text(reason, details))
        for name, (reason, details) in view.problems.items()
    ]


def _changes(view: RowView, *, reveals: bool) -> list[str]:
    return [
        f"{_field(name)}: {_masked(name, before, reveals) or '–'} → {_masked(name, after, reveals) or '–'}"
        for name, (before, after) in view.changes.items()
    ]


def _given(view: RowView, *, reveals: bool) -> list[str]:
    if view.fate is not Fate.CREATED:
        return []
    values = {**view.values, "groups": ", ".join(view.groups or ())}
    return [f"{_field(name)}: {_masked(name, values[name], reveals)}" for name in _OTHERS if values.get(name)]


def _field(name: str) -> str:
    return str(FIELDS.get(name, name))


def _masked(name: str, value: str, reveals: bool) -> str:
    if name == "fallback" and value:
        return str(FALLBACK_LABELS[Fallback(value)])
    shown = import_value(name, value, reveals=reveals)
    return spaced(shown) if reveals and name == "phone" and shown else shown
