"""100,000 contacts out of a CSV file by `tocsin contacts import`: new ones, the same file again, every address changed;
beside a bare COPY of the same contacts into a table like theirs, with its indexes and constraints.

The command's time is all of it: its start, reading, checking, writing, audit entries.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks.figures import Figure
from benchmarks.ingest import tocsin
from tocsin.config.embedded_postgres import connection_settings

_ROWS = 100_000
_GROUPS = 200
_LIKE = "CREATE TABLE bare (LIKE contacts_contact INCLUDING ALL)"
_COPY = (
    "COPY bare (id, name, phone, email, fallback, user_id, dingtalk_user_id, lark_user_id, wecom_user_id, language, "
    "time_zone, legacy_chatbot_url, external_id, created_at, updated_at, version) FROM STDIN"
)


def main() -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        data = folder / "data"
        stack.enter_context(tocsin(data))
        bare = _bare(data)
        figures = []
        for what, mail in (("new", "example.org"), ("the same file again", "example.org"), ("changed", "example.com")):
            seconds = _imported(data, _file(folder / "people.csv", mail))
            found = f"{seconds:.0f} s, {seconds / bare:.1f} times a bare COPY ({bare:.1f} s)"
            print(f"  import of {_ROWS:,} contacts, {what}: {found}", flush=True)
            figures.append(Figure(f"`tocsin contacts import` of {_ROWS:,} contacts, {what}", found, "60 s"))
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return [*figures, Figure("most memory of an import", f"{most} MiB")]


def _file(path: Path, mail: str) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["external_id", "name", "phone", "email", "groups", "language"])
        for number in range(_ROWS):
            group = f"Team {number % _GROUPS}"
            writer.writerow([f"E-{number}", f"人员 {number}", _phone(number), f"p{number}@{mail}", group, "zh-hans"])
    return path


def _phone(number: int) -> str:
    return f"+86138{number:08d}"


def _imported(data: Path, path: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    command = [sys.executable, "-m", "tocsin.cli", "contacts", "import", str(path), "--create-groups"]
    began = time.monotonic()
    subprocess.run(command, check=True, env={**environment, "TOCSIN_DATA_DIR": str(data)}, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def _bare(data: Path) -> float:
    settings = connection_settings(data)
    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"], dbname=settings["NAME"], autocommit=True
    ) as connection:
        connection.execute(_LIKE)
        began = time.monotonic()
        with connection.cursor().copy(_COPY) as copy:
            for number in range(_ROWS):
                at = "2026-11-23 12:00+00"
                copy.write_row(
                    [number, f"人员 {number}", _phone(number), f"p{number}@example.org", "default", "", "", "", "",
                     "zh-hans", "", "", f"E-{number}", at, at, 1]
                )  # fmt: skip
        seconds = time.monotonic() - began
        connection.execute("DROP TABLE bare")
    return seconds
