"""Writes of contacts, groups, robots, their defaults and what is known of them."""

from __future__ import annotations

from tocsin.contacts.services.defaults import set_default_fallback
from tocsin.contacts.services.directory import (
    MOST_LOOKED_UP,
    Known,
    LookedUp,
    LookUp,
    fill_in_user_ids,
    look_up_user_ids,
)
from tocsin.contacts.services.exchanging import Had, make_way_for
from tocsin.contacts.services.groups import add_members, create_group, delete_groups, remove_members, update_group
from tocsin.contacts.services.limits import count_request, forget_requests, uncount_request
from tocsin.contacts.services.outlets import OutletReach, record_outlet_reach
from tocsin.contacts.services.people import (
    ContactChange,
    ContactChanges,
    ContactOptions,
    create_contact,
    delete_contacts,
    import_contact,
    remove_legacy_chatbot,
    update_contact,
)
from tocsin.contacts.services.personal_links import (
    IssuedLink,
    Opened,
    close_personal_session,
    issue_personal_links,
    keep_personal_session,
    masked_address,
    open_personal_link,
    revoke_personal_links,
)
from tocsin.contacts.services.reach import ReachEntry, hold_contacts, record_reach
from tocsin.contacts.services.robots import (
    DueDaily,
    create_robot,
    delete_robots,
    platforms,
    take_due_dailies,
    update_robot,
)
from tocsin.contacts.services.sign_in import link_sign_in
from tocsin.contacts.services.verification import (
    Issued,
    VerificationSent,
    Verified,
    attest_phone,
    issue_verification,
    issue_verifications,
    record_verifications_sent,
    verify_by_code,
    verify_by_link,
)
from tocsin.contacts.services.webhooks import create_webhook, delete_webhooks, update_webhook

__all__ = [
    "MOST_LOOKED_UP",
    "ContactChange",
    "ContactChanges",
    "ContactOptions",
    "DueDaily",
    "Had",
    "Issued",
    "IssuedLink",
    "Known",
    "LookUp",
    "LookedUp",
    "Opened",
    "OutletReach",
    "ReachEntry",
    "VerificationSent",
    "Verified",
    "add_members",
    "attest_phone",
    "close_personal_session",
    "count_request",
    "create_contact",
    "create_group",
    "create_robot",
    "create_webhook",
    "delete_contacts",
    "delete_groups",
    "delete_robots",
    "delete_webhooks",
    "fill_in_user_ids",
    "forget_requests",
    "hold_contacts",
    "import_contact",
    "issue_personal_links",
    "issue_verification",
    "issue_verifications",
    "keep_personal_session",
    "link_sign_in",
    "look_up_user_ids",
    "make_way_for",
    "masked_address",
    "open_personal_link",
    "platforms",
    "record_outlet_reach",
    "record_reach",
    "record_verifications_sent",
    "remove_legacy_chatbot",
    "remove_members",
    "revoke_personal_links",
    "set_default_fallback",
    "take_due_dailies",
    "uncount_request",
    "update_contact",
    "update_group",
    "update_robot",
    "update_webhook",
    "verify_by_code",
    "verify_by_link",
]
