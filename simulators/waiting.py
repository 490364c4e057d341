"""How tests and simulators wait for what comes: nobody guesses how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")


def wait_until(look: Callable[[], _Found | None], *, within: float = 90.0, what: str = "it") -> _Found:
    """What `look` gives once that is something; AssertionError says that `what` did not come in time.

    `within` is long, since it costs nothing: a busy machine is no fault of what is awaited.
    """
    until = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come within {within:g} s")
        time.sleep(0.02)
    return found
