"""What the tests ask of processes: who lives, and the database of a data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tocsin.config.embedded_postgres import connection_settings

IS_ROOT = os.geteuid() == 0
"""Root's database runs as another user; everybody else's as themselves."""


def is_alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def connect(folder: Path, **options: Any) -> psycopg.Connection:
    """As Tocsin does, to the embedded server of a data folder."""
    settings = connection_settings(folder)
    return psycopg.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        user=settings["USER"],
        dbname=settings["NAME"],
        autocommit=True,
        **{**settings["OPTIONS"], **options},
    )
