"""A number is proved through a text that really goes out, before anything else may be sent to it."""

from __future__ import annotations

from datetime import timedelta

from tests.stories.harness import ADMIN, Story
from tocsin.channels.kinds import Channel
from tocsin.contacts.queries import count_simulated_proofs, token_of, verification_proof
from tocsin.contacts.services import update_contact, verify_by_link
from tocsin.delivery.models import Content, Delivery
from tocsin.delivery.queries import outbox_messages
from tocsin.delivery.services import send_test
from tocsin.delivery.verifications import send_verifications


def test_a_contact_verifies_through_the_text_and_is_then_called(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    story.policy({ann: ["sms"]})
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.passes()

    sent = story.expect_text(ann)
    [message] = [item for item in outbox_messages() if item.delivery.pk == sent.delivery_id]
    token = message.text.split("/v/")[1].split()[0].rstrip(".")
    verify_by_link(token=token, address="192.0.2.7", now=story.now)
    story.fires("Disk full")
    story.passes(5)

    story.expect_text(ann, "Disk full")
    proof = ann.verifications.get()
    assert (proof.sent_via, proof.verified_from) == ("Outbox (text messages)", "192.0.2.7")
    assert proof.sent_at is not None


def test_a_proof_that_only_the_outbox_carried_is_known_as_such(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.passes()
    story.expect_text(ann)
    before = count_simulated_proofs()
    verify_by_link(token=token_of(ann.verifications.get()), address="192.0.2.7", now=story.now)

    proof = verification_proof(ann.pk)

    assert (before, count_simulated_proofs()) == (0, 1)
    assert proof is not None
    assert proof.is_simulated

    ann.verifications.update(sent_via="A real account")

    assert count_simulated_proofs() == 0


def test_nothing_of_a_verification_text_is_stored(story: Story) -> None:
    ann = story.contact(verified=False)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.passes()

    delivery = story.expect_text(ann).delivery

    assert delivery.content_id is None
    assert not Content.objects.exists()
    assert delivery.address_masked.endswith(f" **** {str(ann.phone)[-4:]}")


def test_the_verification_text_is_the_one_message_an_unverified_number_may_get(story: Story) -> None:
    ann = story.contact(verified=False)

    test = send_test(by=ADMIN, now=story.now, object_id=ann.pk, channel=Channel.SMS)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.passes()

    story.expect_text(ann)
    test.refresh_from_db()
    assert (test.state, test.reason) == ("skipped", "unverified_phone")


def test_a_verification_goes_before_calls_and_calls_before_the_rest(story: Story) -> None:
    ann, bob = story.contact(), story.contact(verified=False)
    story.policy({ann: ["phone", "email"]}, group_wait=0)
    story.fires("Disk full")
    send_verifications(by=ADMIN, now=story.now, contact_ids=[bob.pk])
    from tocsin.delivery.claiming import claim
    from tocsin.delivery.planning import plan_due

    plan_due(story.now)

    order = [claim(story.now, worker_id=1, limit=1)[0].message.channel for _ in range(3)]

    assert order == ["sms", "phone", "email"]


def test_a_verification_is_not_sent_when_the_number_was_changed_before_it_went_out(story: Story) -> None:
    ann = story.contact(verified=False)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=None, phone="+8613911112222")

    story.passes()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason) == ("cancelled", "replaced")


def test_a_verification_that_waited_past_its_end_is_not_sent(story: Story) -> None:
    ann = story.contact(verified=False)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.now += timedelta(hours=25)

    story.passes()

    assert Delivery.objects.get().state == "cancelled"
