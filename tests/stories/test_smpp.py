"""Text messages over SMPP to an operator's SMSC, from the event to its receipts."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from simulators.smsc import Part, Smsc
from simulators.waiting import wait_until
from tests.stories.harness import Story
from tocsin.channels.base import Confirmed, InboundText, Receipt, ReceiptStatus, Said, SendResult
from tocsin.channels.providers.smpp.account import settings_of
from tocsin.channels.providers.smpp.sms import SmppSms
from tocsin.channels.registry import provider_type
from tocsin.delivery.addressing import kept_routes
from tocsin.delivery.claiming import Claimed, claim
from tocsin.delivery.models import Delivery
from tocsin.delivery.models import Receipt as StoredReceipt
from tocsin.delivery.planning import plan_due
from tocsin.delivery.recording import record
from tocsin.delivery.reports import record_reports
from tocsin.delivery.sending import OpenAccounts, Sent
from tocsin.delivery.services import record_receipts
from tocsin.delivery.worker import run_due

LONG = "磁盘空间不足，请立即处理。" * 4


@pytest.fixture
def smsc() -> Iterator[Smsc]:
    with Smsc(hex_ids=True) as running:
        yield running


def hears(story: Story, smsc: Smsc, *happens: Callable[[], object], count: int) -> None:
    """What the worker's kept connection brings while these happen at the SMSC, stored one after the other."""
    heard: list[tuple[int, Said]] = []

    async def keep(account_id: int, said: Said) -> None:
        if not isinstance(said, Confirmed):
            heard.append((account_id, said))

    routes = kept_routes()

    async def run() -> None:
        accounts = OpenAccounts(keep)
        accounts.keep_open(routes)
        await asyncio.to_thread(smsc.wait_until_bound)
        for act in happens:
            await asyncio.to_thread(act)
        await asyncio.to_thread(wait_until, lambda: len(heard) >= count)
        await accounts.aclose()

    asyncio.run(run())
    for said in heard:
        record_reports([said], story.now)
    run_due(story.now)


def sent_by(provider: SmppSms, claimed: Claimed) -> SendResult:
    async def run() -> SendResult:
        async with contextlib.aclosing(provider):
            return await provider.send(claimed.message)

    return asyncio.run(run())


def test_a_long_text_is_one_message_and_delivered_when_all_its_parts_are(story: Story, smsc: Smsc) -> None:
    ann = story.contact("Ann", phone="+8613800000000", language="zh-hans")
    story.policy({ann: ["sms"]})
    smsc.receipts = ""
    story.account("smpp", **smsc.config, sender="10086", message_ids="hex_to_decimal")

    story.fires("DiskFull", summary=LONG)
    story.passes(5)
    sent = story.expect_text(ann, LONG)
    first, second = smsc.wait_for(2)
    hears(story, smsc, lambda: smsc.report(second), count=1)
    waiting = sent.delivery.state
    hears(story, smsc, lambda: smsc.report(first, times=2), count=2)

    [(to, text)] = smsc.texts()
    assert (to, LONG in text) == ("8613800000000", True)
    assert (waiting, sent.delivery.state) == ("accepted", "delivered")
    effects = StoredReceipt.objects.order_by("pk").values_list("effect", "count")
    assert list(effects) == [("part", 1), ("applied", 2)]


def both_texted(story: Story, smsc: Smsc, **config: str) -> tuple[Delivery, Delivery, Part, Part]:
    """Ann's text and Bob's, whose ids are 16 and 22 in decimal, and 10 and 16 in hexadecimal digits."""
    ann, bob = story.contact("Ann", phone="+8613800000000"), story.contact("Bob", phone="+8613800000001")
    story.policy({ann: ["sms"], bob: ["sms"]})
    smsc.receipts, smsc.ids = "", itertools.count(0x10, 6)
    story.account("smpp", **smsc.config, **config)
    story.fires("DiskFull")
    story.passes(5)
    texts = [story.expect_text(person).delivery for person in (ann, bob)]
    parts = {part.to: part for part in smsc.wait_for(2)}
    first, second = parts["8613800000000"], parts["8613800000001"]
    return *sorted(texts, key=lambda text: text.provider_id), *sorted((first, second), key=lambda part: part.message_id)


@pytest.mark.parametrize("config", [{}, {"sender": "10086"}])
def test_an_id_that_may_be_of_two_texts_is_of_the_one_that_went_to_its_recipient(
    story: Story, smsc: Smsc, config: dict[str, str]
) -> None:
    first, second, part, _other = both_texted(story, smsc, **config)

    hears(story, smsc, lambda: smsc.report(part, times=2), count=2)  # "16", heard by a worker that sent neither

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.provider_id, second.provider_id) == ("10", "16")
    assert (first.state, second.state) == ("delivered", "accepted")
    assert list(StoredReceipt.objects.values_list("provider_id", "delivery_id", "count")) == [("10", first.pk, 2)]


def test_a_receipt_with_readings_that_is_faster_than_the_answer_waits_for_it(story: Story, smsc: Smsc) -> None:
    ann = story.contact("Ann", phone="+8613800000000")
    story.policy({ann: ["sms"]})
    smsc.receipts, smsc.ids = "", itertools.count(0x10)
    account = story.account("smpp", **smsc.config)
    story.fires("DiskFull")
    early = Receipt(ReceiptStatus.DELIVERED, provider_id="16", readings=("16", "10", "22"), parties=("8613800000000",))
    stranger = replace(early, provider_id="17", readings=("17", "11"), parties=("447700900123",))
    record_receipts(account=account, receipts=[early, stranger], now=story.now)

    story.passes(5)

    sent = story.expect_text(ann, "DiskFull").delivery
    assert (sent.provider_id, sent.state) == ("10", "delivered")
    found = StoredReceipt.objects.order_by("pk").values_list("provider_id", "readings", "delivery_id", "effect")
    assert list(found) == [("?16", ["10"], sent.pk, "applied"), ("?17", ["17", "11"], None, "")]
    assert list(StoredReceipt.objects.order_by("pk").values_list("parties", flat=True)) == [["0000"], ["0123"]]


def test_a_receipt_with_readings_is_of_no_text_that_is_sent_much_later(story: Story, smsc: Smsc) -> None:
    ann = story.contact("Ann", phone="+8613800000000")
    story.policy({ann: ["sms"]})
    smsc.receipts, smsc.ids = "", itertools.count(0x10)
    account = story.account("smpp", **smsc.config)
    old = Receipt(ReceiptStatus.FAILED, provider_id="16", readings=("16", "10"), parties=("8613800000000",))
    record_receipts(account=account, receipts=[old], now=story.now - timedelta(minutes=11))

    story.fires("DiskFull")
    story.passes(5)

    assert story.expect_text(ann, "DiskFull").delivery.state == "accepted"


def test_a_part_that_does_not_arrive_fails_the_message(story: Story, smsc: Smsc) -> None:
    ann = story.contact("Ann", phone="+8613800000000")
    story.policy({ann: ["sms"]})
    smsc.answer("8613800000000", "DELIVRD", "UNDELIV")
    story.account("smpp", **smsc.config)

    story.fires("DiskFull", summary="The disk of db-1 is full. " * 8)
    story.passes(5)

    sent = story.expect_text(ann, "disk of db-1")
    assert len(smsc.parts) == 2
    assert (sent.delivery.state, sent.delivery.reason) == ("failed", "undelivered")


def test_a_reply_over_the_kept_connection_claims_the_alert(story: Story, smsc: Smsc) -> None:
    ann = story.contact("Ann", phone="+8613800000000")
    story.policy({ann: ["sms"]})
    story.account("smpp", **smsc.config)
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann, "DiskFull")

    hears(story, smsc, lambda: smsc.write_back("+8613800000000", "1"), count=1)

    story.expect_text(ann, "you have claimed it")
    assert (story.alert().state, story.alert().claimed_by) == ("handling", "Ann")


def test_a_reply_that_comes_again_to_another_worker_acts_once_and_the_same_words_said_anew_act_again(
    story: Story, smsc: Smsc
) -> None:
    ann = story.contact("Ann", phone="+8613800000000")
    story.policy({ann: ["sms"]})
    account = story.account("smpp", **smsc.config)
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann, "DiskFull")
    claims = InboundText("8613800000000", "1", provider_id="a1", words="w1")

    def hear(said: Said) -> None:
        record_reports([(account.pk, said)], story.now)
        run_due(story.now)

    hear(claims)  # and dies before the SMSC has heard that it was taken
    story.expect_text(ann, "you have claimed it")
    hear(replace(claims, provider_id="b1"))
    story.expect_silence()
    hear(Confirmed("w1"))
    hear(replace(claims, provider_id="b2"))
    story.expect_text(ann, "Ann claimed this alert already")
    story.passes(601)
    hear(replace(claims, provider_id="c1"))  # nobody confirmed the last one, which nobody brings any more
    story.expect_text(ann, "Ann claimed this alert already")


def test_a_text_whose_answer_never_came_is_sent_once_more_and_said_to_be_in_doubt(story: Story, smsc: Smsc) -> None:
    ann = story.contact("Ann", phone="+8613800000000")
    story.policy({ann: ["sms"]})
    story.account("smpp", **smsc.config)
    smsc.answer("8613800000000", "drop")

    story.fires("DiskFull")
    story.passes(5)
    in_doubt = story.expect_text(ann, "DiskFull").delivery.state
    story.passes(10)
    sent = story.expect_text(ann, "DiskFull")

    assert (in_doubt, sent.delivery.state) == ("ambiguous", "delivered")
    assert [attempt.outcome for attempt in sent.delivery.attempts.all()] == ["ambiguous", "accepted"]


def test_a_text_of_which_a_part_was_refused_is_in_doubt_and_its_first_part_proves_nothing(
    story: Story, smsc: Smsc
) -> None:
    ann = story.contact("Ann", phone="+8613800000000")
    story.policy({ann: ["sms"]})
    story.account("smpp", **smsc.config)
    smsc.answer("8613800000000", "DELIVRD", "0x08")

    story.fires("DiskFull", summary="The disk of db-1 is full. " * 8)
    story.passes(5)
    in_doubt = story.expect_text(ann, "DiskFull").delivery
    first = list(in_doubt.receipts.values_list("status", "effect"))
    story.passes(10)
    sent = story.expect_text(ann, "DiskFull")

    assert (in_doubt.state, first, sent.delivery.state) == ("ambiguous", [("delivered", "part")], "delivered")
    assert [attempt.outcome for attempt in sent.delivery.attempts.all()] == ["ambiguous", "accepted"]


def test_an_smsc_that_wants_no_more_is_asked_again_later(story: Story, smsc: Smsc) -> None:
    ann = story.contact("Ann", phone="+8613800000000")
    story.policy({ann: ["sms"]})
    story.account("smpp", **smsc.config)
    smsc.throttle(0x58, 0x14)
    impatient = SmppSms(settings_of(provider_type("smpp").complete(smsc.config)), throttled_for=0)

    story.fires("DiskFull")
    story.now += timedelta(seconds=5)
    plan_due(story.now)
    [claimed] = claim(story.now, worker_id=1)
    record([Sent(claimed, sent_by(impatient, claimed), story.now)], story.now)
    held = story.delivery(ann, "sms")
    story.passes(timedelta(minutes=2).total_seconds())

    assert (held.state, smsc.refused) == ("held", [0x58, 0x14])
    assert story.expect_text(ann, "DiskFull").delivery.state == "delivered"
