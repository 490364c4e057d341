"""`tocsin worker`: plans and sends; any number of them on one database."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.shared import set_up_django
from tocsin.config.logs import configure_logging
from tocsin.config.processes import end_with, keep_what_is_loaded

app = App(name="worker")


@app.default
def work(*, supervisor: Annotated[int | None, Parameter(show=False)] = None) -> None:
    """Plan and send notifications, until Ctrl-C or SIGTERM; what is being sent is then awaited and recorded."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if supervisor is not None:
        end_with(supervisor)
    configure_logging()
    set_up_django()
    from tocsin.delivery.worker import run  # imports models, which need Django set up

    keep_what_is_loaded()
    run(stop=stop)
