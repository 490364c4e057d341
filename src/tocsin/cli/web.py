"""`tocsin web`: the web server alone; any number of them behind a load balancer."""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Parameter
from django.urls import get_resolver
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from tocsin.cli.shared import PORT, PROCESSES, free_port, set_up_django
from tocsin.config.logs import configure_logging
from tocsin.config.processes import end_with, keep_what_is_loaded

app = App(name="web")

_THREADS = 8
"""Each holds one database connection."""
_STOP_SECONDS = 20


@app.default
def web(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on.", validator=PORT)] = 8000,
    workers: Annotated[int, Parameter(help="Processes.", validator=PROCESSES)] = 1,
    faces: Annotated[str, Parameter(help="Serve only these doors, like public,callbacks,ingest. Default: all.")] = "",
    supervisor: Annotated[int | None, Parameter(show=False)] = None,
) -> None:
    """Run the web server alone, until Ctrl-C or SIGTERM."""
    if supervisor is not None:
        end_with(supervisor)
    else:
        port = free_port(host, port, shares=True)
    configure_logging()
    if faces:
        os.environ["TOCSIN_FACES"] = faces
    set_up_django()  # so that a wrong setting is said once, here
    Granian(
        "tocsin.config.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        workers=workers,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
    ).serve(target_loader=partial(_load_application, os.getpid()), wrap_loader=False)


def _load_application(parent: int) -> Any:
    """Runs in each of the server's processes."""
    end_with(parent)
    configure_logging()
    from tocsin.config.bridge import Bridge
    from tocsin.config.wsgi import application

    get_resolver().url_patterns  # noqa: B018 (loads every page, which the first visitor would wait for)
    keep_what_is_loaded()
    return Bridge(application, threads=_THREADS)
