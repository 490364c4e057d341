"""Everything that can be notified."""

from __future__ import annotations

from tocsin.contacts import import_models as import_models  # so that Django finds its tables
from tocsin.contacts.models.outlets import (
    ObjectReach,
    Robot,
    Webhook,
    robot_platform_choices,
)
from tocsin.contacts.models.people import (
    FALLBACK_LABELS,
    METHOD_LABELS,
    AddressCount,
    Contact,
    ContactDefaults,
    ContactGroup,
    ContactGroupMember,
    ContactReach,
    NotificationObject,
    PersonalLink,
    PhoneVerification,
    VerificationSend,
    default_fallback_choices,
    fallback_choices,
    method_choices,
)

__all__ = [
    "FALLBACK_LABELS",
    "METHOD_LABELS",
    "AddressCount",
    "Contact",
    "ContactDefaults",
    "ContactGroup",
    "ContactGroupMember",
    "ContactReach",
    "NotificationObject",
    "ObjectReach",
    "PersonalLink",
    "PhoneVerification",
    "Robot",
    "VerificationSend",
    "Webhook",
    "default_fallback_choices",
    "fallback_choices",
    "method_choices",
    "robot_platform_choices",
]
