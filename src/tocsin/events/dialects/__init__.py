"""What senders post, read as reports: one file for each dialect, and the table of all. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tocsin.events.dialects import alertmanager, arms, cloudevents, grafana, plain
from tocsin.events.dialects.base import Post, Read, UnreadableError


@dataclass(frozen=True, slots=True)
class Dialect:
    """`name` stands in the address. `read` raises UnreadableError when nothing of the body can be read."""

    name: str
    read: Callable[[Post], Read]


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("alertmanager", alertmanager.read),
        Dialect("grafana", grafana.read),
        Dialect("cloudevents", cloudevents.read),
        Dialect("json", plain.read),
    )
}
"""Behind `/integrations/<token>/<dialect>`."""
ARMS = Dialect("arms", arms.read)
"""Behind an address of its own, and all or nothing."""

__all__ = ["ARMS", "DIALECTS", "Dialect", "Post", "Read", "UnreadableError"]
