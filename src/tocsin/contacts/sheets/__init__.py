"""Files of contacts: read and written as CSV, XLSX and JSON. Nothing here knows the database."""

from __future__ import annotations

from tocsin.contacts.sheets.columns import COLUMNS, ContactColumns, Headings, read_headings
from tocsin.contacts.sheets.files import FORMATS, Sheet, SheetFormat, format_of, read_sheet, template_of

__all__ = [
    "COLUMNS",
    "FORMATS",
    "ContactColumns",
    "Headings",
    "Sheet",
    "SheetFormat",
    "format_of",
    "read_headings",
    "read_sheet",
    "template_of",
]
