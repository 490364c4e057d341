"""Reads about the proof of numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

from tocsin.channels.queries import simulated_account_names
from tocsin.contacts.models import Contact, PhoneVerification
from tocsin.contacts.queries.arrays import is_one_of
from tocsin.contacts.queries.tokens import derived_token, row_by_token, sends_to
from tocsin.contacts.rules import (
    IssueOutcome,
    VerificationMethod,
    VerificationView,
    VerifyOutcome,
    outcome_of_link,
    verification_code,
    verification_token,
    why_not_issued,
)
from tocsin.core import crypto


@dataclass(frozen=True, slots=True)
class VerificationProof:
    """Why a contact's present number counts as proved: sent when and how, verified when, from which address, by what.

    For an attested one nothing was sent and `source` says who vouched.
    """

    phone: str
    method: VerificationMethod
    issued_at: datetime
    sent_at: datetime | None
    sent_via: str
    verified_at: datetime
    verified_from: str
    source: str
    is_simulated: bool
    """The message stayed in the outbox, where others than the number's owner could read it."""


def verification_proof(contact_id: int) -> VerificationProof | None:
    """None while the number is not verified."""
    contact = Contact.objects.filter(pk=contact_id, phone_verified_at__isnull=False).first()
    if contact is None:
        return None
    row = (
        PhoneVerification.objects.filter(contact=contact, phone=contact.phone, verified_at__isnull=False)
        .order_by("-verified_at", "-id")
        .first()
    )
    if row is None or row.verified_at is None:
        return None
    return VerificationProof(
        phone=row.phone,
        method=VerificationMethod(row.method),
        issued_at=row.created_at,
        sent_at=row.sent_at,
        sent_via=row.sent_via,
        verified_at=row.verified_at,
        verified_from=row.verified_from,
        source=row.source,
        is_simulated=row.sent_via in simulated_account_names(),
    )


def count_simulated_proofs() -> int:
    """Contacts whose present number counts as verified by nothing but messages that stayed in the outbox."""
    proofs = PhoneVerification.objects.filter(
        contact=OuterRef("pk"), phone=OuterRef("phone"), verified_at__isnull=False
    )
    simulated = Q(sent_via__in=simulated_account_names())
    verified = Contact.objects.filter(phone_verified_at__isnull=False)
    return verified.filter(Exists(proofs.filter(simulated)), ~Exists(proofs.exclude(simulated))).count()


@dataclass(frozen=True, slots=True)
class Prospect:
    """Whether a contact's number can be sent a verification now; for LIMITED when it can."""

    contact_id: int
    name: str
    phone: str
    language: str
    outcome: IssueOutcome
    retry_at: datetime | None = None


def verification_prospects(contact_ids: Collection[int], now: datetime, called: Collection[int] = ()) -> list[Prospect]:
    """One for each id, in their order, in two statements. `called`: those that are to hear a code in a call."""
    is_proved = ExpressionWrapper(Q(phone_verified_at__isnull=False), BooleanField())
    contacts = Contact.objects.order_by().filter(is_one_of("pk", contact_ids)).annotate(is_verified=is_proved)
    found = {
        pk: (name, phone or "", language, is_verified)
        for pk, name, phone, language, is_verified in contacts.values_list(
            "pk", "name", "phone", "language", "is_verified"
        )
    }
    unproved = [phone for _name, phone, _language, is_verified in found.values() if phone and not is_verified]
    sends = sends_to(unproved, phone_digest, now)
    hears = set(called)
    prospects = []
    for pk in dict.fromkeys(contact_ids):
        if pk not in found:
            prospects.append(Prospect(pk, "", "", "", IssueOutcome.UNKNOWN))
            continue
        name, phone, language, is_verified = found[pk]
        outcome, retry_at = why_not_issued(
            phone=phone,
            is_verified=is_verified,
            sent_at=sends.get(phone, ()),
            now=now,
            is_call=pk in hears,
        )
        prospects.append(Prospect(pk, name, phone, language, outcome, retry_at))
    return prospects


def phone_digest(phone: str) -> str:
    """What a number's sends are counted under."""
    return crypto.keyed_digest(settings.SECRET_KEYS[0], "verification-limit", phone).hex()


def token_of(verification: PhoneVerification) -> str:
    """The link's token, derived anew; "" when the key it was made with is gone. Only for the text that carries it."""

    def derive(secret: str) -> str:
        return verification_token(secret, verification.pk, verification.nonce)

    return derived_token(derive, verification.token_digest or "")


def code_of(verification: PhoneVerification) -> str:
    """The code, derived anew; "" when the key it was made with is gone. Only for the message that carries it."""
    for secret in settings.SECRET_KEYS:
        code = verification_code(secret, verification.pk, verification.nonce)
        if crypto.same(code_digest(secret, verification.pk, code), verification.code_digest):
            return code
    return ""


def code_digest(secret: str, verification_id: int, code: str) -> str:
    """As it is stored: eight digits alone would be guessed from a plain hash."""
    return crypto.keyed_digest(secret, "verification-code-digest", verification_id, code).hex()


def verification_by_token(token: str, now: datetime) -> tuple[VerifyOutcome, VerificationView | None]:
    """What opening a link comes to. Changes nothing."""
    row = find_by_token(token)
    if row is None:
        return VerifyOutcome.UNKNOWN, None
    view = verification_view(row, row.contact)
    outcome = outcome_of_link(view, now)
    return outcome, view if outcome is not VerifyOutcome.UNKNOWN else None


def find_by_token(token: str) -> PhoneVerification | None:
    return row_by_token(PhoneVerification.objects.all(), token, token_of)


def verification_view(row: PhoneVerification, contact: Contact) -> VerificationView:
    return VerificationView(
        id=row.pk,
        contact_id=contact.pk,
        contact_name=contact.name,
        contact_phone=contact.phone or "",
        is_contact_verified=contact.phone_verified_at is not None,
        phone=row.phone,
        expires_at=row.expires_at,
        verified_at=row.verified_at,
        replaced_at=row.replaced_at,
        tries=row.tries,
    )
