"""`tocsin database upgrade`: from the PostgreSQL that the wheel has beside its newest, and from Debian's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos.processes import connect
from tocsin.config.embedded_postgres import EmbeddedPostgres, FolderInUseError, Layout, cluster
from tocsin.config.embedded_postgres.binaries import Binaries, binaries_in, find_binaries
from tocsin.config.embedded_postgres.process import ServerProcess
from tocsin.config.embedded_postgres.upgrade import upgrade
from tocsin.core.errors import ConfigurationError

FAST = {"fsync": "off"}
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[0]


@pytest.fixture
def layout(folder: Path) -> Layout:
    layout = Layout(folder)
    cluster.make_folders(layout)
    return layout


def wheels_older(layout: Layout) -> Binaries:
    found = find_binaries(layout, 16)
    assert found is not None
    return found


def make_old_database(layout: Layout, binaries: Binaries) -> None:
    """A thousand rows, as an older Tocsin would have left them."""
    command = [binaries.program("initdb"), "--pgdata", layout.data, "--username=postgres", "--auth=peer"]
    result = layout.server_user.run([*command, "--encoding=UTF8", "--locale=C", "--no-sync"])
    assert result.returncode == 0, result.stderr
    with running(layout, binaries), connect(layout.folder) as connection:
        connection.execute("CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what jsonb)")
        connection.execute("INSERT INTO kept (what) SELECT jsonb_build_object('n', n) FROM generate_series(1, 1000) n")


@contextmanager
def running(layout: Layout, binaries: Binaries) -> Iterator[None]:
    server = ServerProcess(layout)
    server.start(binaries, FAST)
    try:
        cluster.ensure_database(layout)
        yield
    finally:
        server.stop()


def rows_now(folder: Path) -> tuple[int, int] | None:
    """How many there are, and the id that the next one gets."""
    with EmbeddedPostgres(folder, settings=FAST), connect(folder) as connection:
        row = connection.execute("INSERT INTO kept (what) VALUES ('{}') RETURNING (SELECT count(*) FROM kept), id")
        return row.fetchone()


def test_all_rows_are_there_afterwards_and_the_old_database_is_kept(layout: Layout, now: datetime) -> None:
    make_old_database(layout, wheels_older(layout))

    done = upgrade(layout.folder, now=now)

    assert (done.before, done.after) == (16, 18)
    assert done.backup == layout.database / "backup-16-20261123-120000"
    assert (done.backup / "data" / "PG_VERSION").read_text() == "16\n"
    assert (done.backup / "tocsin.dump").stat().st_size > 1000
    assert rows_now(layout.folder) == (1000, 1001)


def test_debians_postgresql_reads_the_database_that_it_made(layout: Layout, now: datetime) -> None:
    debians = binaries_in(DEBIAN, layout.server_user)
    assert debians is not None
    make_old_database(layout, debians)

    done = upgrade(layout.folder, now=now, old_binaries=DEBIAN)

    assert (done.before, done.after) == (debians.major, 18)
    assert rows_now(layout.folder) == (1000, 1001)


def test_without_the_old_programs_it_says_where_to_get_them(layout: Layout, now: datetime) -> None:
    make_old_database(layout, wheels_older(layout))
    (layout.data / "PG_VERSION").write_text("9\n")

    with pytest.raises(ConfigurationError, match=r"postgresql-9\).*--old-binaries /usr/lib/postgresql/9/bin"):
        upgrade(layout.folder, now=now)

    assert not list(layout.database.glob("backup-*"))


def test_programs_of_yet_another_version_are_refused(layout: Layout, now: datetime) -> None:
    older = wheels_older(layout)
    make_old_database(layout, older)
    (layout.data / "PG_VERSION").write_text("17\n")

    with pytest.raises(ConfigurationError, match="There is no PostgreSQL 17 in"):
        upgrade(layout.folder, now=now, old_binaries=older.folder)


def test_an_upgrade_that_fails_changes_nothing_and_can_be_repeated(layout: Layout, now: datetime) -> None:
    older = wheels_older(layout)
    make_old_database(layout, older)
    with running(layout, older), cluster.superuser_connection(layout, "tocsin") as connection:
        connection.execute("CREATE VIEW unknown_to_18 AS SELECT oid FROM pg_database WHERE daticulocale IS NULL")

    with pytest.raises(ConfigurationError, match=r"The upgrade stopped and changed nothing: .*daticulocale"):
        upgrade(layout.folder, now=now)
    version = layout.major_version
    with running(layout, older), cluster.superuser_connection(layout, "tocsin") as connection:
        connection.execute("DROP VIEW unknown_to_18")
    upgrade(layout.folder, now=now + timedelta(minutes=1))

    assert version == 16
    assert rows_now(layout.folder) == (1000, 1001)


def test_nothing_to_upgrade_is_said(folder: Path, now: datetime) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no database in .* yet"):
        upgrade(folder, now=now)

    with EmbeddedPostgres(folder, settings=FAST), pytest.raises(FolderInUseError):
        upgrade(folder, now=now)

    with pytest.raises(ConfigurationError, match="is of PostgreSQL 18 already: nothing to do"):
        upgrade(folder, now=now)
