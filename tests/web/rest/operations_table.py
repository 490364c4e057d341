"""Who may ask which operation of `/api/v1`: the scope that its token needs, and the least role.

test_operations.py asks each of them without a token, with every role and with every scope; it takes the operations from
the API's own description and fails on one that has no row here. What is new for a role needs a reason, not only a row.
"""

from __future__ import annotations

from tocsin.accounts.rules import Role, Scope

VIEWER, RESPONDER, MANAGER, ADMIN = Role

OPERATIONS: dict[str, tuple[Scope, Role]] = {
    "list_contacts": (Scope.CONTACTS_READ, VIEWER),
    "read_contact": (Scope.CONTACTS_READ, VIEWER),
    "create_contact": (Scope.CONTACTS_WRITE, MANAGER),
    "sync_many_contacts": (Scope.CONTACTS_WRITE, MANAGER),
    "put_contact_by_external_id": (Scope.CONTACTS_WRITE, MANAGER),
    "update_contact": (Scope.CONTACTS_WRITE, MANAGER),
    "delete_contact": (Scope.CONTACTS_WRITE, MANAGER),
    "delete_contacts": (Scope.CONTACTS_WRITE, MANAGER),
}
