"""Processes that do not outlive the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 1.0
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def ends_with_parent(parent: int, number: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the kernel sends the child this signal when the thread that started it ends. Only Linux has
    this; elsewhere a program that is not ours is left over, and whoever starts it next must end it.
    """

    def ask_kernel() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(number))
            if os.getppid() != parent:  # it died before the kernel was asked
                os.kill(os.getpid(), signal.SIGKILL)

    return ask_kernel


def end_with(parent: int) -> None:
    """From now on this process gets SIGTERM when its parent has ended."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
