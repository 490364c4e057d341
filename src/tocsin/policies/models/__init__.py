"""Tables of what decides who is told."""

from __future__ import annotations

from tocsin.policies.models.policies import (
    NotificationPolicy,
    PolicyTarget,
    PolicyVersion,
)
from tocsin.policies.models.silences import HiddenEvent, SilencePolicy

__all__ = [
    "HiddenEvent",
    "NotificationPolicy",
    "PolicyTarget",
    "PolicyVersion",
    "SilencePolicy",
]
