"""What every test shares: a PostgreSQL server per run, a secret key, and a clock that the test moves."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import django
import hypothesis
import pytest
from django.db import connection
from django.utils import translation

from tests.migrated import MIGRATED, keep_cluster, migrated_database, take_cluster
from tests.quick import make_quick
from tocsin.config.embedded_postgres import EmbeddedPostgres, connection_settings

os.environ["DJANGO_SETTINGS_MODULE"] = "tocsin.config.settings"
os.environ.setdefault("TOCSIN_SECRET_KEY", "test-key-" + "0" * 32)
os.environ.setdefault("TOCSIN_PUBLIC_URL", "https://tocsin.example")
os.environ.setdefault("TOCSIN_OUTGOING_ALLOW", "127.0.0.0/8")

_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""What the tests write need not survive a power cut."""
# A busy machine is no fault of the code. Each run tries the same examples, so that a change is judged by what it
# changes; `make test-all` looks for new ones.
hypothesis.settings.register_profile("tocsin", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile("tocsin")

_LONGEST_FIRST = [
    "test_demo.py", "chaos", "test_every_page.py", "browser",
    "test_prometheus.py", "test_alertmanager_webhook.py", "test_amtool.py", "test_importers.py", "test_peers.py",
    "test_schemathesis.py", "test_roles_table.py", "test_console_pages.py", "test_operations.py", "test_plans.py",
]  # fmt: skip
"""Folders and files."""
_server = pytest.StashKey[EmbeddedPostgres]()


def pytest_configure(config: pytest.Config) -> None:
    """The process that the run begins in starts the server and migrates; xdist workers find both in the environment."""
    if not os.environ.get("TOCSIN_DATABASE_URL"):
        folder = Path(tempfile.mkdtemp(prefix="tocsin-test-"))
        server = config.stash[_server] = EmbeddedPostgres(folder, purpose="test", settings=_FAST)
        take_cluster(folder)
        server.start()
        sockets = quote(connection_settings(folder)["HOST"])
        os.environ["TOCSIN_DATABASE_URL"] = f"postgresql://tocsin@/tocsin?host={sockets}"
        os.environ.setdefault("TOCSIN_DATA_DIR", str(folder))
    django.setup()
    make_quick()
    if MIGRATED not in os.environ:
        os.environ[MIGRATED] = migrated_database()
        if server := config.stash.get(_server, None):
            keep_cluster(server)
    connection.settings_dict["TEST"].update(TEMPLATE=os.environ[MIGRATED], MIGRATE=False)


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(_server, None)
    if server is not None:
        server.stop()
        shutil.rmtree(server.layout.folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process ends long after the other. Otherwise the order is random."""
    place = {name: number for number, name in enumerate(_LONGEST_FIRST)}
    last = len(place)
    items.sort(key=lambda item: min(place.get(item.path.name, last), place.get(item.path.parent.name, last)))


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: no collection of garbage walks through them any more."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """A request leaves its language to the thread, and so to whatever test comes next."""
    yield
    translation.deactivate()


@pytest.fixture
def now() -> datetime:
    """A Monday, noon UTC: the moment at which stories begin."""
    return datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
