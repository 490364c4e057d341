"""What follows a phone notification that failed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import override_settings

from tests.stories.harness import ADMIN, SentMessage, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import claim_alert
from tocsin.channels.base import Receipt, ReceiptStatus
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import disable_account
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import set_default_fallback
from tocsin.core.ids import to_base36
from tocsin.core.tickets import ticket
from tocsin.delivery.alert_links import alert_link
from tocsin.delivery.foreseeing import coming
from tocsin.delivery.link_texts import PURPOSE
from tocsin.delivery.models import Delivery
from tocsin.delivery.services import record_receipts
from tocsin.delivery.worker import run_due


def test_a_text_message_follows_when_nobody_picks_up(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})

    story.fires("Disk full", instance="db1")
    story.passes(5)
    call = story.expect_call(ann, "Disk full", "Press 1")
    story.passes(29)
    story.expect_silence()
    story.passes(1)

    story.expect_text(ann, "[P6] Disk full")
    assert (call.delivery.state, call.delivery.reason) == ("failed", "no_receipt")
    assert story.delivery(ann, "sms").fallback_of_id == call.delivery_id


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (ReceiptStatus.BUSY, "busy"),
        (ReceiptStatus.NO_ANSWER, "no_answer"),
        (ReceiptStatus.REJECTED, "rejected"),
        (ReceiptStatus.UNREACHABLE, "unreachable"),
        (ReceiptStatus.MACHINE, "machine"),
    ],
)
def test_a_call_that_reached_no_person_has_failed(story: Story, status: ReceiptStatus, reason: str) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    call = story.expect_call(ann)

    account = ProviderAccount.objects.get(provider="outbox_phone")
    record_receipts(account=account, receipts=[Receipt(status, reference=to_base36(call.delivery_id))], now=story.now)
    story.passes()

    story.expect_text(ann)
    assert (call.delivery.state, call.delivery.reason) == ("failed", reason)


@override_settings(MACHINE_ANSWERS=True)
def test_a_machine_counts_as_an_answer_where_the_settings_say_so(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    call = story.expect_call(ann)

    account = ProviderAccount.objects.get(provider="outbox_phone")
    receipt = Receipt(ReceiptStatus.MACHINE, reference=to_base36(call.delivery_id))
    record_receipts(account=account, receipts=[receipt], now=story.now)
    story.passes(60)

    assert call.delivery.state == "delivered"


def test_an_answered_call_is_delivered_and_nothing_follows(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)

    call = story.expect_call(ann).answer()
    story.passes(600)

    assert call.delivery.state == "delivered"
    assert story.alert().state == "pending"


def test_a_pressed_key_is_a_claim(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)

    story.expect_call(ann).press("1")

    assert (story.alert().state, story.alert().claimed_by) == ("handling", "Ann")
    assert "Ann claimed it by pressing a key" in [entry.title for entry in story.timeline()]


def test_who_wants_no_fallback_gets_none(story: Story) -> None:
    ann = story.contact(fallback=Fallback.NONE)
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)

    story.expect_call(ann).is_busy()
    story.passes(600)

    story.expect_silence()


def test_call_again_means_once_sixty_seconds_later(story: Story) -> None:
    ann = story.contact(fallback=Fallback.CALL)
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)

    story.expect_call(ann).is_busy()
    story.passes(59)
    story.expect_silence()
    story.passes(1)
    story.expect_call(ann, "Disk full").is_busy()
    story.passes(600)

    story.expect_silence()


def test_the_text_after_a_call_that_no_account_carries_any_more_goes_out_at_once(story: Story) -> None:
    ann = story.contact(fallback=Fallback.SMS)
    account = ProviderAccount.objects.get(provider="outbox_phone")
    ProviderAccount.objects.filter(pk=account.pk).update(limit_count=1, limit_seconds=600)
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_call(ann).answer()
    story.fires("Load high")
    story.passes(40)
    held = Delivery.objects.get(channel="phone", state="held")
    disable_account(by=ADMIN, now=story.now, account_id=account.pk)
    assert held.next_at is not None

    run_due(held.next_at)

    story.expect_text(ann, "Load high")


def test_changing_the_default_acts_at_once_on_all_who_use_it(story: Story) -> None:
    ann, bob = story.contact(), story.contact(fallback=Fallback.SMS)
    story.policy({ann: ["phone"], bob: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    calls = [story.expect_call(ann), story.expect_call(bob)]

    set_default_fallback(by=ADMIN, now=story.now, fallback=Fallback.NONE, version=None)
    for call in calls:
        call.refuse()

    story.expect_text(bob)
    story.expect_silence()


def test_a_fallback_text_is_skipped_when_the_same_notification_s_text_has_arrived(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone", "sms"]})
    story.fires("Disk full")
    story.passes(5)

    story.expect_text(ann).arrive()
    story.expect_call(ann).ring_out()

    skipped = story.delivery(ann, "sms")
    assert (skipped.state, skipped.reason) == ("skipped", "already_texted")


def test_a_fallback_text_is_sent_while_the_other_text_is_only_accepted(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone", "sms"]})
    story.fires("Disk full")
    story.passes(5)

    story.expect_text(ann)
    story.expect_call(ann).ring_out()

    story.expect_text(ann, "Disk full")


def test_a_call_that_could_not_be_placed_at_all_has_failed(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(4)

    story.passes(1)
    story.expect_call(ann).answer()
    story.fires("Disk full", instance="db2")
    account = ProviderAccount.objects.get(provider="outbox_phone")
    ProviderAccount.objects.filter(pk=account.pk).update(limit_count=1, limit_seconds=600)
    story.passes(30)
    story.expect_call(ann).answer()
    story.fires("Disk full", instance="db3")
    story.passes(30)
    story.expect_silence()
    story.passes(60)

    held = story.delivery(ann, "phone")
    assert (held.state, held.reason) == ("failed", "held_too_long")
    story.expect_text(ann, "Disk full")


def test_a_call_with_no_account_left_has_failed(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]}, group_wait=0)
    ann2 = ann
    story.fires("Disk full")
    from tocsin.delivery.planning import plan_due

    plan_due(story.now)
    account = ProviderAccount.objects.get(provider="outbox_phone")
    disable_account(by=ADMIN, now=story.now, account_id=account.pk)
    story.passes()

    call = story.delivery(ann2, "phone")
    assert (call.state, call.reason) == ("failed", "no_account")
    story.expect_text(ann)


def test_a_claim_stops_what_was_not_sent_yet(story: Story) -> None:
    ann, bob = story.contact(fallback=Fallback.CALL), story.contact()
    story.policy({ann: ["phone"], bob: ["phone"]})
    story.fires("Disk full")
    story.passes(5)

    story.expect_call(ann).is_busy()
    story.expect_call(bob).press("1")
    story.passes(600)

    again = story.delivery(ann, "phone")
    assert (again.state, again.reason) == ("skipped", "claimed")


def test_calls_to_one_person_due_together_become_one_call_that_names_how_many(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.fires("Memory low")
    story.passes(5)

    call = story.expect_call(ann, "2 notifications", "Disk full", "Memory low")
    call.press("1")

    assert call.delivery.stands_for == 2
    assert {alert.state for alert in _alerts()} == {"handling"}


def test_a_person_on_the_phone_with_us_is_not_called_meanwhile(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    call = story.expect_call(ann, "Disk full")
    story.fires("Memory low")
    story.passes(15)
    story.expect_silence()

    call.answer()
    story.passes(5)

    story.expect_call(ann, "Memory low").answer()


def test_the_text_after_a_call_that_stood_for_several_names_them_all(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.fires("Memory low")
    story.passes(5)

    story.expect_call(ann).ring_out()

    story.expect_text(ann, "Disk full", "Memory low")


def _alerts() -> list[object]:
    from tocsin.alerts.models import Alert

    return list(Alert.objects.all())


def test_the_deadline_of_a_call_is_thirty_seconds(story: Story) -> None:
    ann = story.contact(fallback=Fallback.NONE)
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)

    call = story.expect_call(ann)

    assert call.delivery.deadline_at == story.now + timedelta(seconds=30)


def test_key_two_resolves_and_key_three_says_that_there_is_nothing_to_escalate_to(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)

    call = story.expect_call(ann, "Press 2 to resolve it.", "Press 3 to escalate it now.")
    call.press("3")
    story.expect_text(ann, "Disk full: The notification policy of this alert has no escalation.")
    assert story.alert().state == "pending"
    call.press("2")

    assert (story.alert().state, story.alert().resolved_by) == ("resolved", "Ann")
    titles = [entry.title for entry in story.timeline()]
    assert "Ann resolved it by pressing a key" in titles


def called_about_two(story: Story, fallback: Fallback) -> tuple[SentMessage, Alert, Alert]:
    """One call to Ann for two alerts, that of the call itself first."""
    ann = story.contact("Ann", fallback=fallback)
    story.policy({ann: ["phone"]}, group_by=["host"], group_wait=0, sends_recovery=False)
    story.fires("Disk full", host="db0")
    story.fires("Disk full", host="db1")
    story.passes()
    call = story.expect_call(ann, "2 notifications")
    notification = call.delivery.notification
    assert notification is not None
    return call, notification.alert, Alert.objects.exclude(pk=notification.alert_id).get()


def test_a_second_call_stands_for_what_the_first_one_did(story: Story) -> None:
    call, first, second = called_about_two(story, Fallback.CALL)
    call.ring_out()
    foreseen = coming([first.pk, second.pk], story.now)
    story.passes(60)

    story.expect_call(Contact.objects.get(), "Press 1 to claim them").press("1")

    assert {alert.state for alert in Alert.objects.all()} == {"handling"}
    assert [[item.text for item in items] for items in foreseen.values()] == [["Ann is called again"]] * 2


def test_a_key_whose_report_is_late_counts_for_all_that_the_call_told_of(story: Story) -> None:
    call, _first, _second = called_about_two(story, Fallback.CALL)
    call.ring_out()

    call.press("1")
    story.passes(120)

    assert {alert.state for alert in Alert.objects.all()} == {"handling"}


@pytest.mark.parametrize("fallback", [Fallback.CALL, Fallback.SMS])
def test_what_is_claimed_before_its_fallback_goes_out_takes_no_other_alert_along(
    story: Story, fallback: Fallback
) -> None:
    call, first, second = called_about_two(story, fallback)
    account = call.delivery.account
    assert account is not None
    receipt = Receipt(ReceiptStatus.BUSY, reference=to_base36(call.delivery_id))
    record_receipts(account=account, receipts=[receipt], now=story.now)

    claim_alert(by=ADMIN, now=story.now, alert_id=first.pk)
    story.passes(60 if fallback is Fallback.CALL else 1)

    again = Delivery.objects.filter(notification__alert_id=second.pk, channel="phone").latest("pk")
    assert (again.state, again.merged_into_id) == ("accepted", None)
    story.expect_many(1)
    SentMessage(story, again.pk).answer()


def test_the_link_of_the_text_after_a_call_opens_every_alert_that_the_call_told_of(story: Story) -> None:
    call, first, second = called_about_two(story, Fallback.SMS)
    call.refuse()
    [text] = Delivery.objects.filter(channel="sms")
    story.expect_many(1)

    link = alert_link(ticket(settings.SECRET_KEYS[0], PURPOSE, text.pk), story.now)

    assert link is not None
    assert {alert.pk for alert in link.alerts} == {first.pk, second.pk}


def test_a_text_about_one_of_two_alerts_does_not_stand_for_that_of_the_other(story: Story) -> None:
    ann = story.contact("Ann", fallback=Fallback.SMS)
    fire, flood = ([{"key": "alertname", "operator": "eq", "value": name}] for name in ("Fire", "Flood"))
    story.policy({ann: ["phone"]}, group_wait=0, rules=[fire])
    story.policy({ann: ["phone", "sms"]}, group_wait=0, rules=[flood])
    story.fires("Fire")
    story.fires("Flood")
    story.passes()
    story.expect_text(ann, "Flood").arrive()

    story.expect_call(ann, "1: Flood", "2: Fire").ring_out()

    story.expect_text(ann, "Fire")
