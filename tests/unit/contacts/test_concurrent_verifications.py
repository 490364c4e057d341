"""Verifications that are sent, used and tried at the same moment."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest
from django.db import transaction

from tests.unit.contacts.writers import Writer
from tocsin.channels.services import ensure_outbox_accounts
from tocsin.contacts import services
from tocsin.contacts.models import Contact, PhoneVerification
from tocsin.contacts.queries import code_of, token_of
from tocsin.contacts.rules import VerificationMethod, VerifyOutcome
from tocsin.core.actors import SHELL
from tocsin.delivery.models import Delivery
from tocsin.delivery.verifications import SendOutcome, send_verifications

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(now: datetime) -> Contact:
    ensure_outbox_accounts(now=now)
    return services.create_contact(by=SHELL, now=now, name="Ann", phone="13812345678")


def test_of_many_who_send_at_once_one_does(ann: Contact, now: datetime) -> None:
    barrier = threading.Barrier(5)

    def send() -> SendOutcome:
        barrier.wait()
        (result,) = send_verifications(by=SHELL, now=now, contact_ids=[ann.pk])
        return result.outcome

    outcomes = [writer.finish() for writer in [Writer(send) for _ in range(5)]]

    assert sorted(outcomes) == [*[SendOutcome.LIMITED] * 4, SendOutcome.SENT]
    assert PhoneVerification.objects.count() == Delivery.objects.count() == 1


def test_a_link_that_is_pressed_twice_at_once_verifies_once(ann: Contact, now: datetime) -> None:
    services.issue_verification(by=SHELL, now=now, contact_id=ann.pk, method=VerificationMethod.LINK)
    token = token_of(PhoneVerification.objects.get())

    with transaction.atomic():
        first = services.verify_by_link(token=token, address="203.0.113.9", now=now)
        second = Writer(lambda: services.verify_by_link(token=token, address="203.0.113.10", now=now))
        second.wait_until_blocked()

    assert (first.outcome, second.finish().outcome) == (VerifyOutcome.VERIFIED, VerifyOutcome.USED)
    assert PhoneVerification.objects.get().verified_from == "203.0.113.9"


def test_a_link_that_is_pressed_while_the_number_changes_proves_nothing(ann: Contact, now: datetime) -> None:
    services.issue_verification(by=SHELL, now=now, contact_id=ann.pk, method=VerificationMethod.LINK)
    token = token_of(PhoneVerification.objects.get())

    with transaction.atomic():
        services.update_contact(by=SHELL, now=now, contact_id=ann.pk, version=None, phone="13912345678")
        press = Writer(lambda: services.verify_by_link(token=token, address="", now=now))
        press.wait_until_blocked()

    assert press.finish().outcome is VerifyOutcome.UNKNOWN
    assert Contact.objects.get().phone_verified_at is None


def test_tries_are_counted_also_when_they_come_all_at_once(ann: Contact, now: datetime) -> None:
    services.issue_verification(by=SHELL, now=now, contact_id=ann.pk, method=VerificationMethod.CODE)
    right = code_of(PhoneVerification.objects.get())
    wrong = "00000000" if right != "00000000" else "11111111"
    barrier = threading.Barrier(8)

    def guess() -> VerifyOutcome:
        barrier.wait()
        return services.verify_by_code(phone="13812345678", code=wrong, address="", now=now).outcome

    outcomes = [writer.finish() for writer in [Writer(guess) for _ in range(8)]]

    assert sorted(outcomes) == [*[VerifyOutcome.TOO_MANY_TRIES] * 3, *[VerifyOutcome.WRONG_CODE] * 5]
    assert services.verify_by_code(phone="13812345678", code=right, address="", now=now).outcome is (
        VerifyOutcome.TOO_MANY_TRIES
    )
