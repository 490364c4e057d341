"""Dead ends: what would leave an alert untold, found before there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tocsin.core.sentences import Sentence


class DeadEnd(StrEnum):
    """In the order of how much they cost. `docs/coverage.md` explains each."""

    POLICY = "policy"
    """An enabled policy through which nobody can be reached."""
    GROUP = "group"
    SCHEDULE = "schedule"
    UNVERIFIED = "unverified"
    """Told by phone or text message, and the number is not verified."""
    BOUNCING = "bouncing"
    """Told by email, and mail to the address comes back."""
    OUTLET = "outlet"
    """A robot or webhook that did not take the last message."""
    UNPROVED = "unproved"
    """No message to this contact was ever proved to have arrived. Advice: a fire drill mends it."""


ADVICE = frozenset({DeadEnd.UNPROVED})
"""Nothing is broken, as far as one knows."""

TITLES: dict[DeadEnd, Sentence] = {
    DeadEnd.POLICY: Sentence("Policies that reach nobody"),
    DeadEnd.GROUP: Sentence("Contact groups without members"),
    DeadEnd.SCHEDULE: Sentence("On-call schedules with gaps"),
    DeadEnd.UNVERIFIED: Sentence("Told by phone or text message, but not verified"),
    DeadEnd.BOUNCING: Sentence("Told by email, but mail to the address comes back"),
    DeadEnd.OUTLET: Sentence("Robots and webhooks that did not take the last message"),
    DeadEnd.UNPROVED: Sentence("Contacts to whom nothing is proved to have arrived"),
}
CURES: dict[DeadEnd, Sentence] = {
    DeadEnd.POLICY: Sentence("Name somebody who can be reached, or disable the policy."),
    DeadEnd.GROUP: Sentence("Add members, or take the group out of what names it."),
    DeadEnd.SCHEDULE: Sentence("Add a person or a layer: alerts in a gap reach nobody through the schedule."),
    DeadEnd.UNVERIFIED: Sentence("Send the verification again, or choose a channel that reaches them."),
    DeadEnd.BOUNCING: Sentence("Correct the address, or have a fire drill by email confirmed."),
    DeadEnd.OUTLET: Sentence("Send a test; its answer says what is wrong."),
    DeadEnd.UNPROVED: Sentence("Run a fire drill with them."),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to mend. `kind`: of the object (policy, contact, group, schedule, robot, webhook). `since` and `until`
    are a gap's; `failure` is what the last send came to."""

    kind: str
    id: int
    name: str
    since: datetime | None = None
    until: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """`total` counts no further than a limit: `is_more` says that it ended there. `items` are the first by name."""

    dead_end: DeadEnd
    total: int
    items: tuple[Item, ...]
    is_more: bool = False

    @property
    def is_advice(self) -> bool:
        return self.dead_end in ADVICE


def count_broken(sections: Sequence[Section]) -> int:
    """Dead ends that are no mere advice."""
    return sum(section.total for section in sections if not section.is_advice)
