"""Files of contacts as people really have them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.contacts.rules.importing import MAX_ROWS
from tocsin.contacts.sheets import COLUMNS, FORMATS, ContactColumns, read_sheet, template_of
from tocsin.contacts.sheets.cells import divided, escaped, joined, unescaped
from tocsin.core.errors import InvalidInputError
from tocsin.core.phones import parse


def rows(content: bytes, format: str = "csv") -> list[dict[str, object]]:
    return [values for _number, values in read_sheet(content, format).rows]


def refusal(content: bytes, format: str = "csv") -> str:
    with pytest.raises(InvalidInputError) as caught:
        rows(content, format)
    return caught.value.fields["file"]


def xlsx(*lines: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_sheet(workbook: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Its first sheet as another program would have written it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(stream, "w") as new:
        for part in old.infolist():
            data = old.read(part)
            new.writestr(part, change(data) if part.filename == "xl/worksheets/sheet1.xml" else data)
    return stream.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gbk"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_as_excel_writes_it_anywhere(encoding: str, delimiter: str) -> None:
    text = f"姓名{delimiter}手机号{delimiter}邮箱\r\n张伟{delimiter}13800138000{delimiter}zhang@example.org\r\n"

    assert rows(text.encode(encoding)) == [{"name": "张伟", "phone": "13800138000", "email": "zhang@example.org"}]


@pytest.mark.parametrize(("field", "heading"), [(field, name) for field, names in COLUMNS.items() for name in names])
def test_every_heading_is_understood(field: str, heading: str) -> None:
    key = "email" if field == "phone" else "phone"
    content = json.dumps([{heading.upper(): "x", key: "y"}]).encode()

    sheet = read_sheet(content, "json")

    assert field in sheet.headings.fields
    assert sheet.headings.unknown == ()


def test_columns_that_are_not_known_are_named() -> None:
    sheet = read_sheet(b"name,phone,Shoe size,phone_verified_at,error\nA,1,43,,\n", "csv")

    assert sheet.headings.unknown == ("Shoe size",)
    assert [values for _number, values in sheet.rows] == [{"name": "A", "phone": "1"}]


def test_files_that_cannot_be_contacts_are_refused_with_the_way_out() -> None:
    assert "empty" in refusal(b"")
    assert "at least one of external_id, phone and email. Found: colour" in refusal(b"colour\nred\n")
    assert "Two columns mean the same: phone" in refusal("phone,手机号\n1,2\n".encode())
    assert "no text in UTF-8" in refusal(b"name,phone\n\xff\xff\xff\n")
    assert "cannot be read" in refusal(b"not a zip", "xlsx")
    assert "cannot be read" in refusal(b"{", "json")
    assert "expected a list of objects" in refusal(b'{"name": "A"}', "json")
    assert "cannot be read" in refusal(b"[" * 100_000, "json")


def test_a_csv_may_name_what_divides_its_columns_in_a_line_of_its_own() -> None:
    content = "\ufeffsep=;\r\nname;phone;groups\r\nA, B;1;x,y\r\n".encode()

    assert list(read_sheet(content, "csv").rows) == [(2, {"name": "A, B", "phone": "1", "groups": ["x,y"]})]


def test_a_quotation_mark_that_is_never_closed_hides_no_rows() -> None:
    told = "This file cannot be read: a quotation mark in line 3 is never closed."

    assert refusal(b'name,phone\nA,1\nB,"2\nC,3\n') == told
    assert refusal(b'name,phone\nA,1\nB,"2\n' + b"C,3\n" * 50_000) == told
    assert rows(b'name,phone\n"A",1\nB,"2"') == [{"name": "A", "phone": "1"}, {"name": "B", "phone": "2"}]


def test_a_formula_that_was_never_calculated_is_told_from_an_empty_cell() -> None:
    content = xlsx(["name", "phone", "email"], ["A", "=D2", None], ['=IF(D3="","",D3)', 13800138001, "=D3"])
    never = re.compile(rb"(<c[^>]*)(><f>[^<]*</f>)<v\s*(?:/>|></v>)")

    assert rows(content, "xlsx") == [
        {"name": "A", "phone": "#UNCALCULATED!", "email": ""},
        {"name": "#UNCALCULATED!", "phone": "13800138001", "email": "#UNCALCULATED!"},
    ]
    as_excel_saves_it = with_sheet(content, lambda sheet: never.sub(rb'\1 t="str"\2<v></v>', sheet))
    assert rows(as_excel_saves_it, "xlsx") == [
        {"name": "A", "phone": "", "email": ""},
        {"name": "", "phone": "13800138001", "email": ""},
    ]
    calculated = with_sheet(content, lambda sheet: never.sub(rb"\1\2<v>13800138002</v>", sheet))
    assert rows(calculated, "xlsx")[0]["phone"] == "13800138002"


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part,
    ):
        for _count in range(410):
            part.write(bytes(2**20))

    assert refusal(stream.getvalue(), "xlsx") == "Unpacked, this file is too large: at most 400 MiB."


@pytest.mark.parametrize(("part", "root"), [("xl/any.bin", "sst"), ("xl/styles.xml", "worksheet")])
def test_what_is_held_in_memory_is_not_unpacked_beyond_it(part: str, root: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        beginning = f"<?xml version='1.0'?><!--{'x' * 5000}--><s:{root} xmlns:s='x'>".encode()
        archive.writestr(part, beginning + b"<si><t/></si>" * (65 * 2**20 // 13))

    assert refusal(stream.getvalue(), "xlsx") == "Unpacked, this file is too large: at most 64 MiB."


@pytest.mark.parametrize("before", ["", f"<!--{'x' * 5000}-->", " " * 100_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_that_declares_entities_is_refused(before: str, encoding: str) -> None:
    source, stream = io.BytesIO(xlsx(["phone"], ["1"])), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(stream, "w") as new:
        for part in old.infolist():
            data = old.read(part)
            if b"<worksheet" in data:
                begin = data.index(b"<worksheet")
                data = f'{before}<!DOCTYPE x [<!ENTITY a "b">]>{data[begin:].decode()}'.encode(encoding)
            new.writestr(part, data)

    assert "cannot be read: ValueError" in refusal(stream.getvalue(), "xlsx")


def test_a_file_of_too_many_rows_is_refused_and_names_the_limit() -> None:
    content = b"phone\n" + b"1\n" * (MAX_ROWS + 1)

    assert refusal(content) == f"Too many rows: at most {MAX_ROWS} at once."


def test_a_workbook_keeps_numbers_that_excel_made_of_phone_numbers() -> None:
    content = xlsx(
        ["name", "phone", "user_id"], ["A", 13800138000, 1.0], ["B", 13800138001.0, None], [None, None, None]
    )

    assert rows(content, "xlsx") == [
        {"name": "A", "phone": "13800138000", "user_id": "1"},
        {"name": "B", "phone": "13800138001", "user_id": ""},
    ]


def test_rows_have_the_numbers_that_the_spreadsheet_shows() -> None:
    numbers = [number for number, _values in read_sheet(b"phone\n1\n\n2\n", "csv").rows]

    assert numbers == [2, 4]


def test_json_tells_nothing_from_empty() -> None:
    content = b'[{"name": "A", "phone": "1", "groups": ["x;y", " z "]}, {"name": "B", "email": "", "phone": null}]'

    assert rows(content, "json") == [{"name": "A", "phone": "1", "groups": ["x;y", "z"]}, {"name": "B", "email": ""}]


@pytest.mark.parametrize("format", FORMATS)
def test_the_template_can_be_read(format: str) -> None:
    (row,) = rows(template_of(format), format)

    assert (row["external_id"], row["groups"]) == ("E-1001", ["Database on call", "Everybody"])


def test_nothing_that_a_spreadsheet_calculates_is_written() -> None:
    bad = {
        "name": "=1+1",
        "phone": "+8613800138000",
        "user_id": "@SUM(A1)",
        "external_id": "-1",
        "email": "+1@x.example",
    }

    csv = b"".join(FORMATS["csv"].pieces(list(bad), [bad])).decode("utf-8-sig").splitlines()[1]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(FORMATS["xlsx"].pieces(list(bad), [bad]))))

    assert csv == "'=1+1,+86 138 0013 8000,'@SUM(A1),'-1,'+1@x.example"
    assert {cell.data_type for cell in book.active[2]} == {"s"}


@given(st.text())
def test_what_is_kept_from_being_a_formula_comes_back(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(("=", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


_NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).map(str.strip).filter(bool)


@given(st.lists(_NAMES, max_size=4))
def test_group_names_in_one_cell_come_back(names: list[str]) -> None:
    assert divided(joined(names)) == names


_TEXTS = _NAMES.filter(lambda text: not {"\ufffe", "\uffff"}.intersection(text))


@pytest.mark.parametrize("format", FORMATS)
@given(
    contacts=st.lists(
        st.fixed_dictionaries(
            {"name": _TEXTS, "external_id": _TEXTS, "groups": st.lists(_TEXTS, min_size=1, max_size=3, unique=True)},
            optional={"user_id": _TEXTS, "phone": st.sampled_from(["+8613800138000", "+14155550123", "+390612345678"])},
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=40)
def test_what_is_written_is_read_and_written_the_same_again(format: str, contacts: list[dict[str, object]]) -> None:
    names = ContactColumns.names()
    first = b"".join(FORMATS[format].pieces(names, contacts))

    found = rows(first, format)
    for item in found:
        if phone := item.get("phone"):
            item["phone"] = parse(str(phone), "CN")

    assert [{name: value for name, value in item.items() if value} for item in found] == contacts
    assert rows(b"".join(FORMATS[format].pieces(names, found)), format) == rows(first, format)


def test_the_resource_declares_known_columns_and_never_saves() -> None:
    assert set(ContactColumns.names()) <= set(COLUMNS)
    with pytest.raises(NotImplementedError, match="in bulk"):
        ContactColumns().save_instance(None, True, None)
