"""Tables of what decides who is told."""

from __future__ import annotations

from tocsin.policies.models.policies import (
    NotificationPolicy,
    PolicyTarget,
    PolicyVersion,
)

__all__ = [
    "NotificationPolicy",
    "PolicyTarget",
    "PolicyVersion",
]
