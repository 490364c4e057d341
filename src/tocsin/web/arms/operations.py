"""Every action of the API, by name."""

from __future__ import annotations

from typing import Any

from tocsin.web.arms import contacts, groups, legacy_contacts, robots, webhooks
from tocsin.web.arms.operation import Operation

OPERATIONS: dict[str, Operation[Any]] = {
    operation.name: operation
    for operation in (
        *contacts.OPERATIONS,
        *groups.OPERATIONS,
        *robots.OPERATIONS,
        *webhooks.OPERATIONS,
        *legacy_contacts.OPERATIONS,
    )
}
