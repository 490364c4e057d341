"""What people do to alerts, and what is written down of it."""

from __future__ import annotations

from tocsin.alerts.services.acting import (
    StepTakenError,
    assign_alert,
    change_severity,
    claim_alert,
    comment_alert,
    escalate_alert,
    mute_alert,
    reopen_alert,
    resolve_alert,
    unclaim_alert,
    unmute_alert,
)
from tocsin.alerts.services.activities import NewActivity, record_activities
from tocsin.alerts.services.applying import apply_current_policy, apply_policy_to_alert
from tocsin.alerts.services.escalations import save_escalation

__all__ = [
    "NewActivity",
    "StepTakenError",
    "apply_current_policy",
    "apply_policy_to_alert",
    "assign_alert",
    "change_severity",
    "claim_alert",
    "comment_alert",
    "escalate_alert",
    "mute_alert",
    "record_activities",
    "reopen_alert",
    "resolve_alert",
    "save_escalation",
    "unclaim_alert",
    "unmute_alert",
]
