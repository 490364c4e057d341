"""`tocsin contacts`: a file in and a file out, for scripts and for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stories.harness import begin
from tocsin.cli import main
from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.models import Contact
from tocsin.contacts.rules.importing import ImportState
from tocsin.core.clock import utc_now

pytestmark = pytest.mark.django_db
PEOPLE = "external_id,name,phone,email\nE1,Ann,138 0000 0001,ann@example.org\nE2,Bob,+86 138 0000 0002,\n"
WRONG = "E3,Bad,12,\n,,,nobody@example.org\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def run(*words: object) -> int:
    """The exit code."""
    try:
        main(["contacts", *map(str, words)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_file_is_imported_once(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again = run("import", people), run("import", people)

    assert (first, again) == (0, 0)
    assert capsys.readouterr().out == "2 rows: 2 created.\n2 rows: 2 unchanged.\n"
    assert Contact.objects.count() == 2


def test_a_dry_run_says_each_row_and_changes_nothing(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people.write_text(PEOPLE + WRONG)

    code = run("import", people, "--dry-run")

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines[0] == "row 2 Ann: created"
    assert lines[2].startswith("row 4 Bad: refused. phone: ")
    assert lines[3] == "row 5 : refused. name: Give a name of 1 to 64 characters."
    assert lines[4] == "Nothing was written. 4 rows: 2 created, 2 refused."
    assert Contact.objects.count() == 0
    assert ContactImport.objects.get().state == ImportState.CANCELLED


def test_refused_rows_are_told_and_the_others_written(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people.write_text(PEOPLE + WRONG)

    code = run("import", people)

    said = capsys.readouterr()
    assert (code, Contact.objects.count()) == (1, 2)
    assert said.out == "4 rows: 2 created, 2 refused.\n"
    assert said.err.count("refused.") == 2


def test_all_or_nothing(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people.write_text(PEOPLE + WRONG)

    code = run("import", people, "--all-or-nothing")

    assert (code, Contact.objects.count()) == (1, 0)
    assert "Nothing was written, since rows are refused: 2 created, 2 refused." in capsys.readouterr().err
    people.write_text(PEOPLE)
    assert (run("import", people, "--all-or-nothing"), Contact.objects.count()) == (0, 2)


def test_json_for_scripts(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people.write_text(PEOPLE.replace("email", "email,Shoe size") + WRONG)

    run("import", people, "--dry-run", "--json")

    said = json.loads(capsys.readouterr().out)
    assert {name: said[name] for name in ("dry_run", "written", "rows", "created", "refused", "unknown_columns")} == {
        "dry_run": True, "written": False, "rows": 4, "created": 2, "refused": 2, "unknown_columns": ["Shoe size"],
    }  # fmt: skip
    assert said["each"][0] == {"row": 2, "fate": "created", "contact_id": None}
    assert said["each"][3]["problems"]["name"]["reason"] == "no_name"


def test_what_loses_phone_is_named(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = begin(utc_now())
    ann = story.contact("Ann", phone="+8613800000009", email="ann@example.org")
    story.policy({ann: ["phone"]}, name="Databases")

    assert run("import", people) == 0

    assert "1 proved number is replaced" in (said := capsys.readouterr().err)
    assert "policy Databases" in said


@pytest.mark.parametrize("name", ["out.csv", "out.xlsx", "out.json"])
def test_what_is_exported_is_imported_without_a_change(
    people: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("import", people)
    target = tmp_path / name

    assert run("export", target) == 0
    assert run("import", target) == 0

    assert capsys.readouterr().out == "2 rows: 2 created.\n2 rows: 2 unchanged.\n"
    assert target.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("*.part"))


def test_an_export_to_standard_output_is_csv(people: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run("import", people)
    capfdbinary.readouterr()

    assert run("export") == 0

    assert b"E1,Ann,+86 138 0000 0001,ann@example.org" in capfdbinary.readouterr().out


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("nowhere.csv", "There is no file"),
        ("", "is a folder"),
        ("people.pdf", "Give a file whose name ends with one of: .csv, .xlsx, .json."),
    ],
)
def test_a_file_that_is_none_is_one_line_and_exit_code_1(
    tmp_path: Path, file: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.pdf").write_text("x")
    folder = tmp_path / "folder.csv"
    folder.mkdir()

    code = run("import", tmp_path / file if file else folder)

    assert code == 1
    assert said in (err := capsys.readouterr().err)
    assert err.count("\n") == 1
