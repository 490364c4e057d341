"""From an event to its messages, and what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import claim_alert, comment_alert, resolve_alert, unclaim_alert
from tocsin.channels.base import Receipt, ReceiptStatus
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import disable_account
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import delete_contacts, import_contact, update_contact
from tocsin.core.ids import to_base36
from tocsin.delivery.auditor import find_faults
from tocsin.delivery.explaining import explain
from tocsin.delivery.models import Delivery, Notification
from tocsin.delivery.models import Receipt as ReceiptRow
from tocsin.delivery.planning import plan_due
from tocsin.delivery.planning_faults import planning_faults
from tocsin.delivery.services import record_receipts
from tocsin.delivery.timeline import timeline
from tocsin.policies.services import disable_policy, enable_policy, save_policy


def test_a_firing_rule_reaches_a_verified_contact_by_phone_text_and_mail(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone", "sms", "email"]})

    story.fires("Disk full", summary="/var is at 97 %", instance="db1", severity="critical")
    story.passes(4)
    story.expect_silence()
    story.passes(1)

    story.expect_call(ann, "Severity 1", "Disk full", "instance db1").answer()
    story.expect_text(ann, "[P1] Disk full", "/var is at 97 %")
    story.expect_mail(ann, "[P1] Disk full", "instance=db1", "/var is at 97 %")


def test_an_unverified_number_gets_neither_call_nor_text_and_the_timeline_says_so(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    story.policy({ann: ["phone", "sms", "email"]})

    story.fires("Disk full")
    story.passes(5)

    story.expect_mail(ann)
    reasons = [reason for entry in story.timeline() for reason in entry.reasons]
    assert reasons == [
        "Ann (phone): the phone number is not verified",
        "Ann (sms): the phone number is not verified",
    ]


def test_when_nobody_can_be_told_the_timeline_shouts(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    story.policy({ann: ["phone"]})

    story.fires("Disk full")
    story.passes(5)

    entry = next(entry for entry in story.timeline() if entry.kind == "nobody_told")
    assert (entry.title, entry.level) == ("Notification (fired): nobody could be told", "bad")


def test_a_number_verified_meanwhile_is_called_at_the_next_notification(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    story.policy({ann: ["sms"]})
    story.fires("Disk full", instance="db1")
    story.passes(5)
    type(ann).objects.filter(pk=ann.pk).update(phone_verified_at=story.now)

    story.fires("Disk full", instance="db2")
    story.passes(60)

    story.expect_text(ann, "more events: 2 are active now")
    assert "Everybody can be told now" in [entry.title for entry in story.timeline()]


def test_a_number_changed_after_the_plan_is_not_texted(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms"]}, group_wait=0)
    story.fires("Disk full")
    plan_due(story.now)

    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=None, phone="+8613911112222")
    story.passes()

    delivery = story.delivery(ann, "sms")
    assert (delivery.state, delivery.reason) == ("skipped", "unverified_phone")


def test_events_of_one_group_are_one_message_and_later_ones_wait_for_the_interval(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    for number in range(3):
        story.fires("Disk full", instance=f"db{number}")

    story.passes(5)
    story.expect_mail(ann, "firing: 3 events")
    story.fires("Disk full", instance="db9")
    story.passes(29)
    story.expect_silence()
    story.passes(1)

    story.expect_mail(ann, "more events: 4 are active now", "Re: [P6] Disk full")


def test_an_empty_list_of_grouping_fields_makes_one_message_of_everything(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]}, group_by=[])
    story.fires("Disk full")
    story.fires("Memory low")

    story.passes(5)

    story.expect_mail(ann, "firing: 2 events", "Disk full", "Memory low")


def test_when_all_events_recovered_so_does_the_alert_and_the_same_people_are_told(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email", "sms"]})
    story.fires("Disk full", instance="db1")
    story.fires("Disk full", instance="db2")
    story.passes(5)
    story.expect_mail(ann)
    story.expect_text(ann)

    story.recovers("Disk full", instance="db1")
    story.passes(60)
    story.expect_silence()
    story.recovers("Disk full", instance="db2")
    story.passes(60)

    story.expect_mail(ann, "Disk full: recovered")
    story.expect_text(ann, "recovered")
    assert story.alert().state == "resolved"
    assert "Some events recovered; 1 still active" in [entry.title for entry in story.timeline()]


def test_what_recovers_within_the_group_wait_bothers_nobody(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    story.fires("Disk full")
    story.passes(2)

    story.recovers("Disk full")
    story.passes(600)

    assert story.alert().state == "resolved"
    assert not Notification.objects.exists()


def test_no_recovery_notice_where_the_policy_wants_none(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]}, sends_recovery=False)
    story.fires("Disk full")
    story.passes(5)
    story.expect_mail(ann)

    story.recovers("Disk full")
    story.passes(60)

    assert story.alert().state == "resolved"


def test_a_recovery_is_not_told_to_who_never_heard_of_the_firing(story: Story) -> None:
    ann = story.contact(fallback=Fallback.NONE)
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_call(ann).ring_out()

    story.recovers("Disk full")
    story.passes(60)

    recovery = story.delivery(ann, "sms")
    assert (recovery.state, recovery.reason) == ("skipped", "firing_never_sent")


def test_good_news_wakes_nobody_but_is_texted_to_who_was_called(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_call(ann).press("1")

    story.recovers("Disk full")
    story.passes(60)

    story.expect_text(ann, "Disk full: recovered")


def test_who_heard_of_it_by_the_fallback_text_hears_of_the_recovery_too(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_call(ann).ring_out()
    story.expect_text(ann, "firing: 1 event")

    story.recovers("Disk full")
    story.passes(60)

    story.expect_text(ann, "recovered")


def test_a_recovery_is_called_where_nothing_carries_texts(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    account = ProviderAccount.objects.get(provider="outbox_sms")
    disable_account(by=ADMIN, now=story.now, account_id=account.pk)
    story.fires("Disk full")
    story.passes(5)
    story.expect_call(ann).answer()

    story.recovers("Disk full")
    story.passes(60)

    story.expect_call(ann, "recovered").answer()


def test_a_condition_that_fires_again_opens_a_new_alert(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_mail(ann)
    story.recovers("Disk full")
    story.passes(60)
    story.expect_mail(ann, "recovered")

    story.fires("Disk full")
    story.passes(5)

    story.expect_mail(ann, "firing: 1 event")
    assert Alert.objects.count() == 2


def test_a_repeated_report_is_compressed_and_told_once(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    for _ in range(5):
        event = story.fires("Disk full")
        story.passes(60)

    story.expect_mail(ann)
    event.refresh_from_db()
    assert event.count == 5


def test_a_person_named_by_two_groups_is_told_once(story: Story) -> None:
    ann, bob = story.contact(), story.contact()
    story.policy({story.group(ann, bob): ["email"], story.group(ann): ["email", "sms"], ann: ["email"]})

    story.fires("Disk full")
    story.passes(5)

    story.expect_mail(ann)
    story.expect_text(ann)
    story.expect_mail(bob)


def test_an_empty_group_warns(story: Story) -> None:
    story.policy({story.group(name="Nobody"): ["email"]})

    story.fires("Disk full")
    story.passes(5)

    assert "Nobody: the group has no members" in [reason for entry in story.timeline() for reason in entry.reasons]


def test_a_deleted_contact_gets_nothing_further_and_its_past_stays_readable(story: Story) -> None:
    ann, bob = story.contact("Ann", phone="+8613800001234"), story.contact()
    story.policy({ann: ["phone", "sms"], bob: ["email"]}, group_wait=0)
    story.fires("Disk full")
    plan_due(story.now)

    delete_contacts(by=ADMIN, now=story.now, ids=[ann.pk])
    story.passes()

    story.expect_mail(bob)
    left = Delivery.objects.filter(recipient_id=ann.pk).values_list(
        "state", "reason", "recipient_name", "address_masked"
    )
    assert list(left) == [("cancelled", "contact_deleted", "Ann", "+86 138 **** 1234")] * 2


def test_an_alert_keeps_the_policy_it_began_with(story: Story) -> None:
    ann, bob = story.contact(), story.contact()
    policy = story.policy({ann: ["email"]})
    story.fires("Disk full", instance="db1")
    story.passes(5)
    story.expect_mail(ann)

    save_policy(
        by=ADMIN, now=story.now, policy_id=policy.pk, name=policy.name, version=None, targets=[(bob.pk, ["email"])]
    )
    story.fires("Disk full", instance="db2")
    story.passes(60)
    story.fires("Memory low")
    story.passes(5)

    story.expect_mail(ann, "Disk full", "more events")
    story.expect_mail(bob, "Memory low")


def test_disabling_a_policy_acts_at_once_and_enabling_it_tells_what_was_missed(story: Story) -> None:
    ann = story.contact()
    policy = story.policy({ann: ["email"]})
    story.fires("Disk full")
    story.passes(2)

    disable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(300)
    story.expect_silence()
    enable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(60)

    story.expect_mail(ann, "Disk full")


def test_a_policy_made_after_the_event_began_sees_it(story: Story) -> None:
    ann = story.contact()
    story.fires("Disk full")
    story.passes(600)

    story.policy({ann: ["email"]})
    story.passes(5)

    story.expect_mail(ann, "Disk full")


def test_a_claim_is_seen_and_can_be_given_back(story: Story) -> None:
    story.policy({story.contact(): ["email"]}, name="Everything")
    story.fires("Disk full")
    alert = story.alert()

    claim_alert(by=ADMIN, now=story.now, alert_id=alert.pk)
    comment_alert(by=ADMIN, now=story.now, alert_id=alert.pk, text="Looking at it")
    unclaim_alert(by=ADMIN, now=story.now, alert_id=alert.pk)

    titles = [entry.title for entry in story.timeline()]
    assert titles == ["Alert opened", "Ada Admin claimed it", "Ada Admin commented", "Ada Admin gave it back"]


def test_an_alert_resolved_by_hand_opens_again_when_its_events_still_fire(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_mail(ann)

    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, text="Cleaned up")
    story.passes(4 * 3600 - 1)
    story.expect_silence()
    story.passes(1)

    story.expect_mail(ann, "still firing: 1 event")
    assert story.alert().state == "pending"


def test_an_alert_resolved_by_hand_stays_so_when_its_events_recover(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_mail(ann)
    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    story.recovers("Disk full")
    story.passes(5 * 3600)

    assert (story.alert().state, story.alert().resolved_by) == ("resolved", "Ada Admin")


def test_a_late_doubled_or_reordered_receipt_never_moves_a_state_back(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    text = story.expect_text(ann).arrive()

    text.fail()
    text.arrive()
    text.arrive()

    assert text.delivery.state == "delivered"
    rows = ReceiptRow.objects.order_by("pk").values_list("status", "count", "effect")
    assert list(rows) == [("delivered", 3, "applied"), ("failed", 1, "late")]


def test_a_receipt_that_names_nothing_we_sent_is_kept_and_does_nothing(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    text = story.expect_text(ann)
    account = text.delivery.account
    assert account is not None

    new = record_receipts(
        account=account,
        receipts=[
            Receipt(ReceiptStatus.DELIVERED, reference=to_base36(10**12)),
            Receipt(ReceiptStatus.DELIVERED, provider_id="unknown"),
        ],
        now=story.now,
    )

    assert new == 2
    assert text.delivery.state == "accepted"
    assert list(ReceiptRow.objects.values_list("delivery_id", "effect")) == [(None, ""), (None, "")]


def test_a_receipt_with_an_odd_date_counts_without_it_and_so_do_the_others_of_its_push(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    text = story.expect_text(ann)
    account = text.delivery.account
    assert account is not None
    hours_east = timezone(timedelta(hours=8))
    odd = [
        datetime(1, 1, 1, tzinfo=hours_east),
        datetime(1999, 12, 31, tzinfo=UTC),
        story.now + timedelta(days=2),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=8))),
    ]

    new = record_receipts(
        account=account,
        receipts=[
            *(Receipt(ReceiptStatus.DELIVERED, provider_id=f"odd{n}", occurred_at=at) for n, at in enumerate(odd)),
            Receipt(ReceiptStatus.DELIVERED, reference=to_base36(text.delivery_id), occurred_at=story.now),
        ],
        now=story.now,
    )

    assert (new, text.delivery.state) == (5, "delivered")
    assert set(ReceiptRow.objects.values_list("delivery_id", "occurred_at")) == {
        (None, None),
        (text.delivery_id, story.now),
    }


def test_an_id_that_the_vendor_gives_again_is_the_newer_messages(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    older = story.expect_text(ann, "Disk full")
    account = older.delivery.account
    assert account is not None
    receipt = Receipt(ReceiptStatus.DELIVERED, provider_id="7")
    Delivery.objects.filter(pk=older.delivery_id).update(provider_id="7")
    record_receipts(account=account, receipts=[receipt], now=story.now)
    story.fires("Load high")
    story.passes(5)
    newer = story.expect_text(ann, "Load high")
    Delivery.objects.filter(pk=newer.delivery_id).update(provider_id="7")

    new = [record_receipts(account=account, receipts=[receipt], now=story.now) for _ in range(2)]

    assert (new, older.delivery.state, newer.delivery.state) == ([1, 0], "delivered", "delivered")
    rows = ReceiptRow.objects.order_by("pk").values_list("delivery_id", "count", "effect")
    assert list(rows) == [(older.delivery_id, 1, "applied"), (newer.delivery_id, 2, "applied")]


def test_a_receipt_of_another_account_is_no_proof(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    text = story.expect_text(ann)
    other = story.account("outbox_sms")

    record_receipts(
        account=other, receipts=[Receipt(ReceiptStatus.DELIVERED, reference=to_base36(text.delivery_id))], now=story.now
    )

    assert text.delivery.state == "accepted"


def test_reachability_is_a_fact_with_a_date(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms", "phone"]})
    story.fires("Disk full")
    story.passes(5)

    story.expect_text(ann).arrive()
    story.expect_call(ann).refuse()

    reach = {row.channel: row for row in ann.reach.all()}
    assert reach["sms"].delivered_at == story.now
    assert (reach["phone"].failed_at, reach["phone"].failure) == (story.now, "rejected")


def test_an_imported_chatbot_keeps_working_whenever_its_contact_is_notified(story: Story) -> None:
    ann = import_contact(
        by=ADMIN, now=story.now, name="Old robot", legacy_chatbot_url="http://127.0.0.1:9/robot/send?access_token=x"
    )
    story.policy({ann: ["email"]})

    story.fires("Disk full")
    story.passes(5)

    delivery = story.delivery(ann, "dingtalk")
    assert (delivery.is_legacy_chatbot, delivery.state, delivery.attempt_count) == (True, "planned", 1)


def test_times_of_the_timeline_are_in_order(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_call(ann)
    story.passes(30)
    story.expect_text(ann)

    entries = story.timeline()

    assert [entry.kind for entry in entries] == ["opened", "notified", "delivery", "delivery"]
    assert entries[-1].at - entries[0].at == timedelta(seconds=35)


def test_an_alert_whose_rows_the_database_refuses_keeps_no_other_one_waiting(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Broken", instance="db1")
    story.passes(5)
    story.expect_text(ann, "Broken")
    Notification.objects.update(number=2**31 - 1)

    story.fires("Broken", instance="db2")
    story.passes(60)
    story.fires("Disk full")
    story.passes(5)

    story.expect_text(ann, "Disk full")
    assert Alert.objects.filter(due_at__lt=story.now).count() == 1
    assert "TocsinAlertsLate" in [fault.kind for fault in find_faults(story.now + timedelta(minutes=1))]
    stuck = Alert.objects.get(due_at__lt=story.now)
    told = [entry for entry in timeline(stuck.pk) if entry.kind == "planning_failed"]
    assert ["integer out of range" in entry.title for entry in told] == [True], "once, though it was tried four times"
    [policy] = explain({"alertname": "Broken"}, story.now).policies
    assert "integer out of range" in policy.open_alert_fault
    [fault], count = planning_faults(story.now)
    assert (fault.alert_id, fault.title, count) == (stuck.pk, "Broken", 1)

    Notification.objects.filter(number=2**31 - 1).update(number=1)
    story.passes(20)

    story.expect_text(ann, "more events: 2 are active now")
    assert planning_faults(story.now) == ([], 0)
