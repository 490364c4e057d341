"""Processes that do not outlive the one that started them, and what makes a long life cheap."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tocsin.config import launch

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 1.0


def ending_with_us(command: Sequence[str | Path], number: signal.Signals, *, uid: int, gid: int) -> list[str]:
    """The command for `subprocess` that runs another's program so that it gets the signal when the thread that
    started it ends (Linux only)."""
    launcher = [sys.executable, "-I", "-S", launch.__file__]
    return [*launcher, *map(str, (os.getpid(), int(number), uid, gid)), *map(str, command)]


def end_with(parent: int) -> None:
    """From now on this process gets SIGTERM when its parent has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def keep_what_is_loaded() -> None:
    """Called when a process has loaded what it works with, which stays: garbage is no longer looked for in it.

    A full look through the modules, models and pages of the console takes 0.1 s and more, in the middle of a request.
    """
    gc.collect()
    gc.freeze()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
