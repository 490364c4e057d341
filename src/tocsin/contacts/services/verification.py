"""Writes of the proof that a number is a contact's: issued, verified by its owner, or attested by an administrator."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.contacts.models import Contact, PhoneVerification, VerificationSend
from tocsin.contacts.queries import Prospect, find_by_token, phone_digest, verification_prospects, verification_view
from tocsin.contacts.queries.verification import code_digest
from tocsin.contacts.rules import (
    CODE_LIFETIME,
    LINK_LIFETIME,
    IssueOutcome,
    VerificationMethod,
    VerificationView,
    VerifyOutcome,
    outcome_of_code,
    outcome_of_link,
    verification_code,
    verification_token,
)
from tocsin.contacts.services.cleaning import clean, clean_text
from tocsin.core import crypto
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import ConflictError, ForbiddenError, InvalidInputError, existing
from tocsin.core.phones import PhoneError, mask, parse

_SPOKEN_OR_TEXTED = (VerificationMethod.CODE, VerificationMethod.CALL)
_SENDS_KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """What became of one contact; `verification` is there when the outcome is ISSUED."""

    prospect: Prospect
    verification: PhoneVerification | None = None


def issue_verifications(*, by: Actor, now: datetime, methods: Mapping[int, VerificationMethod]) -> list[Issued]:
    """A new verification for each contact that may get one; it replaces the one before. Nothing is sent yet.

    The same few statements for one and for thousands.
    """
    with transaction.atomic():
        contacts = Contact.objects.select_for_update().filter(pk__in=methods).order_by("pk")
        locked = {contact.pk: contact for contact in contacts.defer("legacy_chatbot_url")}
        called = {pk for pk, method in methods.items() if method is VerificationMethod.CALL}
        prospects = verification_prospects(list(methods), now, called)
        chosen = [prospect for prospect in prospects if prospect.outcome is IssueOutcome.ISSUED]
        if chosen:
            _close_open([prospect.contact_id for prospect in chosen], now)
            _count_sends([prospect.phone for prospect in chosen], now)
        made = [
            _new_verification(pk, prospect, methods[prospect.contact_id], now)
            for pk, prospect in zip(_reserve_ids(len(chosen)), chosen, strict=True)
        ]
        PhoneVerification.objects.bulk_create(made)
        audit.record_many(
            by=by,
            action=Action.UPDATE,
            entries=[(locked[row.contact_id], {"phone_verification": ("", row.method)}) for row in made],
        )
    rows = {row.contact_id: row for row in made}
    return [Issued(prospect, rows.get(prospect.contact_id)) for prospect in prospects]


def issue_verification(*, by: Actor, now: datetime, contact_id: int, method: VerificationMethod) -> Issued:
    """`issue_verifications` for one."""
    (issued,) = issue_verifications(by=by, now=now, methods={contact_id: method})
    return issued


@dataclass(frozen=True, slots=True)
class VerificationSent:
    """A verification left through an account."""

    verification_id: int
    sent_at: datetime
    sent_via: str


def record_verifications_sent(*, entries: Collection[VerificationSent]) -> None:
    """Keeps when and how, as part of the proof; in one statement."""
    if not entries:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE contacts_phoneverification AS row SET sent_at = told.at, sent_via = told.via "
            "FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS told (id, at, via) WHERE row.id = told.id",
            [
                [entry.verification_id for entry in entries],
                [entry.sent_at for entry in entries],
                [entry.sent_via[:64] for entry in entries],
            ],
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """What a page may tell: `view` is there only for whoever holds a real link, or the right code."""

    outcome: VerifyOutcome
    view: VerificationView | None = None


def verify_by_link(*, token: str, address: str, now: datetime) -> Verified:
    """VERIFIED once; pressing again gives USED. `address` is where the press came from."""
    with transaction.atomic():
        found = find_by_token(token)
        contact = _lock_contact(found.contact_id) if found is not None else None
        if found is None or contact is None:
            return Verified(VerifyOutcome.UNKNOWN)
        row = PhoneVerification.objects.get(pk=found.pk)
        view = verification_view(row, contact)
        outcome = outcome_of_link(view, now)
        if outcome is VerifyOutcome.OPEN:
            _mark_verified(contact, row, address, now)
            outcome = VerifyOutcome.VERIFIED
    return Verified(outcome, view if outcome is not VerifyOutcome.UNKNOWN else None)


def verify_by_code(*, phone: str, code: str, address: str, now: datetime) -> Verified:
    """The number in any spelling, the newest code sent to it. Known and unknown numbers take the same statements."""
    try:
        e164 = parse(phone, settings.DEFAULT_REGION)
    except PhoneError:
        e164 = ""
    digits = "".join(filter(str.isdigit, unicodedata.normalize("NFKC", code)))
    with transaction.atomic():
        contact = Contact.objects.select_for_update().filter(phone=e164).defer("legacy_chatbot_url").first()
        rows = PhoneVerification.objects.filter(
            contact_id=contact.pk if contact else 0, phone=e164, method__in=_SPOKEN_OR_TEXTED
        )
        row = rows.order_by("-pk").first() or PhoneVerification(pk=0, contact_id=0, code_digest="-", expires_at=now)
        matches = [crypto.same(code_digest(secret, row.pk, digits), row.code_digest) for secret in settings.SECRET_KEYS]
        is_right = True in matches
        view = verification_view(row, contact or Contact(pk=0))
        outcome = outcome_of_code(view, is_right=is_right, now=now)
        if outcome is VerifyOutcome.WRONG_CODE:
            PhoneVerification.objects.filter(pk=row.pk).update(tries=F("tries") + 1)
        if contact is None or not row.pk:
            return Verified(VerifyOutcome.UNKNOWN)
        if outcome is VerifyOutcome.OPEN:
            _mark_verified(contact, row, address, now)
            outcome = VerifyOutcome.VERIFIED
    return Verified(outcome, view if is_right and outcome is not VerifyOutcome.TOO_MANY_TRIES else None)


def attest_phone(*, by: Actor, now: datetime, contact_id: int, source: str) -> PhoneVerification:
    """An administrator vouches that a named source has proved the number. ForbiddenError unless settings allow it."""
    if not settings.ATTESTED_PHONES:
        raise ForbiddenError(
            _("Numbers are verified by their owners here. TOCSIN_ATTESTED_PHONES=1 lets administrators vouch for them.")
        )
    source = clean({"source": source}, {"source": _clean_source})["source"] or ""
    with transaction.atomic():
        contact = existing(_lock_contact(contact_id), _("There is no such contact."))
        if not contact.phone:
            raise InvalidInputError({"phone": _("This contact has no phone number to attest.")})
        if contact.phone_verified_at is not None:
            raise ConflictError(_("This number is verified already."))
        _close_open([contact.pk], now)
        row = PhoneVerification.objects.create(
            contact=contact,
            phone=contact.phone,
            method=VerificationMethod.ATTESTED,
            nonce="",
            created_at=now,
            expires_at=now,
            verified_at=now,
            verified_from=by.address,
            source=source,
        )
        _set_verified(contact, now)
        changes = {"phone_verified_at": ("", now.isoformat()), "attested_by": ("", source)}
        audit.record(by=by, action=Action.UPDATE, instance=contact, changes=changes)
    return row


def _clean_source(value: object) -> str:
    source = clean_text(value, at_most=128)
    if not source:
        raise ValueError(_("Name the source that has proved this number, as in: HR directory, 2026-11-01."))
    return source


def _reserve_ids(count: int) -> list[int]:
    """Ids are needed before the rows are written, since tokens and codes are derived from them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('contacts_phoneverification', 'id')) FROM generate_series(1, %s)",
            [count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _new_verification(pk: int, prospect: Prospect, method: VerificationMethod, now: datetime) -> PhoneVerification:
    secret, nonce = settings.SECRET_KEYS[0], secrets.token_hex(16)
    row = PhoneVerification(
        pk=pk, contact_id=prospect.contact_id, phone=prospect.phone, method=method.value, nonce=nonce, created_at=now
    )
    if method is VerificationMethod.LINK:
        row.token_digest = crypto.hash_token(verification_token(secret, pk, nonce))
        row.expires_at = now + LINK_LIFETIME
    else:
        row.code_digest = code_digest(secret, pk, verification_code(secret, pk, nonce))
        row.expires_at = now + CODE_LIFETIME
    return row


def _close_open(contact_ids: Collection[int], now: datetime) -> None:
    PhoneVerification.objects.filter(
        contact_id__in=contact_ids, replaced_at__isnull=True, verified_at__isnull=True
    ).update(replaced_at=now)


def _count_sends(phones: Collection[str], now: datetime) -> None:
    """Forgets, on the way, what no limit looks at any more."""
    old = VerificationSend.objects.filter(sent_at__lte=now - _SENDS_KEPT_FOR).select_for_update(skip_locked=True)
    VerificationSend.objects.filter(pk__in=old.values("pk")).delete()
    VerificationSend.objects.bulk_create(
        [VerificationSend(phone_digest=phone_digest(phone), sent_at=now) for phone in phones]
    )


def _lock_contact(contact_id: int) -> Contact | None:
    return Contact.objects.select_for_update().filter(pk=contact_id).defer("legacy_chatbot_url").first()


def _mark_verified(contact: Contact, row: PhoneVerification, address: str, now: datetime) -> None:
    row.verified_at, row.verified_from = now, address[:64]
    row.save(update_fields=["verified_at", "verified_from"])
    _set_verified(contact, now)
    audit.record(
        by=Actor(ActorKind.CONTACT, contact.name, contact.pk, address),
        action=Action.UPDATE,
        instance=contact,
        changes={"phone_verified_at": ("", now.isoformat())},
        note=f"{mask(row.phone)} by {row.method}",
    )


def _set_verified(contact: Contact, now: datetime) -> None:
    contact.phone_verified_at = contact.updated_at = now
    contact.version += 1
    contact.save(update_fields=["phone_verified_at", "updated_at", "version"])
