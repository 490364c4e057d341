"""Reads of notification policies."""

from __future__ import annotations

from tocsin.policies.queries.escalations import (
    chains,
    escalation_uses_of_objects,
    existing_escalations,
    policies_with_escalation,
)
from tocsin.policies.queries.policies import (
    PolicyExplanation,
    PolicyView,
    existing_policies,
    explain_policies,
    is_any_enabled,
    is_anybody_reached,
    policies_left_empty,
    policies_naming_integration,
    policy_versions,
    targets_of,
    unmatched_events,
    uses_of_objects,
)
from tocsin.policies.queries.walks import current_walk, matchers

__all__ = [
    "PolicyExplanation",
    "PolicyView",
    "chains",
    "current_walk",
    "escalation_uses_of_objects",
    "existing_escalations",
    "existing_policies",
    "explain_policies",
    "is_any_enabled",
    "is_anybody_reached",
    "matchers",
    "policies_left_empty",
    "policies_naming_integration",
    "policies_with_escalation",
    "policy_versions",
    "targets_of",
    "unmatched_events",
    "uses_of_objects",
]
