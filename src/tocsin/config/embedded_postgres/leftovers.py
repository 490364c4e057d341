"""Ends what a killed predecessor left running on a database. The caller holds the folder's lock."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable

import psutil

from tocsin.config.embedded_postgres.layout import Layout
from tocsin.core.errors import ConfigurationError

_FAST_SECONDS = 60
_IMMEDIATE_SECONDS = 10
_POLL_SECONDS = 0.02


def end_leftovers(layout: Layout, *, fast: float = _FAST_SECONDS, immediate: float = _IMMEDIATE_SECONDS) -> None:
    """Afterwards no process uses the database, and no stale file keeps a new server from starting.

    PostgreSQL itself would take any living process of the same user with a stale file's number for its predecessor.
    `fast` and `immediate`: seconds that it has to end in either of PostgreSQL's ways.
    """
    if layout.pid_file.exists():
        _end(layout, fast, immediate)
    layout.pid_file.unlink(missing_ok=True)
    for path in layout.socket_folder.glob(".s.PGSQL.*"):
        path.unlink()


def _end(layout: Layout, fast: float, immediate: float) -> None:
    servers, others = _processes(layout)
    _signal(servers, signal.SIGINT)
    _wait(servers, fast)
    _signal(servers, signal.SIGQUIT)
    _wait([*servers, *others], immediate)
    servers, others = _processes(layout)
    _signal([*servers, *others], signal.SIGKILL)
    alive = _wait([*servers, *others], _IMMEDIATE_SECONDS)
    if alive:
        raise ConfigurationError(
            f"Process {alive[0].pid} still uses the database in {layout.data} and does not end. End it, then try again."
        )


def _processes(layout: Layout) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """The server (the one that was told the folder) and its other processes (which carry its name in their title)."""
    servers, others = [], []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if not words:
            continue
        if os.path.basename(words[0]) == "postgres" and str(layout.data) in words:
            servers.append(process)
        elif " ".join(words).startswith(f"postgres: {layout.cluster_name}: "):
            others.append(process)
    return servers, others


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that live after so long. Zombies do not: in many containers nobody collects them."""
    deadline = time.monotonic() + seconds
    while alive := [process for process in processes if _is_alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
