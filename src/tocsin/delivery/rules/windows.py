"""How many messages of one channel a worker takes at once."""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST = 16
LARGEST = 256
_SOON = 0.5
_LATE = 2.0


@dataclass(slots=True)
class Window:
    """About what is sent in a second: a crash leaves no more in doubt, and a slow server keeps no more from others.

    Times are monotonic seconds.
    """

    size: int = SMALLEST
    held: int = 0
    _filled_at: float | None = None

    def room(self) -> int:
        """None before half of it is free: one statement for many is what makes claiming cheap."""
        return self.size - self.held if self.held <= self.size // 2 else 0

    def take(self, count: int, at: float) -> None:
        """Call with what `room` allowed to be taken, and was."""
        is_filled = count > 0 and self.held + count >= self.size
        took = None if self._filled_at is None else at - self._filled_at
        self.held += count
        if is_filled and took is not None and took < _SOON:
            self.size = min(self.size * 2, LARGEST)
        elif took is not None and took > _LATE:
            self.size = max(self.size // 2, SMALLEST)
        self._filled_at = at if is_filled else None

    def give_back(self, count: int) -> None:
        self.held -= count
