"""The kannel preset against Debian's Kannel, its fake operator, and delivery reports that arrive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

import pytest

from simulators.kannel import Kannel
from simulators.recorder import Recorder
from simulators.waiting import wait_until
from tests.contracts.sending import SMS, send
from tocsin.channels.base import CallbackRequest, Outcome, Receipt, ReceiptStatus
from tocsin.channels.registry import provider_type

HTTP_SMS = provider_type("http_sms")


@pytest.fixture(scope="module")
def kannel() -> Iterator[Kannel]:
    with Kannel() as running:
        yield running


@pytest.fixture
def reports() -> Iterator[Recorder]:
    with Recorder() as running:
        yield running


def config_for(kannel: Kannel, **more: str) -> dict[str, str]:
    return {"preset": "kannel", "url": kannel.url, "username": kannel.username, "password": kannel.password, **more}


def test_texts_arrive_in_their_alphabet_and_are_reported(kannel: Kannel, reports: Recorder) -> None:
    before = len(kannel.texts())
    plain = replace(SMS, reference="k1", text="Disk “full” – é €…", receipt_url=f"{reports.url}/callbacks/http_sms/tok")
    chinese = replace(SMS, reference="k2", text="磁盘已满 😀", receipt_url=plain.receipt_url)

    results = send("http_sms", config_for(kannel, sender="12345"), plain, chinese)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    wait_until(lambda: len(kannel.texts()) >= before + 2, what="both texts at the operator")
    first, second = kannel.texts()[before:]
    assert (first.sender, first.to, first.raw) == ("12345", "+8613800000000", 'text Disk "full" - é €...')
    raw = second.raw.removeprefix("ucs-2 ").replace("+", "%20")
    assert unquote_to_bytes(raw).decode("utf-16-be") == "磁盘已满 😀"

    requests = reports.wait_for(4)
    receipts = [receipt for request in requests for receipt in read(config_for(kannel), request.query)]
    by_reference = {
        reference: {receipt.status for receipt in receipts if receipt.reference == reference}
        for reference in ("k1", "k2")
    }
    both = {ReceiptStatus.QUEUED, ReceiptStatus.DELIVERED}
    assert by_reference == {"k1": both, "k2": both}
    age = datetime.now(UTC) - (receipts[0].occurred_at or datetime.min.replace(tzinfo=UTC))
    assert abs(age.total_seconds()) < 60


def test_a_long_text_is_cut_by_us_and_not_by_the_gateway(kannel: Kannel) -> None:
    before = len(kannel.texts())
    text = "Disk full on db-1. " * 40 + "https://tocsin.example/a/0123456789"

    [result] = send("http_sms", config_for(kannel), replace(SMS, text=text))

    assert result.outcome == Outcome.ACCEPTED
    wait_until(lambda: len(kannel.texts()) >= before + 3, what="three parts")
    parts = [
        unquote_to_bytes(part.raw.split(" data ")[1].replace("+", " ")).decode() for part in kannel.texts()[before:]
    ]
    assert "".join(parts).endswith("db-1.... https://tocsin.example/a/0123456789")


def test_what_the_gateway_refuses_is_told_apart(kannel: Kannel) -> None:
    broken = send("http_sms", config_for(kannel, password="wrong-word"), SMS)[0]
    unknown = send("http_sms", config_for(kannel), replace(SMS, to="+86abc"))[0]

    assert (broken.outcome, broken.code) == (Outcome.PERMANENT_CONFIG, "403")
    assert broken.detail == "The gateway answered HTTP 403: Authorization failed for sendsms"
    assert (unknown.outcome, unknown.code) == (Outcome.PERMANENT_TARGET, "400")


def read(config: dict[str, str], query: dict[str, str]) -> list[Receipt]:
    reply = HTTP_SMS.receive(config, CallbackRequest("GET", "https://x.example/", query, {}, b""))
    assert (reply.status, reply.body) == (200, b"")
    return list(reply.receipts)
