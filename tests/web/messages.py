"""The messages that the source holds, read with Babel: no gettext tools are needed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

SOURCE = Path(__file__).resolve().parents[2] / "src" / "tocsin"
PO_FILE = SOURCE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}

MessageId = str | tuple[str, str]
"""With its plural where it has one."""


def messages_in(*folders: str) -> Iterator[tuple[str, MessageId]]:
    """File (relative to the source) and message id of Python files and templates under these folders or files."""
    for folder in folders:
        root = SOURCE / folder
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.suffix == ".py":
                source = path.read_text()
            elif path.suffix in (".html", ".txt"):
                source = templatize(path.read_text(), origin=str(path))
            else:
                continue
            for _line, message, _comments, _context in extract("python", io.BytesIO(source.encode()), _KEYWORDS):
                yield str(path.relative_to(SOURCE)), message if isinstance(message, str) else (message[0], message[1])


def chinese() -> Catalog:
    with PO_FILE.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def compiled(catalog: Catalog) -> bytes:
    """As `make messages` writes it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def untranslated(found: Iterable[tuple[str, MessageId]]) -> list[tuple[str, MessageId]]:
    """Those without a finished translation."""
    catalog = chinese()
    missing = []
    for path, message in found:
        entry = catalog.get(message if isinstance(message, str) else message[0])
        if entry is None or entry.fuzzy or not entry.string or not all(entry.string):
            missing.append((path, message))
    return missing
