"""Keeps programs running: started again when they end, later each time."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.core.errors import TocsinError

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 30.0
_PROVEN_AFTER = 30.0
_STOP_SECONDS = 30.0


class Service(Protocol):
    """`stop` returns when it has ended; both do nothing when there is nothing to do."""

    def start(self) -> None: ...
    def is_running(self) -> bool: ...
    def stop(self) -> None: ...


class Program:
    """A child process in a session of its own: a Ctrl-C in the terminal reaches only us, who end it in order.

    It has to see for itself that it ends when we do (processes.end_with)."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 (our own commands)
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ask_to_end(self) -> None:
        if self._process is not None and self.is_running():
            self._process.terminate()

    def stop(self) -> None:
        self.ask_to_end()
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                log.warning("%s does not end; killing it", self._command[-1])
                self._process.kill()
                self._process.wait()


@dataclass(slots=True)
class _Watched:
    name: str
    service: Service
    failures: int = 0
    started_at: float = 0.0
    start_at: float | None = None
    """When to start it again; None while it runs."""


class Supervisor:
    """Services in the order in which they start; they stop in the reverse order. Times are monotonic seconds."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._watched = [_Watched(name, service) for name, service in services.items()]

    def start(self) -> None:
        """Starts what does not run yet."""
        for watched in self._watched:
            if not watched.service.is_running():
                watched.service.start()
            watched.started_at = time.monotonic()

    def run(self) -> None:
        """Until an exception (a signal's) comes through."""
        while True:
            now = time.monotonic()
            for watched in self._watched:
                self._tend(watched, now)
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        for watched in self._watched:
            if isinstance(watched.service, Program):
                watched.service.ask_to_end()
        for watched in reversed(self._watched):
            watched.service.stop()

    def _tend(self, watched: _Watched, now: float) -> None:
        if watched.start_at is None:
            if watched.service.is_running():
                return
            if now - watched.started_at > _PROVEN_AFTER:
                watched.failures = 0
            self._put_off(watched, now, "ended")
        elif now >= watched.start_at:
            watched.start_at, watched.started_at = None, now
            try:
                watched.service.start()
            except (TocsinError, OSError) as error:
                self._put_off(watched, now, f"did not start ({error})")

    def _put_off(self, watched: _Watched, now: float, what: str) -> None:
        delay = restart_delay(watched.failures)
        watched.failures += 1
        watched.start_at = now + delay
        log.warning("%s %s; starting it again in %s s", watched.name, what, delay)


def restart_delay(failures: int) -> float:
    """Seconds: 0.25, 0.5, 1, 2... up to 30, after so many failures in a row."""
    return min(_FIRST_DELAY * 2.0 ** min(failures, 16), _LONGEST_DELAY)
