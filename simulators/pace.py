"""How often a vendor takes something."""

from __future__ import annotations

from collections.abc import Callable


class Pace:
    """At most `count` in any `seconds`, by `clock`."""

    def __init__(self, count: int, seconds: float, clock: Callable[[], float]) -> None:
        self._count, self._seconds, self._clock = count, seconds, clock
        self._taken: list[float] = []

    def has_room(self) -> bool:
        """Whether one more is taken, which counts then."""
        now = self._clock()
        self._taken = [moment for moment in self._taken if now - moment < self._seconds]
        if len(self._taken) >= self._count:
            return False
        self._taken.append(now)
        return True
