"""The messages that the source holds, read with Babel: no gettext tools are needed."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

SOURCE = Path(__file__).resolve().parents[2] / "src" / "tocsin"
PO_FILE = SOURCE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
_FUNCTIONS: dict[str, Any] = {
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
_FUNCTIONS |= {f"{name}_lazy": places for name, places in _FUNCTIONS.items()}
_FUNCTIONS |= {"gettext_noop": None, "Sentence": None}
_MODULES = ("django.utils.translation", "tocsin.core.sentences")


class Message(NamedTuple):
    text: str
    plural: str = ""
    context: str = ""


def messages_in(*folders: str) -> Iterator[tuple[str, Message]]:
    """File (relative to the source) and message of the Python files and templates under these folders or files."""
    for folder in folders:
        root = SOURCE / folder
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            for message in messages_of(path):
                yield str(path.relative_to(SOURCE)), message


def messages_of(path: Path) -> Iterator[Message]:
    """Those of one file; none for a file that is neither Python nor a template."""
    if path.suffix == ".py":
        source, functions = path.read_text(), _imported(ast.parse(path.read_text()))
    elif path.suffix in (".html", ".txt"):
        lines = templatize(path.read_text(), origin=str(path)).splitlines()
        source = "\n".join(line.lstrip() for line in lines)  # the indentation of HTML is none of Python's
        functions = _FUNCTIONS | {"_": None}
    else:
        return
    for _line, found, _comments, context in extract("python", io.BytesIO(source.encode()), functions):
        text, plural = (found, "") if isinstance(found, str) else (found[0], found[1])
        yield Message(text, plural, context or "")


def _imported(module: ast.Module) -> dict[str, Any]:
    """The functions that mark messages, by the names that this module gives them."""
    imports = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    names = [name for node in imports if node.module in _MODULES for name in node.names]
    return {name.asname or name.name: _FUNCTIONS[name.name] for name in names if name.name in _FUNCTIONS}


def chinese() -> Catalog:
    with PO_FILE.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def compiled(catalog: Catalog) -> bytes:
    """As `make messages` writes it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def untranslated(found: Iterable[tuple[str, Message]]) -> list[tuple[str, Message]]:
    """Those without a finished translation."""
    catalog = chinese()
    missing = []
    for path, message in found:
        entry = catalog.get(message.text, context=message.context or None)
        if entry is None or entry.fuzzy or not all([entry.string] if isinstance(entry.string, str) else entry.string):
            missing.append((path, message))
    return missing
