"""What every command owes: help without an installation, one line for what a person can act on, exit codes."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import App
from django.db import OperationalError, ProgrammingError

from tests.chaos.serving import environment, tocsin, tocsin_each
from tocsin.cli.groups import GROUPS, Group
from tocsin.cli.shared import exit_on_expected_errors, fail, show
from tocsin.config.environment import data_folder
from tocsin.core.errors import ConfigurationError, InvalidInputError


def test_every_group_has_help_that_needs_no_installation(tmp_path: Path) -> None:
    for needs_database in (False, True):
        names = [group.name for group in GROUPS.values() if group.needs_database is needs_database]
        answers = tocsin_each(tmp_path / "data", [[name, "--help"] for name in names], is_ready=needs_database)

        assert [(answer.returncode, answer.stderr) for answer in answers] == [(0, "")] * len(names)
        for name, answer in zip(names, answers, strict=True):
            assert f"Usage: tocsin {name}" in answer.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("group", GROUPS.values(), ids=lambda group: group.name)
def test_every_group_is_an_app_of_its_name(group: Group) -> None:
    app = importlib.import_module(group.module).app

    assert isinstance(app, App)
    assert app.name == (group.name,)


def test_the_help_names_every_group_and_imports_none(tmp_path: Path) -> None:
    modules = [group.module for group in GROUPS.values()]
    script = f"""
import sys
from tocsin.cli import main
try:
    main(["--help"])
finally:
    print([name for name in sys.modules if name in {modules}])
"""

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout.rstrip().endswith("[]")
    assert all(f" {name} " in answer.stdout for name in GROUPS)


def test_wrong_usage_ends_with_2(tmp_path: Path) -> None:
    wrong = [
        ["nonsense"],
        ["--nonsense"],
        ["serve", "--nonsense"],
        ["serve", "--port", "many"],
        ["serve", "--port", "99999"],
        ["serve", "--port", "-1"],
        ["serve", "--workers", "0"],
        ["web", "--port", "99999"],
        ["web", "--workers", "0"],
        ["database", "upgrade", "surplus"],
    ]

    answers = tocsin_each(tmp_path / "data", [*wrong, ["docter"]])

    for answer in answers:
        assert (answer.returncode, answer.stdout) == (2, ""), answer
        assert answer.stderr.count("\n") == 1, answer
        assert " There are: " in answer.stderr or answer.stderr.endswith(" --help` shows what it takes.\n"), answer
    assert answers[-1].stderr.startswith("There is no command 'docter'. Did you mean `tocsin doctor`? There are: ")
    assert "Did you mean" not in answers[0].stderr
    assert answers[-2].stderr == ("Unused Tokens: ['surplus']. `tocsin database upgrade --help` shows what it takes.\n")
    assert not (tmp_path / "data").exists()


def test_a_limit_of_the_outbox_that_cannot_be_is_wrong_usage(tmp_path: Path) -> None:
    more = {"TOCSIN_DATABASE_URL": f"postgresql://ada@/alerts?host={tmp_path}", "TOCSIN_SECRET_KEY": "0" * 32}
    limits = ("-1", "0", str(10**30))

    for answer in tocsin_each(
        tmp_path / "data", [["outbox", "--limit", limit] for limit in limits], is_ready=True, **more
    ):
        assert (answer.returncode, answer.stdout) == (2, ""), answer
        assert "Traceback" not in answer.stderr


def test_a_command_that_only_reads_makes_no_installation(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    reading = [
        ["provider", "list"],
        ["provider", "test", "smtp", "--to", "ada@example.org"],
        ["explain", "--label", "alertname=A"],
        ["outbox"],
        ["outbox", "--json"],
        ["integration", "list"],
        ["api-token", "list"],
        ["access-key", "list"],
        ["user", "list"],
        ["contacts", "export"],
        ["contacts", "import", "people.csv"],
    ]

    for answer in tocsin_each(folder, reading):
        assert (answer.returncode, answer.stdout) == (1, ""), answer
        assert answer.stderr == (
            f"There is no installation in {folder}. `tocsin serve` or `tocsin migrate` makes one; "
            "TOCSIN_DATA_DIR names another folder.\n"
        )
    assert not folder.exists()


def test_the_providers_are_listed_without_an_installation(tmp_path: Path) -> None:
    answer = tocsin(tmp_path / "data", "provider", "types")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "smtp" in answer.stdout
    assert not (tmp_path / "data").exists()


WRONG = [
    ("TOCSIN_DATABASE_URL", "mysql://db/alerts", "TOCSIN_DATABASE_URL must look like postgresql://"),
    ("TOCSIN_PUBLIC_URL", "alerts.example", "TOCSIN_PUBLIC_URL must start with http"),
    ("TOCSIN_PUBLIC_URL", "http://[::1", "TOCSIN_PUBLIC_URL must start with http"),
    ("TOCSIN_LOG_FORMAT", "xml", "TOCSIN_LOG_FORMAT must be json"),
    ("TOCSIN_TRUSTED_PROXIES", "abc", "TOCSIN_TRUSTED_PROXIES must list addresses"),
    ("TOCSIN_FACES", "konsole", "There are no faces called konsole"),
    ("TOCSIN_RETENTION_DAYS", "long", "TOCSIN_RETENTION_DAYS must be a whole number"),
    ("TOCSIN_SECRET_KEY", "short", "TOCSIN_SECRET_KEY needs 32 characters or more"),
]


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    asked = [
        (advice, [f"{setting}={typed}", name])
        for setting, typed, advice in WRONG
        for name in ("web", "worker", "migrate")
    ]

    answers = tocsin_each(tmp_path / "data", [words for _advice, words in asked], TOCSIN_SECRET_KEY="0" * 32)

    for (advice, _words), answer in zip(asked, answers, strict=True):
        assert (answer.returncode, answer.stdout) == (1, ""), answer
        assert answer.stderr.count("\n") == 1
        assert answer.stderr.startswith(advice)


def test_closed_standard_streams_are_no_obstacle(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m tocsin.cli serve --help <&- >&- 2>&-"

    answer = subprocess.run(["/bin/sh", "-c", command], env=environment(tmp_path / "data"), check=False)

    assert answer.returncode == 0


def test_a_database_that_is_away_is_one_line(tmp_path: Path) -> None:
    more = {"TOCSIN_DATABASE_URL": f"postgresql://ada@/alerts?host={tmp_path}", "TOCSIN_SECRET_KEY": "0" * 32}

    answer = tocsin(tmp_path / "data", "migrate", **more)

    assert answer.returncode == 1
    assert answer.stderr.startswith("The database does not answer: connection ")
    assert answer.stderr.count("\n") == 1


class _Missing(Exception):
    sqlstate = "42P01"


class _MissingColumn(Exception):
    sqlstate = "42703"


def test_expected_errors_end_with_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    no_tables = ProgrammingError("relation does not exist")
    no_tables.__cause__ = _Missing()
    old_tables = ProgrammingError("column does not exist")
    old_tables.__cause__ = _MissingColumn()
    errors: list[Exception] = [
        InvalidInputError({"name": "It needs a name."}),
        ConfigurationError("Set it up."),
        OperationalError("no route\nto host"),
        PermissionError(13, "Permission denied", "/var/lib/tocsin"),
        no_tables,
        old_tables,
        OSError(28, "No space left on device"),
        OSError(30, "Read-only file system", str(data_folder() / "config")),
        FileNotFoundError(2, "No such file or directory", "/nowhere/people.csv.part"),
    ]

    codes = []
    for error in errors:
        with pytest.raises(SystemExit) as end, exit_on_expected_errors():
            raise error
        codes.append(end.value.code)

    assert codes == [1] * 9
    assert capsys.readouterr().err.splitlines() == [
        "name: It needs a name.",
        "Set it up.",
        "The database does not answer: no route",
        "/var/lib/tocsin: Permission denied. Run Tocsin as the user who owns it, or as root.",
        "The database has no tables of this version yet. Run `tocsin migrate`.",
        "The tables of the database are not those of this version. Run `tocsin migrate` of the newest version.",
        "No space left on device. Make room on that disk; what was stored is there.",
        f"{data_folder()}/config: Read-only file system. "
        "TOCSIN_DATA_DIR names the data folder: choose one that can be written.",
        "/nowhere/people.csv.part: No such file or directory.",
    ]


def test_a_command_may_end_with_another_code_also_for_faults_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    codes = []
    for error in (OperationalError("no route"), ZeroDivisionError("ours"), ProgrammingError("ours too")):
        with pytest.raises(SystemExit) as end, exit_on_expected_errors(GROUPS["bounce"].failed):
            raise error
        codes.append(end.value.code)

    assert codes == [75] * 3
    assert "ZeroDivisionError: ours" in capsys.readouterr().err


def test_faults_of_ours_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), exit_on_expected_errors():
        raise ZeroDivisionError
    with pytest.raises(ProgrammingError), exit_on_expected_errors():
        raise ProgrammingError("syntax error")


def test_a_full_disk_is_one_line_and_ends_with_1(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(
            [sys.executable, "-m", "tocsin.cli", "schema"], env=environment(tmp_path), stdout=full,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    said = "No space left on device. Make room on that disk; what was stored is there.\n"
    assert (answer.returncode, answer.stderr) == (1, said)


def test_rows_are_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, object]] = [{"id": 1, "name": "王伟 [bold]", "on": True}, {"id": 2, "name": None, "on": False}]

    show(rows, as_json=False, columns={"name": "name", "on": "enabled"})
    table = capsys.readouterr().out
    show(rows, as_json=True)
    data = capsys.readouterr().out
    show([], as_json=False)
    nothing = capsys.readouterr().out

    assert [line.rstrip() for line in table.splitlines()] == [
        "name         enabled",
        "王伟 [bold]  yes",
        "             no",
    ]
    assert '"name": "王伟 [bold]"' in data
    assert nothing == "Nothing to show.\n"


def test_fail_ends_with_the_given_code() -> None:
    with pytest.raises(SystemExit) as end:
        fail("no", code=3)

    assert end.value.code == 3


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    more = {"TOCSIN_DATABASE_URL": f"postgresql://ada@/alerts?host={tmp_path}", "TOCSIN_SECRET_KEY": "0" * 32}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answers = tocsin_each(tmp_path / "data", [["web", "--port", port], ["serve", "--port", port]], **more)

    for answer in answers:
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr == (
            f"Cannot listen on 127.0.0.1 port {port}: Address already in use. Choose another --port or --host.\n"
        )
