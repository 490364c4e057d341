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
    "test_contact": (Scope.CONTACTS_WRITE, MANAGER),
    "remove_chatbot": (Scope.CONTACTS_WRITE, MANAGER),
    "send_verification_texts": (Scope.CONTACTS_WRITE, MANAGER),
    "preview_verification_texts": (Scope.CONTACTS_READ, VIEWER),
    "read_verification": (Scope.CONTACTS_READ, VIEWER),
    "attest_number": (Scope.CONTACTS_WRITE, ADMIN),
    "read_contact_defaults": (Scope.CONTACTS_READ, VIEWER),
    "update_contact_defaults": (Scope.CONTACTS_WRITE, MANAGER),
    "list_contact_groups": (Scope.CONTACTS_READ, VIEWER),
    "create_contact_group": (Scope.CONTACTS_WRITE, MANAGER),
    "read_contact_group": (Scope.CONTACTS_READ, VIEWER),
    "update_contact_group": (Scope.CONTACTS_WRITE, MANAGER),
    "delete_contact_group": (Scope.CONTACTS_WRITE, MANAGER),
    "list_group_members": (Scope.CONTACTS_READ, VIEWER),
    "add_group_members": (Scope.CONTACTS_WRITE, MANAGER),
    "remove_group_members": (Scope.CONTACTS_WRITE, MANAGER),
    "list_robots": (Scope.CONTACTS_READ, VIEWER),
    "create_robot": (Scope.CONTACTS_WRITE, MANAGER),
    "read_robot": (Scope.CONTACTS_READ, VIEWER),
    "update_robot": (Scope.CONTACTS_WRITE, MANAGER),
    "delete_robot": (Scope.CONTACTS_WRITE, MANAGER),
    "test_robot": (Scope.CONTACTS_WRITE, MANAGER),
    "list_webhooks": (Scope.CONTACTS_READ, VIEWER),
    "create_webhook": (Scope.CONTACTS_WRITE, MANAGER),
    "read_webhook": (Scope.CONTACTS_READ, VIEWER),
    "update_webhook": (Scope.CONTACTS_WRITE, MANAGER),
    "delete_webhook": (Scope.CONTACTS_WRITE, MANAGER),
    "test_webhook": (Scope.CONTACTS_WRITE, MANAGER),
    "list_integrations": (Scope.INTEGRATIONS_READ, VIEWER),
    "create_integration": (Scope.INTEGRATIONS_WRITE, MANAGER),
    "read_integration": (Scope.INTEGRATIONS_READ, VIEWER),
    "update_integration": (Scope.INTEGRATIONS_WRITE, MANAGER),
    "delete_integration": (Scope.INTEGRATIONS_WRITE, MANAGER),
    "rotate_integration_token": (Scope.INTEGRATIONS_WRITE, MANAGER),
    "list_provider_accounts": (Scope.ADMIN_READ, ADMIN),
    "list_providers": (Scope.ADMIN_READ, ADMIN),
    "create_provider_account": (Scope.ADMIN_WRITE, ADMIN),
    "read_provider_account": (Scope.ADMIN_READ, ADMIN),
    "update_provider_account": (Scope.ADMIN_WRITE, ADMIN),
    "delete_provider_account": (Scope.ADMIN_WRITE, ADMIN),
    "test_provider_account": (Scope.ADMIN_WRITE, ADMIN),
    "list_tokens": (Scope.ADMIN_READ, ADMIN),
    "create_api_token": (Scope.ADMIN_WRITE, ADMIN),
    "read_token": (Scope.ADMIN_READ, ADMIN),
    "revoke_api_token": (Scope.ADMIN_WRITE, ADMIN),
}
