"""Pure rules of contacts."""

from __future__ import annotations

from tocsin.contacts.rules.duplicates import DuplicateError
from tocsin.contacts.rules.pages import (
    ASKING_FOR_TEXTS,
    ENTERING_CODES,
    OPENING_LINKS,
    PageLimit,
    address_key,
)
from tocsin.contacts.rules.people import (
    ContactReason,
    ContactView,
    Directory,
    Fallback,
    GroupView,
    RobotView,
    Use,
    is_lark_open_id,
    mention_id,
    resolved_fallback,
    why_not_reachable,
)
from tocsin.contacts.rules.verification import (
    CODE_LIFETIME,
    LINK_LIFETIME,
    MAX_TRIES,
    IssueOutcome,
    VerificationMethod,
    VerificationView,
    VerifyOutcome,
    next_send_at,
    outcome_of_code,
    outcome_of_link,
    verification_code,
    verification_token,
    why_not_issued,
)

__all__ = [
    "ASKING_FOR_TEXTS",
    "CODE_LIFETIME",
    "ENTERING_CODES",
    "LINK_LIFETIME",
    "MAX_TRIES",
    "OPENING_LINKS",
    "ContactReason",
    "ContactView",
    "Directory",
    "DuplicateError",
    "Fallback",
    "GroupView",
    "IssueOutcome",
    "PageLimit",
    "RobotView",
    "Use",
    "VerificationMethod",
    "VerificationView",
    "VerifyOutcome",
    "address_key",
    "is_lark_open_id",
    "mention_id",
    "next_send_at",
    "outcome_of_code",
    "outcome_of_link",
    "resolved_fallback",
    "verification_code",
    "verification_token",
    "why_not_issued",
    "why_not_reachable",
]
