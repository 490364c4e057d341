"""Which channels a policy uses for how bad an alert. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.channels.kinds import ROBOT_PLATFORMS, Channel
from tocsin.core.errors import InvalidInputError
from tocsin.core.sentences import Sentence

ROBOTS = "robots"
LIMITED = (Channel.PHONE.value, Channel.SMS.value, Channel.EMAIL.value, ROBOTS, Channel.WEBHOOK.value)
"""What can be kept for severe alerts; chatbots of every platform together."""
_MILDEST = 6
_NO_CHANNEL = Sentence("There is no channel %(channel)s.")
_NO_SEVERITY = Sentence("A severity is a number from 1 (P1) to 6 (P6).")


def parse_limits(typed: Mapping[str, Any]) -> dict[str, int]:
    """Channel -> the mildest severity that uses it; what is used for all is left out. InvalidInputError on
    `severity_limits`.
    """
    limits = {}
    for channel, severity in typed.items():
        if channel not in LIMITED:
            raise InvalidInputError({"severity_limits": _NO_CHANNEL % {"channel": str(channel)[:64]}})
        if severity not in range(1, _MILDEST + 1) or isinstance(severity, bool):
            raise InvalidInputError({"severity_limits": _NO_SEVERITY})
        if severity < _MILDEST:
            limits[str(channel)] = int(severity)
    return {channel: limits[channel] for channel in LIMITED if channel in limits}


def is_used(limits: Mapping[str, int], channel: Channel, severity: int) -> bool:
    """Whether an alert of this severity is told over the channel."""
    key = ROBOTS if channel in ROBOT_PLATFORMS else channel.value
    return severity <= limits.get(key, _MILDEST)
