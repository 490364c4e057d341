"""What the console can do, and the operations of `/api/v1` that do it; or why only the console does.

test_operations.py fails on an address, a table or an action of roles_table.py that has no row here, so whoever adds
something to the console says what a program does instead. docs/api/rest.md has the reasons for readers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OnlyThere:
    """Nothing for programs."""

    why: str


NO_TOKEN_IS_A_PERSON = OnlyThere("proves who a person is")
WHOSE_SIGN_IN = OnlyThere("belongs to whoever is signed in")
AID = OnlyThere("helps while typing; what is saved wrongly is refused with the reason")
PART_OF_A_PAGE = OnlyThere("a piece of a page that an operation answers as a whole")
SIMULATED = OnlyThere("a simulation; `tocsin outbox` does it")

OWN = ("console/login/", "console/logout/", "console/password_change/", "console/account/", "console/language/",
       "console/my-contact/")  # fmt: skip
"""Addresses under these are about signing in and oneself: NO_TOKEN_IS_A_PERSON or WHOSE_SIGN_IN."""

Instead = tuple[str, ...] | OnlyThere
"""Operations, or why there are none."""

TABLES: dict[str, Instead] = {
    "alerts/alert": ("list_alerts", "read_alert", "read_timeline"),
    "events/event": ("list_events",),
    "policies/notificationpolicy": (
        "list_policies", "read_policy", "create_policy", "update_policy", "delete_policy", "list_policy_shortfalls",
    ),
    "policies/escalationpolicy": (
        "list_escalation_policies", "read_escalation_policy", "create_escalation_policy", "update_escalation_policy",
        "delete_escalation_policy",
    ),
    "policies/silencepolicy": ("list_silences", "read_silence", "create_silence", "update_silence", "delete_silence"),
    "policies/inhibition": (
        "list_inhibitions", "read_inhibition", "create_inhibition", "update_inhibition", "delete_inhibition",
    ),
    "oncall/schedule": ("list_schedules", "read_schedule", "create_schedule", "update_schedule", "delete_schedule"),
    "contacts/contact": ("list_contacts", "read_contact", "create_contact", "update_contact", "delete_contact"),
    "contacts/contactgroup": (
        "list_contact_groups", "read_contact_group", "create_contact_group", "update_contact_group",
        "delete_contact_group", "list_group_members", "add_group_members",
    ),
    "contacts/robot": ("list_robots", "read_robot", "create_robot", "update_robot", "delete_robot"),
    "contacts/webhook": ("list_webhooks", "read_webhook", "create_webhook", "update_webhook", "delete_webhook"),
    "delivery/lifecyclesubscription": (
        "list_subscriptions", "read_subscription", "create_subscription", "update_subscription",
        "delete_subscription", "list_subscription_notices",
    ),
    "events/integration": (
        "list_integrations", "read_integration", "create_integration", "update_integration", "delete_integration",
    ),
    "delivery/delivery": ("list_deliveries", "read_delivery"),
    "channels/provideraccount": (
        "list_provider_accounts", "read_provider_account", "create_provider_account", "update_provider_account",
        "delete_provider_account", "list_providers",
    ),
    "accounts/user": ("list_users", "read_user", "create_user", "update_user"),
    "accounts/apitoken": ("list_tokens", "read_token", "create_api_token"),
    "accounts/accesskey": ("list_access_keys", "read_access_key", "create_access_key"),
    "auditlog/logentry": ("list_audit_entries", "read_audit_entry"),
}  # fmt: skip

ADDRESSES: dict[str, Instead] = {
    "console/": PART_OF_A_PAGE,
    "console/search/": AID,
    "console/autocomplete/": AID,
    "console/jsi18n/": AID,
    "console/r/<path:content_type_id>/<path:object_id>/": AID,
    "console/^(?P<app_label>{apps})/$": AID,
    "console/(?P<url>.*)$": AID,
    "console/help/": AID,
    "console/picker/": AID,
    "console/first-run/hide/": OnlyThere("hides a page's checklist"),
    "console/first-run/<slug:name>/aside/": OnlyThere("a line of a page's checklist"),
    "console/first-run/<slug:name>/use/": OnlyThere("a line of a page's checklist"),
    "console/explain/": ("explain_labels",),
    "console/coverage/": ("read_coverage",),
    "console/drills/": ("list_drills",),
    "console/drills/new/": ("start_fire_drill",),
    "console/drills/<int:drill_id>/": ("read_drill",),
    "console/contact-imports/": ("list_contact_imports", "upload_contacts"),
    "console/contact-imports/template.<slug:format>": AID,
    "console/contact-imports/<int:import_id>/": ("read_contact_import", "list_import_rows"),
    "console/contact-imports/<int:import_id>/live/": ("read_contact_import",),
    "console/contact-imports/<int:import_id>/start/": ("start_contact_import",),
    "console/contact-imports/<int:import_id>/cancel/": ("cancel_contact_import",),
    "console/contact-imports/<int:import_id>/refused/": ("list_import_rows",),
    "console/contact-export/": ("export_all_contacts",),
    "console/outbox/": ("list_deliveries",),
    "console/outbox/<int:delivery_id>/<slug:answer>/": SIMULATED,
    "console/alerts/alert/<int:alert_id>/claim/": ("claim_alert",),
    "console/alerts/alert/<int:alert_id>/unclaim/": ("unclaim_alert",),
    "console/alerts/alert/<int:alert_id>/resolve/": ("resolve_alert",),
    "console/alerts/alert/<int:alert_id>/apply/": ("apply_policy_to_alert",),
    "console/alerts/alert/<int:alert_id>/comment/": ("comment_alert",),
    "console/alerts/alert/<int:alert_id>/reopen/": ("reopen_alert",),
    "console/alerts/alert/<int:alert_id>/unmute/": ("unmute_alert",),
    "console/alerts/alert/<int:alert_id>/claim-for/": ("claim_alert",),
    "console/alerts/alert/<int:alert_id>/assign/": ("assign_alert",),
    "console/alerts/alert/<int:alert_id>/severity/": ("change_alert_severity",),
    "console/alerts/alert/<int:alert_id>/mute/": ("mute_alert",),
    "console/alerts/alert/<int:alert_id>/escalate/": ("escalate_alert",),
    "console/alerts/alert/<int:alert_id>/live/": ("read_timeline",),
    "console/events/event/<path:object_id>/explain_event/": ("explain_labels",),
    "console/events/event/<path:object_id>/policy/": ("create_policy",),
    "console/events/event/<path:object_id>/silence/": ("create_silence",),
    "console/policies/notificationpolicy/match/": AID,
    "console/policies/notificationpolicy/labels/": AID,
    "console/policies/notificationpolicy/template/": AID,
    "console/policies/notificationpolicy/reach/": ("list_policy_shortfalls",),
    "console/policies/notificationpolicy/<int:policy_id>/in-shadow/": ("read_shadow_report",),
    "console/policies/notificationpolicy/<path:object_id>/shadow-report/": ("read_shadow_report",),
    "console/policies/notificationpolicy/<path:object_id>/shadow/": ("shadow_policy",),
    "console/policies/notificationpolicy/<path:object_id>/apply/": ("apply_policy",),
    "console/policies/notificationpolicy/order/": ("reorder_policies",),
    "console/policies/notificationpolicy/<int:policy_id>/up/": ("reorder_policies",),
    "console/policies/notificationpolicy/<int:policy_id>/down/": ("reorder_policies",),
    "console/policies/notificationpolicy/<path:object_id>/enable/": ("enable_policy",),
    "console/policies/notificationpolicy/<path:object_id>/disable/": ("disable_policy",),
    "console/policies/notificationpolicy/<path:object_id>/copy/": ("copy_policy",),
    "console/policies/silencepolicy/quick/": ("create_silence",),
    "console/policies/silencepolicy/<path:object_id>/end/": ("end_silence",),
    "console/policies/silencepolicy/<path:object_id>/enable/": ("update_silence",),
    "console/oncall/schedule/<path:object_id>/page/": ("list_shifts", "read_on_duty", "list_substitutes"),
    "console/oncall/schedule/<path:object_id>/substitute/": ("create_substitute",),
    "console/oncall/schedule/<path:object_id>/substitutes/<int:substitute_id>/end/": ("end_substitute",),
    "console/oncall/schedule/<path:object_id>/check-in/<int:handover_id>/": ("check_in_to_schedule",),
    "console/oncall/schedule/<path:object_id>/feed/": ("renew_schedule_feed", "remove_schedule_feed"),
    "console/contacts/contact/defaults/": ("read_contact_defaults", "update_contact_defaults"),
    "console/contacts/contact/<path:object_id>/overview/": ("read_contact", "read_verification", "list_deliveries"),
    "console/contacts/contact/<path:object_id>/reveal/": ("read_contact",),
    "console/contacts/contact/<path:object_id>/remove-from-group/": ("remove_group_members",),
    "console/contacts/contact/<path:object_id>/verify/": ("send_verification_texts", "preview_verification_texts"),
    "console/contacts/contact/<path:object_id>/call/": ("send_verification_texts",),
    "console/contacts/contact/<path:object_id>/attest/": ("attest_number",),
    "console/contacts/contact/<path:object_id>/test/": ("test_contact",),
    "console/contacts/contact/<path:object_id>/remove-chatbot/": ("remove_chatbot",),
    "console/contacts/contact/<path:object_id>/link/": ("send_personal_links", "preview_personal_links"),
    "console/contacts/contact/<path:object_id>/revoke-links/": ("revoke_links_of_contact",),
    "console/contacts/contact/<path:object_id>/user-id/": ("list_directories", "look_up_ids_in_directory"),
    "console/contacts/contact/<path:object_id>/sign-in/": ("link_user_to_contact",),
    "console/contacts/robot/<path:object_id>/test/": ("test_robot",),
    "console/contacts/robot/<path:object_id>/daily/": ("update_robot",),
    "console/contacts/webhook/<path:object_id>/test/": ("test_webhook",),
    "console/delivery/lifecyclesubscription/<path:object_id>/test/": ("test_subscription",),
    "console/events/integration/<path:object_id>/new-token/": ("rotate_integration_token",),
    "console/events/integration/<path:object_id>/mapping/": ("update_integration",),
    "console/events/integration/<path:object_id>/test-event/": ("send_integration_test_event",),
    "console/events/integration/<int:integration_id>/live/": ("read_integration", "list_events"),
    "console/channels/provideraccount/<path:object_id>/test/": ("test_provider_account",),
    "console/channels/provideraccount/caps/": ("read_person_caps", "update_person_caps"),
    "console/accounts/user/<path:object_id>/new-password/": NO_TOKEN_IS_A_PERSON,
    "console/accounts/user/<path:object_id>/reset-second-factor/": NO_TOKEN_IS_A_PERSON,
    "console/accounts/user/<path:object_id>/sessions/": NO_TOKEN_IS_A_PERSON,
    "console/accounts/apitoken/<path:object_id>/revoke/": ("revoke_api_token",),
    "console/accounts/accesskey/<path:object_id>/disable/": ("disable_access_key",),
    "console/accounts/accesskey/<path:object_id>/enable/": ("enable_access_key",),
}

ACTIONS: dict[str, Instead] = {
    "claim_selected": ("claim_alert",),
    "resolve_selected": ("resolve_alert",),
    "mute_selected": ("mute_alert",),
    "delete_selected": OnlyThere("each table has its deletion; contacts also `delete_contacts`"),
    "verify_numbers": ("send_verification_texts",),
    "send_links": ("send_personal_links",),
    "look_up_ids": ("look_up_ids_in_directory",),
    "drill_selected": ("start_fire_drill",),
    "remove_selected": ("remove_group_members",),
    "export_selected": ("export_all_contacts",),
}
