"""Every action of the API, by name."""

from __future__ import annotations

from typing import Any

from tocsin.web.arms import (
    alerts,
    contacts,
    dispatch_rules,
    events,
    groups,
    legacy_contacts,
    on_call,
    policies,
    robots,
    silences,
    webhooks,
)
from tocsin.web.arms.operation import Operation

OPERATIONS: dict[str, Operation[Any]] = {
    operation.name: operation
    for operation in (
        *contacts.OPERATIONS,
        *groups.OPERATIONS,
        *robots.OPERATIONS,
        *webhooks.OPERATIONS,
        *policies.OPERATIONS,
        *silences.OPERATIONS,
        *on_call.OPERATIONS,
        *alerts.OPERATIONS,
        *events.OPERATIONS,
        *legacy_contacts.OPERATIONS,
        *dispatch_rules.OPERATIONS,
    )
}
