"""Proving that a number is a contact's: texts with a link or a code, what each is worth, and what is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from auditlog.models import LogEntry
from django.db import connection

from tocsin.channels.services import ensure_outbox_accounts
from tocsin.contacts import services
from tocsin.contacts.models import Contact, PhoneVerification, VerificationSend
from tocsin.contacts.queries import token_of, verification_by_token, verification_proof
from tocsin.contacts.queries.verification import phone_digest
from tocsin.contacts.rules import VerificationMethod, VerifyOutcome
from tocsin.core.actors import SHELL
from tocsin.core.errors import ConflictError, ForbiddenError, InvalidInputError
from tocsin.delivery.models import Delivery
from tocsin.delivery.verifications import (
    SendOutcome,
    VerificationResult,
    preview_verifications,
    send_verifications,
    verification_message,
)

pytestmark = pytest.mark.django_db
ADDRESS = "203.0.113.9"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def outbox(db: None, now: datetime) -> Iterator[None]:
    """The account for text messages."""
    ensure_outbox_accounts(now=now)
    return


@pytest.fixture
def ann(now: datetime) -> Contact:
    return services.create_contact(by=SHELL, now=now, name="Ann", phone="138 1234 5678")


def send(now: datetime, *contacts: Contact) -> list[VerificationResult]:
    return send_verifications(by=SHELL, now=now, contact_ids=[contact.pk for contact in contacts])


def text_to(contact: Contact, language: str = "en") -> str:
    """The newest text, as the sender would make it now."""
    return verification_message(PhoneVerification.objects.filter(contact=contact).latest("pk"), language)


def link_in(text: str) -> str:
    found = re.search(r"https://tocsin\.example/v/([0-9A-Za-z]{22})$", text)
    assert found, text
    return found[1]


def code_in(text: str) -> str:
    found = re.search(r"\b[0-9]{8}\b", text)
    assert found, text
    return found[0]


def verify(token: str, now: datetime) -> VerifyOutcome:
    return services.verify_by_link(token=token, address=ADDRESS, now=now).outcome


def enter(code: str, now: datetime, phone: str = "13812345678") -> VerifyOutcome:
    return services.verify_by_code(phone=phone, code=code, address=ADDRESS, now=now).outcome


def is_verified(contact: Contact) -> bool:
    contact.refresh_from_db()
    return contact.phone_verified_at is not None


def use_an_account_that_strips_links(settings: Any) -> None:
    """Without a public address there is no link to send either: the code is what goes out."""
    settings.PUBLIC_URL = ""


# Sending


def test_a_text_with_a_link_goes_to_one_contact_before_anything_else(ann: Contact, now: datetime) -> None:
    (result,) = send(now, ann)

    assert (result.outcome, result.method) == (SendOutcome.SENT, VerificationMethod.LINK)
    delivery = Delivery.objects.get(pk=result.delivery_id)
    assert (delivery.purpose, delivery.channel, delivery.state, delivery.priority) == (
        "verification",
        "sms",
        "planned",
        0,
    )
    assert (delivery.recipient_id, delivery.recipient_name, delivery.address_masked) == (
        ann.pk,
        "Ann",
        "+86 138 **** 5678",
    )
    assert delivery.next_at == now
    assert text_to(ann) == (
        f"Tocsin: please confirm that this number is yours, within 24 hours: "
        f"https://tocsin.example/v/{link_in(text_to(ann))}"
    )


def test_the_text_is_in_the_contacts_language(now: datetime) -> None:
    contact = services.create_contact(by=SHELL, now=now, name="张三", phone="13812345678", language="zh-hans")

    (result,) = send(now, contact)

    delivery = Delivery.objects.get(pk=result.delivery_id)
    text = text_to(contact, delivery.language)
    assert text.startswith("Tocsin：请在 24 小时内打开链接，确认此号码属于您：https://tocsin.example/v/")


def test_many_are_sent_at_once_with_a_result_for_each(now: datetime, ann: Contact) -> None:
    verified = services.create_contact(by=SHELL, now=now, name="Verified", phone="13912345678")
    Contact.objects.filter(pk=verified.pk).update(phone_verified_at=now)
    mail_only = services.create_contact(by=SHELL, now=now, name="Mail", email="m@example.org")
    asked_before = services.create_contact(by=SHELL, now=now, name="Again", phone="13712345678")
    send(now - timedelta(seconds=20), asked_before)
    ids = [ann.pk, verified.pk, mail_only.pk, asked_before.pk, 4711]

    before = preview_verifications(now=now, contact_ids=ids)
    results = send_verifications(by=SHELL, now=now, contact_ids=ids)

    assert [(result.name, result.outcome.value) for result in results] == [
        ("Ann", "sent"),
        ("Verified", "already_verified"),
        ("Mail", "no_number"),
        ("Again", "limited"),
        ("", "unknown"),
    ]
    assert [result.outcome for result in before] == [result.outcome for result in results]
    assert results[3].retry_at == now + timedelta(seconds=40)
    assert Delivery.objects.filter(planned_at=now).count() == 1


def test_without_an_account_everybody_is_refused_and_told_why(now: datetime, ann: Contact) -> None:
    Delivery.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE channels_provideraccount SET is_enabled = false")

    (result,) = send(now, ann)

    assert result.outcome is SendOutcome.REFUSED
    assert result.detail == "No account for text messages is enabled; add one under provider accounts."
    assert not PhoneVerification.objects.exists()
    assert not VerificationSend.objects.exists()


def test_a_landline_alone_is_refused_and_told_why(now: datetime, ann: Contact) -> None:
    desk = services.create_contact(by=SHELL, now=now, name="Front desk", phone="010-6552 9988")

    before = preview_verifications(now=now, contact_ids=[ann.pk, desk.pk])
    results = send_verifications(by=SHELL, now=now, contact_ids=[ann.pk, desk.pk])

    assert [result.outcome for result in before] == [SendOutcome.SENT, SendOutcome.REFUSED]
    assert [result.outcome for result in results] == [SendOutcome.SENT, SendOutcome.REFUSED]
    assert results[1].detail == "this is a landline, where text messages do not arrive; give a mobile number."
    assert Delivery.objects.get(purpose="verification").recipient_id == ann.pk
    assert not VerificationSend.objects.exclude(phone_digest=phone_digest(ann.phone or "")).exists()


def test_thousands_take_as_few_statements_as_one(now: datetime, django_assert_max_num_queries: Any) -> None:
    people = [
        services.create_contact(by=SHELL, now=now, name=f"P{number}", phone=f"138{number:08d}") for number in range(60)
    ]
    send(now - 2 * MINUTE, people[0])

    with django_assert_max_num_queries(16):
        results = send(now, *people)

    assert [result.outcome for result in results] == [SendOutcome.SENT] * 60


@pytest.mark.parametrize(
    ("sent_before", "retry_after"),
    [
        ([timedelta(seconds=59)], timedelta(seconds=1)),
        ([timedelta(seconds=60)], None),
        ([n * 5 * MINUTE for n in range(1, 5)], None),
        ([n * 5 * MINUTE for n in range(1, 6)], 35 * MINUTE),
        ([n * 2 * HOUR for n in range(1, 11)], 4 * HOUR),
        ([n * 2 * HOUR for n in range(1, 10)], None),
    ],
)
def test_at_most_one_send_a_minute_five_an_hour_and_ten_a_day_per_number(
    ann: Contact, now: datetime, sent_before: list[timedelta], retry_after: timedelta | None
) -> None:
    for ago in sorted(sent_before, reverse=True):
        (result,) = send(now - ago, ann)
        assert result.outcome is SendOutcome.SENT

    (result,) = send(now, ann)

    if retry_after is None:
        assert result.outcome is SendOutcome.SENT
    else:
        assert (result.outcome, result.retry_at) == (SendOutcome.LIMITED, now + retry_after)
        assert PhoneVerification.objects.count() == len(sent_before)


def test_the_limit_is_the_numbers_also_when_its_contact_is_made_anew(ann: Contact, now: datetime) -> None:
    send(now, ann)
    services.delete_contacts(by=SHELL, now=now, ids=[ann.pk])
    again = services.create_contact(by=SHELL, now=now, name="Ann again", phone="13812345678")

    (result,) = send(now + timedelta(seconds=30), again)

    assert result.outcome is SendOutcome.LIMITED
    assert "13812345678" not in str(list(VerificationSend.objects.values()))


def test_sends_that_no_limit_looks_at_any_more_are_forgotten(ann: Contact, now: datetime) -> None:
    send(now, ann)
    send(now + timedelta(days=1, seconds=1), ann)

    assert VerificationSend.objects.count() == 1


# The link


def test_opening_the_link_never_verifies_and_pressing_does(ann: Contact, now: datetime) -> None:
    send(now, ann)
    token = link_in(text_to(ann))

    for _ in range(3):
        outcome, view = verification_by_token(token, now)
        assert outcome is VerifyOutcome.OPEN
        assert view is not None
        assert view.contact_name == "Ann"
    assert not is_verified(ann)

    assert verify(token, now + HOUR) is VerifyOutcome.VERIFIED
    assert is_verified(ann)
    assert ann.phone_verified_at == now + HOUR


def test_a_used_link_says_that_the_number_is_verified(ann: Contact, now: datetime) -> None:
    send(now, ann)
    token = link_in(text_to(ann))
    verify(token, now)

    assert verify(token, now + HOUR) is VerifyOutcome.USED
    assert verification_by_token(token, now + timedelta(days=30))[0] is VerifyOutcome.USED
    assert is_verified(ann)
    assert ann.phone_verified_at == now


def test_a_link_is_good_for_24_hours(ann: Contact, now: datetime) -> None:
    send(now, ann)
    token = link_in(text_to(ann))

    assert verify(token, now + 24 * HOUR) is VerifyOutcome.EXPIRED
    assert not is_verified(ann)
    assert verify(token, now + 24 * HOUR - timedelta(seconds=1)) is VerifyOutcome.VERIFIED


def test_a_newer_link_replaces_the_one_before(ann: Contact, now: datetime) -> None:
    send(now, ann)
    old = link_in(text_to(ann))
    send(now + MINUTE, ann)
    new = link_in(text_to(ann))

    assert verify(old, now + MINUTE) is VerifyOutcome.REPLACED
    assert verify(new, now + MINUTE) is VerifyOutcome.VERIFIED
    assert verify(old, now + MINUTE) is VerifyOutcome.ALREADY_VERIFIED


@pytest.mark.parametrize("token", ["", "x", "0" * 22, "A" * 22, "ü" * 22, "\0" * 22, "x" * 5000])
def test_an_unknown_link_is_unknown(ann: Contact, now: datetime, token: str) -> None:
    send(now, ann)

    assert verify(token, now) is VerifyOutcome.UNKNOWN
    assert verification_by_token(token, now) == (VerifyOutcome.UNKNOWN, None)


def test_a_link_to_an_old_number_proves_nothing_and_tells_nothing(ann: Contact, now: datetime) -> None:
    send(now, ann)
    token = link_in(text_to(ann))
    services.update_contact(by=SHELL, now=now, contact_id=ann.pk, version=None, phone="13912345678")

    result = services.verify_by_link(token=token, address=ADDRESS, now=now)

    assert (result.outcome, result.view) == (VerifyOutcome.UNKNOWN, None)
    assert not is_verified(ann)


def test_a_link_from_before_the_number_came_back_does_not_verify_it(ann: Contact, now: datetime) -> None:
    send(now, ann)
    token = link_in(text_to(ann))
    for phone in ("13912345678", "13812345678"):
        services.update_contact(by=SHELL, now=now, contact_id=ann.pk, version=None, phone=phone)

    assert verify(token, now) is VerifyOutcome.REPLACED


def test_a_link_used_before_the_number_was_changed_and_came_back_is_over(ann: Contact, now: datetime) -> None:
    send(now, ann)
    token = link_in(text_to(ann))
    verify(token, now)
    for phone in ("13912345678", "13812345678"):
        services.update_contact(by=SHELL, now=now, contact_id=ann.pk, version=None, phone=phone)

    assert verify(token, now) is VerifyOutcome.EXPIRED
    assert not is_verified(ann)


def test_the_links_of_a_deleted_contact_are_unknown(ann: Contact, now: datetime) -> None:
    send(now, ann)
    token = link_in(text_to(ann))
    services.delete_contacts(by=SHELL, now=now, ids=[ann.pk])

    assert verify(token, now) is VerifyOutcome.UNKNOWN


def test_neither_link_nor_code_is_stored_anywhere(ann: Contact, now: datetime, settings: Any) -> None:
    send(now, ann)
    token = link_in(text_to(ann))
    use_an_account_that_strips_links(settings)
    send(now + MINUTE, ann)
    code = code_in(text_to(ann))

    with connection.cursor() as cursor:
        everything = ""
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT string_agg(row::text, '') FROM {connection.ops.quote_name(table)} AS row")
            everything += cursor.fetchone()[0] or ""
    assert "Ann" in everything
    assert token not in everything
    assert code not in everything


def test_links_survive_a_change_of_the_secret_key(ann: Contact, now: datetime, settings: Any) -> None:
    send(now, ann)
    token = link_in(text_to(ann))
    settings.SECRET_KEYS = ("new-" + "1" * 40, *settings.SECRET_KEYS)

    assert link_in(text_to(ann)) == token
    assert verify(token, now) is VerifyOutcome.VERIFIED


def test_a_link_made_with_a_lost_key_is_unknown(ann: Contact, now: datetime, settings: Any) -> None:
    send(now, ann)
    token = link_in(text_to(ann))
    settings.SECRET_KEYS = ("new-" + "1" * 40,)

    assert token_of(PhoneVerification.objects.get()) == ""
    assert verify(token, now) is VerifyOutcome.UNKNOWN


# The code


@pytest.fixture
def code(ann: Contact, now: datetime, settings: Any) -> str:
    """Sent to Ann at noon."""
    use_an_account_that_strips_links(settings)
    send(now, ann)
    return code_in(text_to(ann))


def test_where_links_are_forbidden_an_8_digit_code_goes_instead(ann: Contact, code: str) -> None:
    text = text_to(ann)

    assert text == f"Tocsin: {code} is the code that confirms your number. It is valid for 15 minutes."
    assert "/v/" not in text
    assert Delivery.objects.get().verification_id == PhoneVerification.objects.get(method="code").pk


@pytest.mark.parametrize("phone", ["13812345678", "+86 138 1234 5678", "0086-138-1234-5678", "１３８１２３４５６７８"])
def test_the_code_is_entered_with_the_number_in_any_spelling(
    ann: Contact, code: str, now: datetime, phone: str
) -> None:
    assert enter(f" {code[:4]} {code[4:]} ", now, phone) is VerifyOutcome.VERIFIED
    assert is_verified(ann)


def test_entering_the_same_code_again_says_that_the_number_is_verified(ann: Contact, code: str, now: datetime) -> None:
    enter(code, now)

    assert enter(code, now + HOUR) is VerifyOutcome.USED


def test_a_code_is_good_for_15_minutes(ann: Contact, code: str, now: datetime) -> None:
    assert enter(code, now + 15 * MINUTE) is VerifyOutcome.EXPIRED
    assert not is_verified(ann)
    assert enter(code, now + 15 * MINUTE - timedelta(seconds=1)) is VerifyOutcome.VERIFIED


def test_after_five_wrong_tries_even_the_right_code_is_refused(ann: Contact, code: str, now: datetime) -> None:
    wrong = f"{(int(code) + 1) % 10**8:08d}"

    tries = [enter(wrong, now) for _ in range(6)]

    assert tries == [VerifyOutcome.WRONG_CODE] * 5 + [VerifyOutcome.TOO_MANY_TRIES]
    assert enter(code, now) is VerifyOutcome.TOO_MANY_TRIES
    assert not is_verified(ann)
    assert PhoneVerification.objects.get().tries == 5


def test_the_fifth_try_may_still_be_right(ann: Contact, code: str, now: datetime) -> None:
    for _ in range(4):
        enter("00000000" if code != "00000000" else "11111111", now)

    assert enter(code, now) is VerifyOutcome.VERIFIED


def test_a_new_code_brings_new_tries_and_ends_the_old_one(ann: Contact, code: str, now: datetime) -> None:
    for _ in range(5):
        enter("1", now)
    send(now + MINUTE, ann)

    assert enter(code, now + MINUTE) is VerifyOutcome.WRONG_CODE
    assert enter(code_in(text_to(ann)), now + MINUTE) is VerifyOutcome.VERIFIED


def test_nothing_is_told_to_who_has_not_the_right_code(ann: Contact, code: str, now: datetime) -> None:
    for phone, typed in [
        ("13812345678", "12"),
        ("13812345678", ""),
        ("13999999999", code),
        ("nonsense", code),
        ("", ""),
    ]:
        result = services.verify_by_code(phone=phone, code=typed, address=ADDRESS, now=now)
        assert result.view is None
    assert not is_verified(ann)


def test_a_known_number_takes_no_other_statements_than_an_unknown_one(
    ann: Contact, code: str, now: datetime, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(5) as known:
        enter("12345", now)
    with django_assert_num_queries(5) as unknown:
        enter("12345", now, "13999999999")

    first_words = [[query["sql"].split(" ", 1)[0] for query in each.captured_queries] for each in (known, unknown)]
    assert first_words[0] == first_words[1]


def test_a_code_of_another_number_verifies_nobody(ann: Contact, code: str, now: datetime) -> None:
    bob = services.create_contact(by=SHELL, now=now, name="Bob", phone="13912345678")
    send(now, bob)

    assert enter(code, now, "13912345678") is VerifyOutcome.WRONG_CODE
    assert not is_verified(bob)


# What is kept


def test_kept_as_proof_is_what_was_sent_when_and_how_and_verified_when_from_where_and_by_what(
    ann: Contact, now: datetime
) -> None:
    send(now, ann)
    sent = services.VerificationSent(PhoneVerification.objects.get().pk, now + timedelta(seconds=2), "Gateway one")
    services.record_verifications_sent(entries=[sent])
    verify(link_in(text_to(ann)), now + HOUR)

    proof = verification_proof(ann.pk)

    assert proof is not None
    assert (proof.phone, proof.method) == ("+8613812345678", VerificationMethod.LINK)
    assert (proof.issued_at, proof.sent_at, proof.sent_via) == (now, now + timedelta(seconds=2), "Gateway one")
    assert (proof.verified_at, proof.verified_from, proof.source) == (now + HOUR, ADDRESS, "")
    entry = LogEntry.objects.latest("pk")
    assert entry.additional_data == {"by": "Ann", "kind": "contact", "note": "+86 138 **** 5678 by link"}
    assert entry.remote_addr == ADDRESS


def test_there_is_no_proof_of_a_number_that_was_changed(ann: Contact, now: datetime) -> None:
    send(now, ann)
    verify(link_in(text_to(ann)), now)

    services.update_contact(by=SHELL, now=now, contact_id=ann.pk, version=None, phone="13912345678")

    assert verification_proof(ann.pk) is None


def test_vouching_for_a_number_is_off_unless_the_settings_allow_it(ann: Contact, now: datetime) -> None:
    with pytest.raises(ForbiddenError, match="TOCSIN_ATTESTED_PHONES=1"):
        services.attest_phone(by=SHELL, now=now, contact_id=ann.pk, source="HR")

    assert not is_verified(ann)


def test_an_attested_number_is_audited_and_shown_as_such(ann: Contact, now: datetime, settings: Any) -> None:
    settings.ATTESTED_PHONES = True
    send(now, ann)

    services.attest_phone(by=SHELL, now=now, contact_id=ann.pk, source="HR directory")

    proof = verification_proof(ann.pk)
    assert proof is not None
    assert (proof.method, proof.source, proof.sent_at) == (VerificationMethod.ATTESTED, "HR directory", None)
    assert is_verified(ann)
    assert LogEntry.objects.latest("pk").changes["attested_by"] == ["", "HR directory"]
    with pytest.raises(ConflictError):
        services.attest_phone(by=SHELL, now=now, contact_id=ann.pk, source="HR directory")


@pytest.mark.parametrize("source", ["", "  ", "x" * 129])
def test_vouching_names_its_source(ann: Contact, now: datetime, settings: Any, source: str) -> None:
    settings.ATTESTED_PHONES = True

    with pytest.raises(InvalidInputError) as refused:
        services.attest_phone(by=SHELL, now=now, contact_id=ann.pk, source=source)

    assert list(refused.value.fields) == ["source"]


def test_a_time_zone_changes_nothing_about_limits(ann: Contact, now: datetime) -> None:
    send(now.astimezone(ZoneInfo("Asia/Shanghai")), ann)

    (result,) = send(now + timedelta(seconds=1), ann)

    assert result.retry_at == now + MINUTE
