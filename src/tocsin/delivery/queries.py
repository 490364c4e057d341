"""Reads of deliveries that other parts share."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.channels.kinds import ROBOT_PLATFORMS, Channel
from tocsin.channels.queries import accounts_by_channel
from tocsin.channels.registry import robot_provider


def carriers() -> tuple[set[Channel], dict[Channel, Sequence[str]]]:
    """The channels that something carries now, and what each robot platform can mention people by."""
    robots = {platform: provider for platform in ROBOT_PLATFORMS if (provider := robot_provider(platform)) is not None}
    mentions_by = {platform: provider.capabilities.mentions_by for platform, provider in robots.items()}
    return set(accounts_by_channel()) | set(robots), mentions_by
