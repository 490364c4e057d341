"""Reads of notification policies."""

from __future__ import annotations

from tocsin.policies.queries.policies import (
    PolicyExplanation,
    PolicyView,
    active_policies,
    existing_policies,
    explain_policies,
    is_anybody_reached,
    policies_left_empty,
    policies_naming_integration,
    policy_versions,
    unmatched_events,
    uses_of_objects,
)

__all__ = [
    "PolicyExplanation",
    "PolicyView",
    "active_policies",
    "existing_policies",
    "explain_policies",
    "is_anybody_reached",
    "policies_left_empty",
    "policies_naming_integration",
    "policy_versions",
    "unmatched_events",
    "uses_of_objects",
]
