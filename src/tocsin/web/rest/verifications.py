"""`/verifications`: whether numbers are proved, and the messages that prove them; `/contact-defaults` beside it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.contacts.models import Contact, ContactDefaults
from tocsin.contacts.queries import get_defaults, verification_proof
from tocsin.contacts.rules import Fallback, VerificationMethod
from tocsin.contacts.services import attest_phone, set_default_fallback
from tocsin.core.clock import utc_now
from tocsin.core.errors import NotFoundError
from tocsin.delivery.verifications import SendOutcome, VerificationResult, preview_verifications, send_verifications
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, taken
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.versions import expected_version
from tocsin.web.shared.words import said

verifications = Resource("Verification", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)
defaults = Resource("Contact defaults", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)


class VerificationsWanted(Typed):
    contact_ids: list[Id] = Field(min_length=1, max_length=10_000)
    by_call: bool = Field(False, description="A call speaks a code, for numbers that get no texts.")


class VerificationSent(BaseModel):
    """What became, or would become, of one contact."""

    contact_id: int = Field(examples=[7])
    name: str
    outcome: SendOutcome
    retry_at: Moment | None = Field(description="When the limit of this number allows the next one.")
    detail: str
    method: VerificationMethod | None
    delivery_id: int | None


class VerificationResults(BaseModel):
    results: list[VerificationSent]


class VerificationProofOut(BaseModel):
    """Why the present number counts as the contact's own."""

    is_verified: bool
    method: VerificationMethod | None
    issued_at: Moment | None
    sent_at: Moment | None
    sent_via: str = Field(description="The account's name.")
    verified_at: Moment | None
    source: str = Field(description="Who vouched, for an attested number.")
    is_simulated: bool = Field(description="The message stayed in the outbox.")


class Attestation(Typed):
    source: str = Field(max_length=300, examples=["HR directory, 2026-11-01"])


class ContactDefaultsOut(BaseModel):
    version: int
    fallback: Fallback


class DefaultChanges(Typed):
    fallback: Fallback = Field(description="For all contacts that use the default, at once.", examples=["sms"])


@verifications.act("/send", VerificationResults)
def send_verification_texts(request: HttpRequest, typed: VerificationsWanted) -> Any:
    """A text message with a link or a code to every contact that may get one; each one's result is told."""
    by, ids = actor_of(request), typed.contact_ids
    return _results(send_verifications(by=by, now=utc_now(), contact_ids=ids, by_call=typed.by_call))


@verifications.act("/preview", VerificationResults, reads=True, needs=Permission.VIEW)
def preview_verification_texts(request: HttpRequest, typed: VerificationsWanted) -> Any:
    """What would be sent now. Changes nothing."""
    return _results(preview_verifications(now=utc_now(), contact_ids=typed.contact_ids, by_call=typed.by_call))


@verifications.get("/{int:contact_id}", VerificationProofOut)
def read_verification(request: HttpRequest, contact_id: Id) -> Any:
    if not Contact.objects.filter(pk=contact_id).exists():
        raise NotFoundError("There is no such contact.")
    return _proof(contact_id)


@verifications.act("/{int:contact_id}/attest", VerificationProofOut, needs=Permission.ADMINISTER)
def attest_number(request: HttpRequest, contact_id: Id, typed: Attestation) -> Any:
    """A named source has proved the number. Only where TOCSIN_ATTESTED_PHONES allows it."""
    attest_phone(by=actor_of(request), now=utc_now(), contact_id=contact_id, source=typed.source)
    return _proof(contact_id)


@defaults.get("", ContactDefaultsOut)
def read_contact_defaults(request: HttpRequest) -> Any:
    return _defaults(get_defaults())


@defaults.patch("", ContactDefaultsOut)
def update_contact_defaults(request: HttpRequest, typed: DefaultChanges, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    changed = set_default_fallback(by=actor_of(request), now=utc_now(), fallback=typed.fallback, version=version)
    return _defaults(changed)


def _defaults(row: ContactDefaults) -> ContactDefaultsOut:
    return ContactDefaultsOut(version=row.version, fallback=Fallback(row.fallback))


def _results(found: list[VerificationResult]) -> VerificationResults:
    return VerificationResults(
        results=[
            VerificationSent(
                contact_id=each.contact_id,
                name=each.name,
                outcome=each.outcome,
                retry_at=each.retry_at,
                detail=said(each.detail),
                method=each.method,
                delivery_id=each.delivery_id,
            )
            for each in found
        ]
    )


def _proof(contact_id: int) -> VerificationProofOut:
    proof = verification_proof(contact_id)
    if proof is None:
        none = {"method": None, "issued_at": None, "sent_at": None, "verified_at": None}
        return VerificationProofOut(is_verified=False, sent_via="", source="", is_simulated=False, **none)
    names = ("method", "issued_at", "sent_at", "sent_via", "verified_at", "source", "is_simulated")
    return VerificationProofOut(is_verified=True, **taken(proof, names))
