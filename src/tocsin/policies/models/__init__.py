"""Tables of what decides who is told."""

from __future__ import annotations

from tocsin.policies.models.escalations import EscalationPolicy, EscalationStep, EscalationTarget
from tocsin.policies.models.inhibitions import Inhibition, InhibitionMember
from tocsin.policies.models.policies import (
    LAST_POSITION,
    NotificationPolicy,
    PolicyTarget,
    PolicyVersion,
)
from tocsin.policies.models.rulebook import Rulebook
from tocsin.policies.models.silences import HiddenEvent, SilencePolicy

__all__ = [
    "LAST_POSITION",
    "EscalationPolicy",
    "EscalationStep",
    "EscalationTarget",
    "HiddenEvent",
    "Inhibition",
    "InhibitionMember",
    "NotificationPolicy",
    "PolicyTarget",
    "PolicyVersion",
    "Rulebook",
    "SilencePolicy",
]
