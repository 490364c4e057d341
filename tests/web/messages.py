"""The messages that the source holds, read with Babel: no gettext tools are needed."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.apps import apps
from django.utils.translation import trans_real
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
_MARKED = re.compile("|".join(map(re.escape, _MODULES)))


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
        source = path.read_text()
        functions = _imported(ast.parse(source)) if _MARKED.search(source) else {}
        if not functions:
            return
    elif path.suffix in (".html", ".txt"):
        lines = templatize(path.read_text(), origin=str(path)).splitlines()
        source = "\n".join(line.lstrip() for line in lines)  # the indentation of HTML is none of Python's
        functions = _FUNCTIONS | {"_": None}
    else:
        return
    for _line, found, _comments, context in extract("python", io.BytesIO(source.encode()), functions):
        text, plural = (found, "") if isinstance(found, str) else (found[0], found[1])
        yield Message(text, plural, context or "")


def texts_in_modules() -> Iterator[str]:
    """Every text that stands in the source's modules, marked for translation or not."""
    for path in SOURCE.rglob("*.py"):
        if "migrations" not in path.parts:
            nodes = ast.walk(ast.parse(path.read_text()))
            yield from (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


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


_NOT_TEXT = re.compile(
    r"\{%\s*(?P<tag>blocktrans\w*|comment)\b.*?\{%\s*end(?P=tag)\s*%\}"
    r"|\{%\s*block (?:style|main|bodyclass)\s*%\}.*?\{%\s*endblock\b.*?%\}|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}"
    r"|<(?P<element>script|style)\b.*?</(?P=element)>|<!--.*?-->"
    r'|<span[^>]*\bclass="[^"]*material-symbols-outlined[^"]*"[^>]*>[^<]*</span>',
    re.DOTALL,
)
_SHOWN = re.compile(
    r">(?P<text>[^<>]*[A-Za-z]{2}[^<>]*)(?=<|$)"
    r'|\b(?:title|placeholder|aria-label|alt|label)="(?P<attribute>[^"]*[A-Za-z]{2}[^"]*)"'
)


def bare_texts_of_template(path: Path) -> list[str]:
    """Words that a template shows without asking for their translation. An icon's name is no word."""
    source = _NOT_TEXT.sub("", path.read_text())
    found = [match["text"] or match["attribute"] for match in _SHOWN.finditer(">" + source)]
    return [" ".join(text.split()) for text in found]


_READS_LIKE_A_SENTENCE = re.compile(r"[A-Z][a-z]*'?[a-z]*[ ,]|.* .*[a-z]\.$")
_SHOWN_ARGUMENTS = {
    "label", "help_text", "description", "verbose_name", "verbose_name_plural", "title", "placeholder", "empty_label",
    "submit", "text", "message",
}  # fmt: skip
_CARRIERS = {"Sentence", "ConfigField", "ProviderType"}
"""Calls whose texts are translated where they are read."""


def bare_texts_of_module(path: Path) -> list[str]:
    """Sentences and labels that a module would show in English only: neither gettext's nor a `Sentence`."""
    module = ast.parse(path.read_text())
    carriers = set(_imported(module)) | _CARRIERS
    passed: set[int] = set()
    shown: set[int] = set()
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in carriers or name.endswith("TypeError"):
                passed |= {id(inner) for inner in ast.walk(node)}
            case ast.Call(func=ast.Attribute(value=ast.Name(id="logger"))) | ast.Assert():
                passed |= {id(inner) for inner in ast.walk(node)}
            case ast.ClassDef(bases=[ast.Name(id="TypeError")]):
                passed |= {id(inner) for inner in ast.walk(node)}
            case ast.Raise(exc=ast.Call(func=ast.Name(id="AssertionError" | "TypeError"))):
                passed |= {id(inner) for inner in ast.walk(node)}
            case ast.Expr(value=ast.Constant() as text):  # a docstring
                passed.add(id(text))
            case ast.keyword(arg=name, value=ast.Constant() as text) if name in _SHOWN_ARGUMENTS:
                shown.add(id(text))
    return [
        node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed
        if _READS_LIKE_A_SENTENCE.match(node.value) or (id(node) in shown and re.search("[A-Za-z]{2}", node.value))
    ]


_DJANGOS_SHOWN = (
    "contrib/admin/", "contrib/auth/", "contrib/messages/", "contrib/sessions/", "core/validators.py", "db/models/",
    "forms/", "utils/", "views/",
)  # fmt: skip
"""What of Django itself people may read: its own Chinese lacks some of it."""
_SUFFIXES = {".py", ".html", ".txt"}
_NOT_READ = {"tests", "migrations", "management", "idp", "providers", "headless"}
_IN_DOCSTRINGS = {"addedname", "changedname", "deletedname"}


@cache
def library_messages() -> tuple[tuple[str, Message], ...]:
    """Messages of the installed packages whose pages and errors the console shows."""
    return tuple(_library_messages())


def _library_messages() -> Iterator[tuple[str, Message]]:
    folders = {Path(app.path) for app in apps.get_app_configs() if not app.name.startswith(("tocsin.", "django."))}
    for folder in sorted(folders):
        for path in sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES):
            nearest = max(
                (other for other in folders if path.is_relative_to(other)), key=lambda other: len(other.parts)
            )
            is_of_an_extra = nearest == folder and "contrib" in path.relative_to(folder).parts
            if nearest == folder and not is_of_an_extra and not _NOT_READ & set(path.relative_to(folder).parts):
                yield from ((f"{folder.name}/{path.relative_to(folder)}", message) for message in messages_of(path))
    django = Path(apps.get_app_config("auth").path).parents[1]
    for path in sorted(path for path in django.rglob("*") if path.suffix in _SUFFIXES):
        where = str(path.relative_to(django))
        if where.startswith(_DJANGOS_SHOWN) and not _NOT_READ & set(path.parts):
            yield from ((f"django/{where}", message) for message in messages_of(path))


def untranslated_of_libraries(messages: Iterable[tuple[str, Message]]) -> list[tuple[str, Message]]:
    """Neither their own Chinese nor ours has them."""
    missing = []
    known = trans_real.translation("zh-hans")._catalog  # type: ignore[attr-defined]
    for where, message in messages:
        key = f"{message.context}\x04{message.text}" if message.context else message.text
        if not (known.get(key) or known.get((key, 0)) or message.text in _IN_DOCSTRINGS):
            missing.append((where, message))
    return missing
