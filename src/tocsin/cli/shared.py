"""What commands share: Django, the database for as long as a command takes, output and exit codes."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import django
import yaml
from cyclopts import Parameter
from cyclopts.validators import Number
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError, connections
from rich.console import Console
from rich.table import Table

from tocsin.config.embedded_postgres import EmbeddedPostgres, FolderInUseError, Layout
from tocsin.config.environment import data_folder, database_url, ensure_secret_key
from tocsin.config.migrations import migrate, one_at_a_time
from tocsin.core.clock import is_keepable, utc_now
from tocsin.core.errors import ConfigurationError, InvalidInputError, TocsinError, first_line

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of a table.")]
PORT = Number(gte=0, lte=65535)
PROCESSES = Number(gte=1, lte=256)

_ADDRESS_FILE = "address"
_PATIENCE_SECONDS = 600.0
_SAY_AFTER_SECONDS = 10.0
_POLL_SECONDS = 0.05
_running = False
_OTHER_TABLES = {
    "42P01": "The database has no tables of this version yet. Run `tocsin migrate`.",
    "42703": "The tables of the database are not those of this version. Run `tocsin migrate` of the newest version.",
}
"""By SQLSTATE: a table, a column that is not there."""
_DISK_ADVICE = {
    errno.ENOSPC: " Make room on that disk; what was stored is there.",
    errno.EDQUOT: " Make room for that user; what was stored is there.",
}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def set_up_django(*, is_first_use: bool = True) -> None:
    """Models may be imported afterwards. The first use of a data folder makes its secret key."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.config.settings")
    if is_first_use:
        ensure_secret_key(data_folder())
    else:  # the help needs none
        os.environ.setdefault("TOCSIN_SECRET_KEY", secrets.token_hex(32))
    django.setup()


def note_address() -> None:
    """Where `serve` is reached, for the links that other commands print."""
    if not database_url():
        (data_folder() / _ADDRESS_FILE).write_text(os.environ["TOCSIN_PUBLIC_URL"] + "\n")


def use_noted_address() -> None:
    """What `serve` noted last, unless TOCSIN_PUBLIC_URL says it."""
    if not database_url() and not os.environ.get("TOCSIN_PUBLIC_URL"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.environ["TOCSIN_PUBLIC_URL"] = (data_folder() / _ADDRESS_FILE).read_text().strip()


def require_installation() -> None:
    """ConfigurationError when nothing was ever begun in the data folder; one that `serve` is making is awaited."""
    layout = Layout(data_folder())
    if not database_url() and layout.major_version is None and not layout.lock.exists():
        raise ConfigurationError(
            f"There is no installation in {layout.folder}. `tocsin serve` or `tocsin migrate` makes one; "
            "TOCSIN_DATA_DIR names another folder."
        )


@contextmanager
def database_running(purpose: str, *, migrates: bool = True) -> Iterator[int]:
    """The database answers inside. While `tocsin serve` runs (or with TOCSIN_DATABASE_URL) it does already; otherwise
    the embedded one is started, brought up to this version (gives how many migrations that took) and stopped again.
    Inside another one it does nothing. `purpose` names the command, for whoever finds the folder in use.
    """
    global _running
    if _running or database_url():
        yield 0
        return
    server = EmbeddedPostgres(data_folder(), purpose=purpose)
    _running = True
    try:
        is_ours = _start_unless_served(server)
        yield migrate() if is_ours and migrates else 0
    finally:
        _running = False
        connections.close_all()
        server.stop()


def _start_unless_served(server: EmbeddedPostgres) -> bool:
    """True when it was started here; False when `serve` runs it. Other commands are waited for: a first migration or a
    large import takes a while.
    """
    begun = time.monotonic()
    is_said = False
    while True:
        try:
            server.start()
        except FolderInUseError as error:
            if error.holder.purpose == "serve" and is_ready(server.layout):
                return False
            waited = time.monotonic() - begun
            if waited > _PATIENCE_SECONDS:
                raise
            if waited > _SAY_AFTER_SECONDS and not is_said:
                sys.stderr.write(f"{error} Waiting for it.\n")
                is_said = True
            time.sleep(_POLL_SECONDS)
        else:
            return True


def migrate_and_prepare(*, is_said: bool = True) -> dict[str, Any]:
    """Brings the database up to this version and makes what a first start needs: how many migrations were `applied`,
    and the `password` of the user `admin` where there was no user yet. With `is_said` it is told how to sign in.
    """
    from tocsin.config.first_start import prepare  # imports models, which need Django set up

    try:
        with one_at_a_time():
            done = {"applied": migrate(), "password": prepare(now=utc_now())}
    finally:
        connections.close_all()
    if done["password"] is None:
        del done["password"]
    elif is_said:
        say(f"Sign in as `admin` with the password {done['password']} (it is shown only this once).")
    return done


def free_port(host: str, port: int, *, shares: bool = False) -> int:
    """The port itself, or a free one for 0. ConfigurationError when it cannot be listened on.

    Asked here because the web server shares ports between its processes, and would share this one with a
    stranger of the same user. `shares`: with another of them it may, such as one that is just ending.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if shares else socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            text = f"Cannot listen on {host} port {port}: {error.strerror}. Choose another --port or --host."
            raise ConfigurationError(text) from error
        chosen: int = probe.getsockname()[1]
        return chosen


def is_ready(layout: Layout) -> bool:
    status = layout.server_status()
    return status is not None and status[1] == "ready"


@contextmanager
def exit_on_expected_errors(code: int = 1) -> Iterator[None]:
    """One line on stderr and this exit code for what a person can act on; the rest is a fault and shows its trace."""
    try:
        yield
    except KeyboardInterrupt:
        fail("Interrupted.", code=130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(code)
    except (TocsinError, ImproperlyConfigured) as error:
        fail(str(error), code=code)
    except PermissionError as error:
        fail(f"{error.filename}: {error.strerror}. Run Tocsin as the user who owns it, or as root.", code=code)
    except OperationalError as error:
        fail(f"The database does not answer: {first_line(error)}", code=code)
    except Exception as error:
        if text := _way_out(error):
            fail(text, code=code)
        if code == 1:  # as Python ends by itself
            raise
        traceback.print_exc()
        sys.exit(code)


def _way_out(error: Exception) -> str:
    """What to do about a disk or a database that is not as it must be; "" for what is a fault of ours."""
    if isinstance(error, ProgrammingError):
        return _OTHER_TABLES.get(getattr(error.__cause__, "sqlstate", None) or "", "")
    if isinstance(error, OSError) and (error.filename or error.errno in _DISK_ADVICE):
        where = f"{error.filename}: " if error.filename else ""
        advice = _DISK_ADVICE.get(error.errno or 0, "")
        path, folder = Path(error.filename or ""), data_folder()
        if not advice and (path.is_relative_to(folder) or folder.is_relative_to(path)):
            advice = " TOCSIN_DATA_DIR names the data folder: choose one that can be written."
        return f"{where}{error.strerror}.{advice}"
    return ""


def fail(text: str, *, code: int = 1) -> NoReturn:
    sys.stderr.write(text.strip() + "\n")
    sys.exit(code)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Mapping[str, str] | None = None) -> None:
    """Rows as a table under headings (`columns`: key to heading, in order; else the keys), or all of them as JSON."""
    if as_json:
        show_json(rows)
        return
    if not rows:
        say("Nothing to show.")
        return
    headings = dict(columns or {key: key.replace("_", " ") for key in rows[0]})
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(key)) for key in headings))
    Console(soft_wrap=False, highlight=False, markup=False).print(table)


def show_json(value: Any) -> None:
    say(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def counted(count: int, one: str, many: str = "") -> str:
    """`1 row` or `2 rows`; `many` where it is not `one` and an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def moment_of(text: str) -> datetime | None:
    """A typed moment, or None for ""; a time without an offset is the installation's. InvalidInputError on `at`."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError({"at": f"Write --at 2026-12-24T18:00, not {text!r}."}) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))
    if not is_keepable(moment):
        raise InvalidInputError({"at": "Choose a moment between the years 2000 and 2200."})
    return moment


def length_of(text: str, field: str) -> timedelta:
    """A typed length of time; InvalidInputError on `field`."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text.strip())
    if match is None:
        raise InvalidInputError({field: f"Write --{field.replace('_', '-')} 30d (m, h, d or w), not {text!r}."})
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def read_yaml(file: Path, load: Callable[[str], Any] = yaml.safe_load) -> Any:
    """InvalidInputError on `file` for what cannot be read."""
    try:
        return load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError({"file": f"{file}: {error.strerror}"}) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError({"file": f"{file} is not YAML: {error}"}) from error
    except RecursionError as error:
        raise InvalidInputError({"file": f"{file} is nested too deeply"}) from error


def _plain(value: Any) -> str:
    """Moments as ISO 8601 writes them, to the second."""
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _plain(value)
