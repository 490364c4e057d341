"""The embedded PostgreSQL server: found, started, watched and stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def connection_settings(folder: Path) -> dict[str, Any]:
    """NAME, USER, HOST and PORT of the server that lives in the data folder."""
    return {"NAME": "tocsin", "USER": "tocsin", "HOST": str(folder / "run"), "PORT": "5432"}
