"""Data folders that a test may break."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.serving import Serve, tocsin
from tocsin.config.embedded_postgres import EmbeddedPostgres


@contextmanager
def _open_folder() -> Iterator[Path]:
    """One that every user may enter: pytest's own may be entered only by its owner, and root's database runs as
    somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-chaos-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new data folder that does not exist yet."""
    with _open_folder() as parent:
        yield parent / "data"


@pytest.fixture(scope="session")
def database() -> Iterator[Path]:
    """A data folder of which the server has run once, for copies: to make its database takes most of a second."""
    with _open_folder() as parent:
        with EmbeddedPostgres(parent / "data", settings={"fsync": "off"}):
            pass
        yield parent / "data"


@pytest.fixture
def begun(folder: Path, database: Path) -> Path:
    """A new data folder, after its first start."""
    subprocess.run(["cp", "--archive", database, folder], check=True)
    return folder


@pytest.fixture(scope="session")
def installation() -> Iterator[Path]:
    """A data folder with the tables of this version, for copies."""
    with _open_folder() as parent:
        made = tocsin(parent / "data", "migrate")
        assert made.returncode == 0, made.stderr
        yield parent / "data"


@pytest.fixture
def installed(folder: Path, installation: Path) -> Path:
    """A new data folder, as the first `tocsin serve` finds it after `tocsin migrate`."""
    subprocess.run(["cp", "--archive", installation, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def running(installation: Path) -> Iterator[Serve]:
    """A `tocsin serve` for those who end nothing of it."""
    with _open_folder() as parent:
        subprocess.run(["cp", "--archive", installation, parent / "data"], check=True)
        with Serve(parent / "data") as serve:
            yield serve
