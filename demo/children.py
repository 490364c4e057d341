"""Programs that the demo starts: each ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

from demo.errors import DemoError, NotInTimeError
from tocsin.config.processes import ending_with_us

T = TypeVar("T")

_POLL_SECONDS = 0.1
_LOG_LINES = 12


class Child:
    """A program that writes into a log file; running inside `with`.

    In a session of its own: a Ctrl-C reaches the demo alone, which ends everything in order.
    """

    def __init__(self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> None:
        self._name, self._command, self._log, self._environment = name, list(command), log, dict(environment)

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own commands)
                ending_with_us(self._command, signal.SIGTERM, uid=os.getuid(), gid=os.getgid()),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def check(self) -> None:
        """DemoError with the program's last words when it has ended."""
        if self._process.poll() is not None:
            raise DemoError(f"{self._name} ended by itself. {self._last_words}")

    def wait_for(self, look: Callable[[], T | None], *, what: str, within: float) -> T:
        """What `look` gives once that is something; DemoError when it is not in time."""
        try:
            return wait_for(look, what=what, within=within, check=self.check)
        except NotInTimeError as error:
            raise DemoError(f"{error} {self._last_words}") from error

    @property
    def _last_words(self) -> str:
        lines = self.output.splitlines()[-_LOG_LINES:]
        return "\n".join([f"{self._name} said last:", *lines]) if lines else ""


def wait_for(look: Callable[[], T | None], *, what: str, within: float, check: Callable[[], None] = lambda: None) -> T:
    """Looks again and again, for `within` seconds; "" and [] are nothing yet."""
    until = time.monotonic() + within
    while not (found := look()):
        check()
        if time.monotonic() > until:
            raise NotInTimeError(f"{what} did not come within {within:g} seconds.")
        time.sleep(_POLL_SECONDS)
    return found
