"""Texts over Kannel's HTTP door and its SMPP client to an operator's SMSC, and their reports back to our door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from simulators.kannel import Kannel
from simulators.recorder import Recorder
from simulators.smsc import Smsc
from simulators.waiting import wait_until
from tests.stories.harness import Story
from tocsin.delivery.models import Receipt

CHINESE = "磁盘空间不足，请立即处理。" * 4


@pytest.fixture(scope="module")
def smsc() -> Iterator[Smsc]:
    with Smsc() as running:
        yield running


@pytest.fixture(scope="module")
def kannel(smsc: Smsc) -> Iterator[Kannel]:
    with Kannel(smsc) as running:
        yield running


@pytest.fixture
def reports(settings: Any) -> Iterator[Recorder]:
    with Recorder() as running:
        settings.PUBLIC_URL = running.url
        yield running


@pytest.fixture(autouse=True)
def account(story: Story, kannel: Kannel, smsc: Smsc, reports: Recorder) -> None:
    smsc.receipts = "DELIVRD"
    smsc.parts.clear()
    story.account(
        "http_sms", preset="kannel", url=kannel.url, username=kannel.username, password=kannel.password, sender="10086"
    )


FINAL = {"1", "2", "16"}
"""Delivered, not delivered, refused by the operator."""


def handed_over(reports: Recorder, *, final: int, within: float = 60.0, first: int = 0) -> None:
    """Kannel's reports, as its requests reach our door, from the `first` on; so many of them are the last word."""

    def words() -> int:
        return sum(request.query["type"] in FINAL for request in reports.requests)

    wait_until(lambda: words() >= final, within=within, what=f"{final} final reports")
    for request in reports.requests[first:]:
        assert Client().get(request.path, request.query).status_code == 200


def effects() -> list[tuple[str, str]]:
    return list(Receipt.objects.order_by("pk").values_list("status", "effect"))


def test_a_long_text_arrives_as_one_message_and_another_one_fails(story: Story, smsc: Smsc, reports: Recorder) -> None:
    ann, bob = story.contact("Ann", phone="+8613800000001"), story.contact("Bob", phone="+8613800000002")
    story.policy({ann: ["sms"], bob: ["sms"]})
    smsc.answer("8613800000002", *["UNDELIV"] * 3)

    story.fires("DiskFull", summary=CHINESE)
    story.passes(5)
    handed_over(reports, final=2)

    texts = dict(smsc.texts())
    assert sorted(texts) == ["8613800000001", "8613800000002"]
    assert all(CHINESE in text for text in texts.values())
    assert story.expect_text(ann, CHINESE).delivery.state == "delivered"
    failed = story.expect_text(bob, CHINESE).delivery
    assert (failed.state, failed.reason) == ("failed", "undelivered")


@pytest.mark.thorough
def test_a_report_that_comes_late_and_twice_delivers_once(story: Story, smsc: Smsc, reports: Recorder) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    story.policy({ann: ["sms"]})
    smsc.receipts = ""

    story.fires("DiskFull")
    story.passes(5)
    [part] = smsc.wait_for(1)
    reports.wait_for(1)
    handed_over(reports, final=0)
    early = story.delivery(ann, "sms").state
    story.passes(3600 * 3)
    smsc.report(part)
    handed_over(reports, final=1, first=1)
    handed_over(reports, final=1, first=1)

    assert early == "accepted"
    assert story.expect_text(ann, "DiskFull").delivery.state == "delivered"
    assert effects() == [("queued", "late"), ("delivered", "applied")]


@pytest.mark.thorough
def test_what_the_operator_refuses_fails_by_its_report(story: Story, smsc: Smsc, reports: Recorder) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    story.policy({ann: ["sms"]})
    smsc.answer("8613800000001", "0x0b")

    story.fires("DiskFull")
    story.passes(5)
    handed_over(reports, final=1)

    failed = story.expect_text(ann, "DiskFull").delivery
    assert (failed.state, failed.reason) == ("failed", "undelivered")
    assert "0x0000000b" in Receipt.objects.get().detail


@pytest.mark.thorough
def test_a_text_to_an_operator_that_is_away_is_delivered_when_it_is_back(
    story: Story, smsc: Smsc, reports: Recorder
) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    story.policy({ann: ["sms"]})
    smsc.disconnect()

    story.fires("DiskFull")
    story.passes(5)
    queued = story.delivery(ann, "sms").state
    smsc.wait_for(1)
    handed_over(reports, final=1)

    assert queued == "accepted"
    assert story.expect_text(ann, "DiskFull").delivery.state == "delivered"
