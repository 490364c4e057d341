"""`tocsin serve`: the database, the web server and the worker on one machine."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.shared import PORT, PROCESSES, free_port, migrate_and_prepare, note_address, say, set_up_django
from tocsin.config.embedded_postgres import EmbeddedPostgres
from tocsin.config.environment import data_folder, database_url, ensure_secret_key
from tocsin.config.logs import configure_logging
from tocsin.config.supervisor import Program, Service, Supervisor

app = App(name="serve")

_ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 (told apart, not listened on)
_HOST_HELP = "Address to listen on; 0.0.0.0 for all. Put a proxy with TLS before what others can reach."
_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.05


class _Ended(BaseException):
    """A signal asked us to end."""


@app.default
def serve(
    *,
    host: Annotated[str, Parameter(help=_HOST_HELP)] = "127.0.0.1",
    port: Annotated[int, Parameter(help="0 takes a free one.", validator=PORT)] = 8000,
    data_dir: Annotated[Path | None, Parameter(help="Default: TOCSIN_DATA_DIR, else the user's data folder.")] = None,
    workers: Annotated[int, Parameter(help="Web processes.", validator=PROCESSES)] = 1,
) -> None:
    """Run the database, the web server and the worker on this machine, until Ctrl-C."""
    configure_logging()
    if data_dir is not None:
        os.environ["TOCSIN_DATA_DIR"] = str(data_dir.expanduser().absolute())
    port = free_port(host, port)
    url = _local_url(host, port)
    os.environ["TOCSIN_PUBLIC_URL"] = os.environ.get("TOCSIN_PUBLIC_URL") or url
    with ExitStack() as stack:
        try:
            stack.enter_context(_ending_by_signal())
            services: dict[str, Service] = {}
            if not database_url():
                ensure_secret_key(data_folder())  # before the database, which is of no use without it
                services["database"] = _start_database(stack)
            set_up_django()
            migrate_and_prepare()
            note_address()
            me = str(os.getpid())
            ours = [sys.executable, "-m", "tocsin.cli"]
            services["web"] = Program(
                [*ours, "web", "--host", host, "--port", str(port), "--workers", str(workers), "--supervisor", me],
                os.environ,
            )
            services["worker"] = Program([*ours, "worker", "--supervisor", me], os.environ)
            supervisor = Supervisor(services)
            stack.callback(supervisor.stop)
            supervisor.start()
            _await_port(url, host, port)
            _greet(url)
            supervisor.run()
        except _Ended:
            say("Ending.")


def _start_database(stack: ExitStack) -> EmbeddedPostgres:
    """A command that has it started ends soon; another `serve` does not, and is refused at once."""
    database = EmbeddedPostgres(data_folder(), purpose="serve")
    stack.callback(database.stop)
    database.start(patience=_PATIENCE_SECONDS)
    return database


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    """Raises _Ended at the first SIGINT, SIGTERM or SIGHUP (not under nohup); later ones do not disturb the ending."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)

    def end(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise _Ended

    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _local_url(host: str, port: int) -> str:
    name = "127.0.0.1" if host in _ANY_ADDRESS else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _await_port(url: str, host: str, port: int) -> None:
    """Returns when it is listened on, or after ten seconds: the supervisor then says what is wrong."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    address = "127.0.0.1" if host in _ANY_ADDRESS[:1] else host
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            time.sleep(_POLL_SECONDS)
        else:
            return


def _greet(url: str) -> None:
    where = "database of TOCSIN_DATABASE_URL" if database_url() else f"data in {data_folder()}"
    say(f"Tocsin is at {url} ({where}). Ctrl-C ends it.")
