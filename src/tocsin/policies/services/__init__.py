"""Writes of notification policies."""

from __future__ import annotations

from tocsin.policies.services.contents import TypedContent, typed_content_of
from tocsin.policies.services.escalations import StepInput, create_escalation, delete_escalation
from tocsin.policies.services.policies import (
    copy_policy,
    create_policy,
    delete_policy,
    disable_policy,
    enable_policy,
    ensure_catch_all,
    move_policy,
    reorder_policies,
    reorder_shown_policies,
    save_policy,
    shadow_policy,
)

__all__ = [
    "StepInput",
    "TypedContent",
    "copy_policy",
    "create_escalation",
    "create_policy",
    "delete_escalation",
    "delete_policy",
    "disable_policy",
    "enable_policy",
    "ensure_catch_all",
    "move_policy",
    "reorder_policies",
    "reorder_shown_policies",
    "save_policy",
    "shadow_policy",
    "typed_content_of",
]
