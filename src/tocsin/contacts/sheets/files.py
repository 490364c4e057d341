"""The three formats: their rows out of a file, and a file out of rows, both piece by piece."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openpyxl
from django.utils.translation import gettext as _
from import_export.formats import base_formats
from openpyxl.cell import WriteOnlyCell

from tocsin.contacts.rules.importing import MAX_FILE_BYTES, MAX_ROWS
from tocsin.contacts.sheets.cells import NOT_CALCULATED, as_text, divided, escaped, joined, spaced, unescaped
from tocsin.contacts.sheets.columns import GROUPS, ContactColumns, Headings, read_headings
from tocsin.contacts.sheets.parts import root_of
from tocsin.contacts.sheets.text import decoded, divided_by
from tocsin.core.errors import InvalidInputError

Values = dict[str, str | list[str]]
"""Field -> what stands in the cell; groups as names."""
_MAX_COLUMNS = 100
_MAX_UNPACKED = 400 * 2**20
_MAX_SHARED = 64 * 2**20
"""Of the texts that cells share, of styles and the like: all of them are held in memory, several times as large."""
_SHEETS = "xl/worksheets/"
"""What is under it is read row by row."""
_MAX_PARTS = 1000
_NO_RESULT = re.compile(
    rb"(?:</(?:\w+:)?f|<(?:\w+:)?f\b[^<>]*/)>\s*(?:<(?:\w+:)?v\s*(?:/>|></(?:\w+:)?v>))?\s*</(?:\w+:)?c>"
)
"""The end of a cell whose formula has no result, or an empty text as one."""
_ITS_LENGTH = 256
_CSV_BLOCK = 500
_PIECE = 2**16
_NOT_IN_XML = dict.fromkeys((0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}")
_UNREADABLE = (KeyError, IndexError, ValueError, TypeError, AttributeError, EOFError, OSError, SyntaxError,
               zipfile.BadZipFile, NotImplementedError, RecursionError)  # fmt: skip
"""What openpyxl and zipfile raise for files that are none of theirs."""


class _Csv(base_formats.CSV):  # type: ignore[misc]
    """With a mark, so that Excel reads it as UTF-8."""

    def rows(self, content: bytes) -> Iterator[Sequence[object]]:
        delimiter, text = divided_by(decoded(content))
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=delimiter)
        begun = 1
        try:
            for row in reader:
                if lines.are_over:  # it asked for more, within a row
                    raise _unclosed(begun)
                begun = reader.line_num + 1
                yield [unescaped(cell) if cell[:1] == "'" else cell for cell in row]
        except csv.Error as error:
            unreadable = _unreadable(f"{error} ({reader.line_num})")
            raise _unclosed(begun) if "field limit" in str(error) else unreadable from error

    def pieces(self, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        block = io.StringIO(newline="")
        writer = csv.writer(block)
        writer.writerow(names)
        yield b"\xef\xbb\xbf" + block.getvalue().encode()
        block.seek(0)
        block.truncate()
        for count, row in enumerate(rows, 1):
            writer.writerow([escaped(_in_one_cell(name, row.get(name))) for name in names])
            if count % _CSV_BLOCK == 0:
                yield block.getvalue().encode()
                block.seek(0)
                block.truncate()
        yield block.getvalue().encode()


class _Xlsx(base_formats.XLSX):  # type: ignore[misc]
    """Every cell is text, so that Excel neither calculates nor shortens it."""

    def rows(self, content: bytes) -> Iterator[Sequence[object]]:
        try:
            _refuse_bombs(content)
            sheet = _first_sheet(content, data_only=True)
            if _has_no_results(content):
                yield from _calculated(sheet, _first_sheet(content, data_only=False))
            else:
                yield from sheet.iter_rows(values_only=True, max_col=_MAX_COLUMNS)
        except _UNREADABLE as error:
            raise _unreadable(type(error).__name__) from error

    def pieces(self, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("contacts")
        sheet.freeze_panes = "A2"
        for number in range(len(names)):
            sheet.column_dimensions[openpyxl.utils.get_column_letter(number + 1)].width = 22
        sheet.append(list(names))
        for row in rows:
            sheet.append([_text_cell(sheet, _in_one_cell(name, row.get(name))) for name in names])
        with tempfile.TemporaryFile() as stream:
            book.save(stream)
            stream.seek(0)
            while piece := stream.read(_PIECE):
                yield piece


class _Json(base_formats.JSON):  # type: ignore[misc]
    """A list of objects."""

    def rows(self, content: bytes) -> Iterator[Sequence[object]]:
        try:
            found = json.loads(decoded(content))
        except (ValueError, RecursionError) as error:
            raise _unreadable(str(error)[:100]) from error
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise _unreadable(_("expected a list of objects"))
        names = list(dict.fromkeys(name for item in found for name in item))
        if len(names) > _MAX_COLUMNS:
            raise _unreadable(_("too many different names"))
        yield names
        for item in found:
            yield [item.get(name) for name in names]

    def pieces(self, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        before = "[\n"
        for row in rows:
            item = {name: row[name] for name in names if row.get(name)}
            yield (before + json.dumps(item, ensure_ascii=False)).encode()
            before = ",\n"
        yield b"[]\n" if before == "[\n" else b"\n]\n"


SheetFormat = _Csv | _Xlsx | _Json
FORMATS: Mapping[str, SheetFormat] = {"csv": _Csv(), "xlsx": _Xlsx(), "json": _Json()}


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows` gives (row number as a spreadsheet shows it, values), blank rows left out; it can be read once."""

    headings: Headings
    rows: Iterator[tuple[int, Values]]


def format_of(file_name: str) -> str:
    """By the name's ending; InvalidInputError for others."""
    ending = file_name.rpartition(".")[2].lower()
    if ending not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise InvalidInputError({"file": _("Give a file whose name ends with one of: %(known)s.") % {"known": known}})
    return ending


def read_sheet(content: bytes, format: str) -> Sheet:
    """InvalidInputError, here or on the way, says what is wrong with the file. Limits: MAX_FILE_BYTES, MAX_ROWS."""
    if len(content) > MAX_FILE_BYTES:
        raise too_large()
    rows = FORMATS[format].rows(content)
    first = next(rows, None)
    if first is None or not any(as_text(cell).strip() for cell in first):
        raise InvalidInputError({"file": _("The file is empty, or its first row is.")})
    headings = read_headings(first)
    return Sheet(headings, _values(rows, headings, is_json=format == "json"))


def too_large() -> InvalidInputError:
    limit = MAX_FILE_BYTES // 2**20
    return InvalidInputError({"file": _("The file is too large: at most %(limit)d MiB at once.") % {"limit": limit}})


def template_of(format: str) -> bytes:
    """A file with every column and one made-up contact."""
    example = {
        "external_id": "E-1001",
        "name": _("Zhang Wei"),
        "phone": "+86 138 0013 8000",
        "email": "zhang.wei@example.org",
        "groups": [_("Database on call"), _("Everybody")],
        "fallback": "default",
    }
    return b"".join(FORMATS[format].pieces(ContactColumns.names(), [example]))


def refused_pieces(format: str, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Rows to be corrected and read again; what is wrong stands in the first column, which reading passes over."""
    return FORMATS[format].pieces(["error", *names], rows)


def _values(rows: Iterator[Sequence[object]], headings: Headings, *, is_json: bool) -> Iterator[tuple[int, Values]]:
    count = 0
    columns = [(place, field) for place, field in enumerate(headings.fields) if field is not None]
    for number, cells in enumerate(rows, 1 if is_json else 2):
        if number > 8 * MAX_ROWS:
            raise _too_many()
        values = {
            field: cell.strip() if type(cell) is str and field != GROUPS else _value(field, cell)
            for place, field in columns
            if place < len(cells) and not ((cell := cells[place]) is None and is_json)
        }
        if not any(values.values()):
            continue
        count += 1
        if count > MAX_ROWS:
            raise _too_many()
        yield number, values


def _value(field: str, cell: object) -> str | list[str]:
    if field == GROUPS:
        if isinstance(cell, list):
            return [as_text(name).strip() for name in cell if as_text(name).strip()]
        return divided(as_text(cell))
    if isinstance(cell, list | dict):
        return json.dumps(cell)
    return as_text(cell).strip()


class _Lines:
    """Of a text, for a reader that may ask for more than there are."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.are_over = False

    def __iter__(self) -> Iterator[str]:
        yield from self._lines
        self.are_over = True


def _first_sheet(content: bytes, *, data_only: bool) -> Any:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what the file says of its size need not be so
    return sheet


def _has_no_results(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part in archive.infolist():
            if not part.filename.startswith(_SHEETS):
                continue
            with archive.open(part) as stream:
                before = b""
                while piece := stream.read(_PIECE):
                    if _NO_RESULT.search(before + piece):
                        return True
                    before = piece[-_ITS_LENGTH:]
    return False


def _calculated(values: Any, formulas: Any) -> Iterator[list[object]]:
    """Rows with a mark where a formula has no result; a cell whose result is an empty text is of the type for texts."""
    for row, sources in zip(*(sheet.iter_rows(max_col=_MAX_COLUMNS) for sheet in (values, formulas)), strict=True):
        yield [
            NOT_CALCULATED if (cell.value, cell.data_type) == (None, "n") and source.value is not None else cell.value
            for cell, source in zip(row, sources, strict=True)
        ]


def _too_many() -> InvalidInputError:
    return InvalidInputError({"file": _("Too many rows: at most %(limit)d at once.") % {"limit": MAX_ROWS}})


def _unreadable(why: str) -> InvalidInputError:
    return InvalidInputError({"file": _("This file cannot be read: %(why)s.") % {"why": why}})


def _unclosed(line: int) -> InvalidInputError:
    return _unreadable(_("a quotation mark in line %(line)d is never closed") % {"line": line})


def _refuse_bombs(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > _MAX_UNPACKED:
            raise _unpacks_to_too_much(_MAX_UNPACKED)
        shared = 0
        for part in parts:
            with archive.open(part) as stream:
                root = root_of(stream)
            is_streamed = root == "worksheet" and part.filename.startswith(_SHEETS)
            shared += 0 if is_streamed or not root else part.file_size
        if shared > _MAX_SHARED:
            raise _unpacks_to_too_much(_MAX_SHARED)


def _unpacks_to_too_much(most: int) -> InvalidInputError:
    text = _("Unpacked, this file is too large: at most %(limit)d MiB.") % {"limit": most // 2**20}
    return InvalidInputError({"file": text})


def _in_one_cell(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return joined(value)
    return spaced(str(value or "")) if name == "phone" else str(value or "")


def _text_cell(sheet: Any, text: str) -> Any:
    if not text:
        return None
    cell = WriteOnlyCell(sheet, text.translate(_NOT_IN_XML))
    cell.data_type = "s"
    cell.number_format = "@"
    return cell
