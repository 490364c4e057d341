"""One transaction, again when PostgreSQL ended it in favour of another one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_TRIES = 6
_FIRST_PAUSE = 0.005
_LOST_TO_ANOTHER = frozenset({"40P01", "40001"})  # deadlock, serialization failure


def in_transaction(work: Callable[[], _Result]) -> _Result:
    """What `work` returns, committed. `work` may run several times, so it must leave no trace outside the database.

    Inside a caller's transaction it runs once: only the outermost one can be begun again.
    """
    is_outermost = not connection.in_atomic_block
    for attempt in range(1, _TRIES + 1):
        try:
            with transaction.atomic():
                return work()
        except OperationalError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state not in _LOST_TO_ANOTHER or not is_outermost or attempt == _TRIES:
                raise
        time.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))
    raise AssertionError("the last try returns or raises")


def retried(service: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A function whose whole work is one `in_transaction`."""

    @wraps(service)
    def run(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        return in_transaction(partial(service, *args, **kwargs))

    return run
