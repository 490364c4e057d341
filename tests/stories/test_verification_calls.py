"""A code that a voice reads out proves a number that gets no texts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from simulators.softphone import Softphone
from tests.stories.harness import ADMIN, Story
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import disable_account
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import verification_proof
from tocsin.contacts.rules import VerificationMethod, VerifyOutcome
from tocsin.contacts.services import verify_by_code
from tocsin.delivery.queries import outbox_messages
from tocsin.delivery.verifications import SendOutcome, may_call_with_code, preview_verifications, send_verifications

LANDLINE = "+861062221234"


def called(story: Story, contact: Contact) -> str:
    """The text of the call that the contact has just got."""
    sent = story.expect_call(contact)
    [message] = [item for item in outbox_messages() if item.delivery.pk == sent.delivery_id]
    sent.answer()
    return message.text


def without(story: Story, provider: str) -> None:
    disable_account(by=ADMIN, now=story.now, account_id=ProviderAccount.objects.get(provider=provider).pk)


def test_the_code_is_read_digit_by_digit_twice_and_proves_the_number_by_call(story: Story) -> None:
    ann = story.contact("Ann", verified=False)

    [result] = send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk], by_call=True)
    story.passes()
    spoken = called(story, ann)

    assert (result.outcome, result.method) == (SendOutcome.SENT, VerificationMethod.CALL)
    first, second = re.findall(r"(?:\d, ){7}\d\.", spoken)
    assert first == second
    code = first.replace(", ", "").rstrip(".")
    verified = verify_by_code(phone=ann.phone or "", code=code, address="192.0.2.7", now=story.now)
    proof = verification_proof(ann.pk)
    assert verified.outcome == VerifyOutcome.VERIFIED
    assert proof is not None
    assert (proof.method, proof.sent_via) == (VerificationMethod.CALL, "Outbox (simulated phone)")


def test_it_is_read_in_the_language_of_the_contact(story: Story) -> None:
    fang = story.contact("王芳", verified=False, language="zh-hans")

    send_verifications(by=ADMIN, now=story.now, contact_ids=[fang.pk], by_call=True)
    story.passes()

    spoken = called(story, fang)
    assert "确认此号码的验证码是" in spoken
    assert "再说一遍" in spoken


def test_a_landline_gets_no_text_but_a_call(story: Story) -> None:
    ann = story.contact("Ann", phone=LANDLINE, verified=False)

    [texted] = send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    [rung] = send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk], by_call=True)
    story.passes()

    assert (texted.outcome, rung.outcome) == (SendOutcome.REFUSED, SendOutcome.SENT)
    assert called(story, ann)


def test_texts_and_calls_count_towards_the_same_limits(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.passes(59)
    story.expect_text(ann)

    [early] = send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk], by_call=True)
    story.passes(1)
    [later] = send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk], by_call=True)
    story.passes()

    assert (early.outcome, early.retry_at) == (SendOutcome.LIMITED, story.now)
    assert later.outcome == SendOutcome.SENT
    assert called(story, ann)


def test_where_nothing_carries_texts_the_call_comes_by_itself(story: Story) -> None:
    without(story, "outbox_sms")
    ann = story.contact("Ann", verified=False)

    [before] = preview_verifications(now=story.now, contact_ids=[ann.pk])
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.passes()

    assert before.method is VerificationMethod.CALL
    assert called(story, ann)


def test_where_nothing_carries_calls_none_is_offered(story: Story) -> None:
    without(story, "outbox_phone")
    ann = story.contact("Ann", verified=False)

    [result] = send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk], by_call=True)

    assert not may_call_with_code()
    assert (result.outcome, result.method) == (SendOutcome.REFUSED, None)
    assert "No account for phone calls is enabled" in result.detail


def test_a_code_that_was_spoken_ends_after_a_quarter_of_an_hour(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk], by_call=True)
    story.passes()
    code = re.search(r"(?:\d, ){7}\d", called(story, ann))
    assert code is not None

    late = story.now + timedelta(minutes=15)
    verified = verify_by_code(phone=ann.phone or "", code=code[0], address="", now=late)

    assert verified.outcome == VerifyOutcome.EXPIRED


@pytest.mark.thorough
def test_a_real_telephone_hears_the_code(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    with Softphone() as phone:
        story.account("sip", server=f"127.0.0.1:{phone.port}", register="no", dial=phone.address)

        send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
        story.passes()
        heard = phone.call()

    delivery = story.expect_call(ann).delivery
    assert (delivery.state, delivery.purpose) == ("delivered", "verification")
    assert heard.seconds > 6
