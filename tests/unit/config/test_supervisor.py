"""The supervisor: what ends is started again, later each time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from simulators.waiting import wait_until
from tocsin.config.supervisor import Program, Supervisor, restart_delay
from tocsin.core.errors import ConfigurationError


class Enough(Exception):
    """Ends the supervisor's loop, as a signal does."""


class Failing:
    """Ends at once, and at the third start says that it cannot."""

    def __init__(self) -> None:
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        if self.starts == 3:
            raise ConfigurationError("the disk is full")
        if self.starts == 4:
            raise Enough

    def is_running(self) -> bool:
        return False

    def stop(self) -> None:
        pass


def test_the_delay_doubles_up_to_half_a_minute() -> None:
    assert [restart_delay(failures) for failures in (0, 1, 2, 3, 6, 7, 8, 1000)] == [0.25, 0.5, 1, 2, 16, 30, 30, 30]


def test_what_ends_or_does_not_start_is_tried_again_later_each_time(caplog: pytest.LogCaptureFixture) -> None:
    service = Failing()
    supervisor = Supervisor({"database": service})
    supervisor.start()

    with pytest.raises(Enough):
        supervisor.run()

    assert caplog.messages == [
        "database ended; starting it again in 0.25 s",
        "database ended; starting it again in 0.5 s",
        "database did not start (the disk is full); starting it again in 1.0 s",
    ]


def test_a_program_is_asked_to_end_and_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(log)!r}, 'a').write(sys.argv[1] + '\\n')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(log)!r}, 'a').write('ready\\n')\n"
        "time.sleep(60)\n"
    )
    web = Program([sys.executable, "-c", script, "web"], os.environ)
    supervisor = Supervisor({"web": web})
    supervisor.start()
    wait_until(lambda: log.exists() and log.read_text() == "ready\n")

    supervisor.stop()

    assert log.read_text() == "ready\nweb\n"
    assert not web.is_running()
