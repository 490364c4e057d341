"""Verifications as texts and calls: the one message that an unverified number may get."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import accounts_for, capabilities_of
from tocsin.contacts.models import PhoneVerification
from tocsin.contacts.queries import Prospect, code_of, token_of, verification_prospects
from tocsin.contacts.rules import IssueOutcome, VerificationMethod
from tocsin.contacts.services import Issued, issue_verifications
from tocsin.core.actors import Actor
from tocsin.core.phones import mask
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import Priority, Purpose
from tocsin.delivery.speech import plain_speech

_ROWS_PER_INSERT = 2000


class SendOutcome(StrEnum):
    SENT = "sent"
    """Queued before anything else; what becomes of it is shown with the delivery."""
    ALREADY_VERIFIED = "already_verified"
    NO_NUMBER = "no_number"
    LIMITED = "limited"
    """Too often to this number; `retry_at` says when it may be sent again."""
    REFUSED = "refused"
    """Nothing can be sent to this number, or to anybody; `detail` says why."""
    UNKNOWN = "unknown"
    """No such contact (any more)."""


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """What became of one contact. `method` and `delivery_id` are there when the outcome is SENT."""

    contact_id: int
    name: str
    outcome: SendOutcome
    retry_at: datetime | None = None
    detail: str = ""
    method: VerificationMethod | None = None
    delivery_id: int | None = None


def may_call_with_code() -> bool:
    """Whether a code can be spoken in a call: an account carries calls."""
    return bool(accounts_for(Channel.PHONE))


def preview_verifications(
    *, now: datetime, contact_ids: Collection[int], by_call: bool = False
) -> list[VerificationResult]:
    """What `send_verifications` would do now: how many texts or calls, and who gets none. Changes nothing."""
    method, refusal = _method(by_call)
    called = contact_ids if method is VerificationMethod.CALL else ()
    return [_result(prospect, refusal, method) for prospect in verification_prospects(contact_ids, now, called)]


def send_verifications(
    *, by: Actor, now: datetime, contact_ids: Collection[int], by_call: bool = False
) -> list[VerificationResult]:
    """A text message with a link, or with a code where links are forbidden, to every contact that may get one; a call
    that speaks a code where it is asked for, or where nothing carries texts.

    One result for each contact, in their order.
    """
    method, refusal = _method(by_call)
    if method is None:
        return [_result(prospect, refusal, None) for prospect in verification_prospects(contact_ids, now)]
    with transaction.atomic():
        issued = issue_verifications(by=by, now=now, methods=dict.fromkeys(contact_ids, method))
        deliveries = Delivery.objects.bulk_create(
            [_delivery(item, item.verification, now) for item in issued if item.verification is not None],
            batch_size=_ROWS_PER_INSERT,
        )
        if deliveries:
            ring_send()
    ids = {delivery.recipient_id: delivery.pk for delivery in deliveries}
    return [_result(item.prospect, "", method, ids.get(item.prospect.contact_id)) for item in issued]


def verification_message(verification: PhoneVerification, language: str) -> str:
    """The text with its link or code, made at the moment of sending and never stored."""
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        if verification.method == VerificationMethod.LINK:
            return _("%(organisation)s: please confirm that this number is yours, within 24 hours: %(url)s") % {
                "organisation": settings.ORGANISATION,
                "url": f"{settings.PUBLIC_URL}/v/{token_of(verification)}",
            }
        if verification.method == VerificationMethod.CALL:
            return _spoken(code_of(verification))
        return _("%(organisation)s: %(code)s is the code that confirms your number. It is valid for 15 minutes.") % {
            "organisation": settings.ORGANISATION,
            "code": code_of(verification),
        }


def verification_variables(verification: PhoneVerification) -> dict[str, str]:
    """For vendors that take no free text; a link is none of theirs either."""
    if verification.method == VerificationMethod.LINK:
        return {}
    return {"code": code_of(verification), "organisation": settings.ORGANISATION}


def _spoken(code: str) -> str:
    """Digit by digit, twice: commas make a voice pause."""
    digits = ", ".join(code)
    return " ".join(
        [
            _("This is %(organisation)s. Your code to confirm this number is:")
            % {"organisation": plain_speech(settings.ORGANISATION)},
            f"{digits}.",
            _("Once more:"),
            f"{digits}.",
            _("Enter it within 15 minutes on the page where you confirm your number. Never tell it to anybody."),
        ]
    )


def _method(by_call: bool = False) -> tuple[VerificationMethod | None, str]:
    """A link where the account that would be used carries links; None, and why, when there is no account.

    A call where no account carries texts, or only the outbox would while calls really go out.
    """
    caller = next(iter(accounts_for(Channel.PHONE)), None)
    if by_call:
        refusal = _("No account for phone calls is enabled; add one under provider accounts.")
        return (VerificationMethod.CALL, "") if caller is not None else (None, refusal)
    account = next(iter(accounts_for(Channel.SMS)), None)
    if caller is not None and (account is None or (_is_simulated(account) and not _is_simulated(caller))):
        return VerificationMethod.CALL, ""
    if account is None:
        return None, _("No account for text messages is enabled; add one under provider accounts.")
    if settings.PUBLIC_URL and capabilities_of(account).carries_links:
        return VerificationMethod.LINK, ""
    return VerificationMethod.CODE, ""


def _is_simulated(account: ProviderAccount) -> bool:
    return capabilities_of(account).is_simulated


def _delivery(issued: Issued, verification: PhoneVerification, now: datetime) -> Delivery:
    return Delivery(
        purpose=Purpose.VERIFICATION,
        verification=verification,
        recipient_id=issued.prospect.contact_id,
        recipient_name=issued.prospect.name,
        address_masked=mask(issued.prospect.phone),
        channel=Channel.PHONE if verification.method == VerificationMethod.CALL else Channel.SMS,
        language=issued.prospect.language or settings.DEFAULT_LANGUAGE,
        priority=Priority.VERIFICATION,
        next_at=now,
        planned_at=now,
    )


def _result(
    prospect: Prospect, refusal: str, method: VerificationMethod | None, delivery_id: int | None = None
) -> VerificationResult:
    if prospect.outcome is IssueOutcome.ISSUED:
        outcome = SendOutcome.SENT if method is not None else SendOutcome.REFUSED
        return VerificationResult(
            prospect.contact_id, prospect.name, outcome, detail=refusal, method=method, delivery_id=delivery_id
        )
    if prospect.outcome is IssueOutcome.LANDLINE:
        detail = _("this is a landline, where text messages do not arrive; give a mobile number.")
        return VerificationResult(prospect.contact_id, prospect.name, SendOutcome.REFUSED, detail=detail)
    return VerificationResult(
        prospect.contact_id, prospect.name, SendOutcome(prospect.outcome.value), retry_at=prospect.retry_at
    )
