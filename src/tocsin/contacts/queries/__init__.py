"""Reads of contacts, groups and robots, and of the proof of their numbers."""

from __future__ import annotations

from tocsin.contacts.queries.people import (
    Deletion,
    Readiness,
    contact_views,
    contacts_matching,
    default_fallback,
    deletion_preview,
    directory,
    get_defaults,
    is_storable,
    readiness,
    uses_by_phone,
    uses_of,
)
from tocsin.contacts.queries.verification import (
    Prospect,
    VerificationProof,
    code_of,
    count_simulated_proofs,
    find_by_token,
    phone_digest,
    token_of,
    verification_by_token,
    verification_proof,
    verification_prospects,
    verification_view,
)

__all__ = [
    "Deletion",
    "Prospect",
    "Readiness",
    "VerificationProof",
    "code_of",
    "contact_views",
    "contacts_matching",
    "count_simulated_proofs",
    "default_fallback",
    "deletion_preview",
    "directory",
    "find_by_token",
    "get_defaults",
    "is_storable",
    "phone_digest",
    "readiness",
    "token_of",
    "uses_by_phone",
    "uses_of",
    "verification_by_token",
    "verification_proof",
    "verification_prospects",
    "verification_view",
]
