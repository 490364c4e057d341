"""A changed escalation policy acts at once: alerts that escalate by it are decided anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.core.actors import Actor
from tocsin.events.retrying import retried
from tocsin.events.statements import run
from tocsin.policies.models import EscalationPolicy
from tocsin.policies.services.escalations import StepInput, write_escalation

_MAKE_DUE = """
UPDATE alerts_alert a SET due_at = %(now)s
FROM (SELECT o.id FROM alerts_alert o JOIN policies_policyversion v ON v.id = o.policy_version_id
      WHERE v.escalation_id = %(escalation)s AND o.resolved_at IS NULL AND o.notified_at IS NOT NULL
      ORDER BY o.id FOR NO KEY UPDATE OF o) open
WHERE a.id = open.id
"""


@retried
def save_escalation(
    *,
    by: Actor,
    now: datetime,
    escalation_id: int,
    version: int | None = None,
    name: str,
    steps: Sequence[StepInput],
    rounds: int = 1,
    claim_minutes: int = 0,
) -> EscalationPolicy:
    """Replaces the whole. Open alerts go on with what is saved; steps whose time is past are not taken again."""
    policy = write_escalation(
        by=by, now=now, escalation_id=escalation_id, version=version, name=name, steps=steps, rounds=rounds,
        claim_minutes=claim_minutes,
    )  # fmt: skip
    run(_MAKE_DUE, {"now": now, "escalation": escalation_id})
    return policy
