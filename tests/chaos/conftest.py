"""Data folders that a test may break."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new data folder that does not exist yet, below one that every user may enter (pytest's own may be entered
    only by its owner, and root's database runs as somebody else)."""
    parent = Path(tempfile.mkdtemp(prefix="tocsin-chaos-"))
    parent.chmod(0o755)
    yield parent / "data"
    shutil.rmtree(parent)
