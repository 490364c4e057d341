"""Writes of notification policies."""

from __future__ import annotations

from tocsin.policies.services.policies import (
    GROUP_INTERVAL,
    GROUP_WAIT,
    TypedRules,
    TypedTargets,
    copy_policy,
    create_policy,
    delete_policy,
    disable_policy,
    enable_policy,
    ensure_catch_all,
    save_policy,
)

__all__ = [
    "GROUP_INTERVAL",
    "GROUP_WAIT",
    "TypedRules",
    "TypedTargets",
    "copy_policy",
    "create_policy",
    "delete_policy",
    "disable_policy",
    "enable_policy",
    "ensure_catch_all",
    "save_policy",
]
