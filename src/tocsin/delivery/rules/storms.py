"""How much one person is told in a while: storms become one message, and calls and texts have a cap an hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

STORM_FROM = 5
"""So many messages that are due at once to one recipient over one channel become one."""
BREATH = timedelta(minutes=1)
"""After a message that stands for a storm, what comes next is gathered for so long."""
CAP_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a recipient got over a channel in the hour that began at `began_at`. `rests_until`: after a storm."""

    began_at: datetime
    sent: int = 0
    rests_until: datetime | None = None

    def at(self, now: datetime) -> Allowance:
        """A new hour begins with the first message after the last one's end."""
        return replace(self, began_at=now, sent=0) if now >= self.ends_at else self

    @property
    def ends_at(self) -> datetime:
        return self.began_at + CAP_WINDOW

    def rests(self, now: datetime) -> datetime | None:
        return self.rests_until if self.rests_until is not None and self.rests_until > now else None

    def room(self, cap: int, now: datetime) -> int | None:
        """How many more may go now; None where there is no cap."""
        return max(cap - self.at(now).sent, 0) if cap else None

    def after(self, count: int, now: datetime, *, is_storm: bool) -> Allowance:
        current = self.at(now)
        rests_until = now + BREATH if is_storm else current.rests_until
        return replace(current, sent=current.sent + count, rests_until=rests_until)

    def reaches(self, count: int, cap: int, now: datetime) -> bool:
        """Whether these are the ones that use the hour up, which is said once."""
        before = self.at(now).sent
        return bool(cap) and before < cap <= before + count
