"""Puts the Chinese messages into one order, without doubles, and compiles them: `make messages`.

The order is by the file that is named first above a message, then by message, so that two people who add messages
rarely touch the same line.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PO_FILE = Path(__file__).resolve().parent.parent / "src/tocsin/locale/zh_Hans/LC_MESSAGES/django.po"


def main() -> None:
    with PO_FILE.open("rb") as file:
        found = read_po(file, locale="zh_Hans")
    ordered = Catalog(
        locale="zh_Hans", header_comment="", project="Tocsin", version="", charset="utf-8", fuzzy=False,
        last_translator="Tocsin", language_team="Tocsin", msgid_bugs_address="Tocsin",
        creation_date=found.creation_date, revision_date=found.revision_date,
    )  # fmt: skip
    for entry in sorted((entry for entry in found if entry.id), key=_place):
        ordered.add(entry.id, entry.string, entry.locations[:1], context=entry.context)
    with PO_FILE.open("wb") as file:
        write_po(file, ordered, width=0, omit_header=False)
    with PO_FILE.with_suffix(".mo").open("wb") as file:
        write_mo(file, ordered)


def _place(entry: object) -> tuple[str, str]:
    locations = entry.locations  # type: ignore[attr-defined]
    text = entry.id if isinstance(entry.id, str) else entry.id[0]  # type: ignore[attr-defined]
    return (str(locations[0][0]) if locations else "", text)


if __name__ == "__main__":
    main()
