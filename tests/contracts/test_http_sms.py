"""SMS gateways: the kannel preset on a gateway that can be told what to do, and a preset of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from simulators.raw import RawServer, http_answer
from simulators.recorder import Recorder
from simulators.sms_gateway import BUFFERED, DELIVERED, FAILED, REFUSED, SUBMITTED, SmsGatewaySimulator
from tests.contracts.sending import SMS, send, send_one
from tocsin.channels.base import CallbackReply, CallbackRequest, Outcome, Receipt, ReceiptStatus
from tocsin.channels.registry import provider_type

HTTP_SMS = provider_type("http_sms")
JSON_PRESET = """
title: Example
needs: [url, key]
max_parts: 2
carries_links: false
limit: {count: 5, seconds: 1}
request:
  url: "{url}/v1/{to_digits}?n={to}"
  headers:
    Authorization: "Bearer {key}"
    X-Sender: "{sender}"
    X-Basic: "{basic}"
  json:
    message: {content: "{text}", mobile: "{to_national}", id: "{reference}", from: "{sender}"}
    flags: [1, "{encoding}", true]
reply:
  success: status == 200 and json.code == 0
  id: json.data.id
  code: json.code
  detail: json.message
  errors:
    - when: json.code in [100, 101]
      outcome: rate_limited
      retry_after: 90
    - when: json.code == 200
      outcome: permanent_target
    - when: json.code == 300
      outcome: permanent_config
    - when: json.code == 400
      outcome: ambiguous
receipts:
  each: json.reports
  id: item.id
  reference: item.ours
  code: item.err
  detail: item.text
  at: item.time
  within: 600
  statuses:
    - when: item.state == 'ok'
      status: delivered
    - when: item.state == 'bad'
      status: failed
  answer: {content_type: application/json, body: '{"code": 0}'}
"""


@pytest.fixture
def gateway() -> Iterator[SmsGatewaySimulator]:
    with SmsGatewaySimulator() as running:
        yield running


@pytest.fixture
def preset(tmp_path: Path) -> str:
    path = tmp_path / "example.yaml"
    path.write_text(JSON_PRESET)
    return str(path)


def config_for(gateway: SmsGatewaySimulator, **more: str) -> dict[str, str]:
    return {
        "preset": "kannel",
        "url": gateway.sendsms,
        "username": gateway.username,
        "password": gateway.password,
        **more,
    }


def callback(config: dict[str, str], url: str = "", body: bytes = b"", **headers: str) -> CallbackReply:
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return HTTP_SMS.receive(config, CallbackRequest("POST" if body else "GET", url, query, headers, body))


def test_a_text_arrives_and_both_reports_can_be_read(gateway: SmsGatewaySimulator) -> None:
    with Recorder() as recorder:
        message = replace(SMS, receipt_url=f"{recorder.url}/callbacks/http_sms/tok")

        result = send("http_sms", config_for(gateway, sender="10086"), message)[0]

        assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, "")
        [text] = gateway.texts
        assert (text.to, text.sender, text.text, text.parts) == ("+8613800000000", "10086", SMS.text, 1)
        first, second = recorder.wait_for(2)
        assert first.path == "/callbacks/http_sms/tok"
        receipts = [
            HTTP_SMS.receive(
                config_for(gateway), CallbackRequest("GET", "", request.query, request.headers, b"")
            ).receipts
            for request in (first, second)
        ]

    moment = datetime.fromtimestamp(1795435200, UTC)
    assert receipts == [
        (Receipt(ReceiptStatus.QUEUED, "k3x9", occurred_at=moment, code="8", detail="ACK/"),),
        (Receipt(ReceiptStatus.DELIVERED, "k3x9", occurred_at=moment, code="1", detail="ACK/"),),
    ]


def test_no_reports_are_asked_for_without_a_public_address(gateway: SmsGatewaySimulator) -> None:
    send_one("http_sms", config_for(gateway), SMS)

    assert gateway.texts[0].dlr_url == ""


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (DELIVERED, ReceiptStatus.DELIVERED),
        (FAILED, ReceiptStatus.FAILED),
        (REFUSED, ReceiptStatus.FAILED),
        (BUFFERED, ReceiptStatus.QUEUED),
        (SUBMITTED, ReceiptStatus.QUEUED),
    ],
)
def test_every_report_has_its_meaning(gateway: SmsGatewaySimulator, kind: int, status: ReceiptStatus) -> None:
    send_one("http_sms", config_for(gateway), SMS, receipt_url="https://tocsin.example/callbacks/http_sms/tok")

    [receipt] = callback(config_for(gateway), gateway.texts[0].report(kind)).receipts

    assert (receipt.status, receipt.reference) == (status, "k3x9")


@pytest.mark.parametrize("query", ["", "?reference=k3x9", "?type=1", "?reference=k3x9&type=99", "?reference=&type=1"])
def test_a_report_that_says_nothing_is_answered_and_left(gateway: SmsGatewaySimulator, query: str) -> None:
    reply = callback(config_for(gateway), f"https://tocsin.example/{query}")

    assert (reply.status, list(reply.receipts)) == (200, [])


def test_a_queued_text_is_accepted(gateway: SmsGatewaySimulator) -> None:
    gateway.is_operator_online = False

    assert send_one("http_sms", config_for(gateway), SMS).outcome == Outcome.ACCEPTED


def test_refusals_of_the_gateway_are_told_apart(gateway: SmsGatewaySimulator) -> None:
    gateway.deny("+8613800000000")

    denied = send_one("http_sms", config_for(gateway), SMS)
    empty = send_one("http_sms", config_for(gateway), SMS, to="")
    broken = send_one("http_sms", config_for(gateway, password="wrong-word"), SMS)

    assert [result.outcome for result in (denied, empty, broken)] == [
        Outcome.PERMANENT_TARGET,
        Outcome.PERMANENT_TARGET,
        Outcome.PERMANENT_CONFIG,
    ]
    assert "wrong-word" not in repr(broken)
    assert gateway.texts == []


@pytest.mark.parametrize(
    ("text", "parts", "arrives"),
    [
        ("word " * 200, 3, "word " * 90 + "word..."),
        ("磁" * 300, 3, "磁" * 198 + "..."),
        ("x" * 400 + " https://t.example/v/abc", 1, "x" * 131 + "... https://t.example/v/abc"),
    ],
)
def test_a_long_text_is_cut_at_a_word_and_keeps_its_link(
    gateway: SmsGatewaySimulator, text: str, parts: int, arrives: str
) -> None:
    send_one("http_sms", config_for(gateway, max_parts=str(parts)), SMS, text=text)

    assert gateway.texts[0].parts == parts
    assert len(gateway.texts[0].text) <= len(arrives) + 5
    assert gateway.texts[0].text.endswith(arrives[-12:])


def test_a_preset_of_ones_own_sends_json(preset: str) -> None:
    answer = json.dumps({"code": 0, "message": "ok", "data": {"id": 991}}).encode()
    with Recorder(answer=answer, content_type="application/json") as server:
        config = {"preset": preset, "url": server.url, "key": "k-s3cret", "username": "u", "password": "p"}
        message = replace(SMS, text='say "hi"\n磁盘 https://evil.example/x done')
        result = send("http_sms", config, message)[0]
        [request] = server.requests

    assert (result.outcome, result.provider_id, result.code) == (Outcome.ACCEPTED, "991", "0")
    assert (request.path, request.query) == ("/v1/8613800000000", {"n": "+8613800000000"})
    assert request.headers["authorization"] == "Bearer k-s3cret"
    assert request.headers["x-basic"] == "dTpw"
    assert "x-sender" not in request.headers
    assert json.loads(request.body) == {
        "message": {
            "content": 'say "hi"\n磁盘  done',
            "mobile": "13800000000",
            "id": "k3x9",
        },
        "flags": [1, "ucs2", True],
    }


@pytest.mark.parametrize(
    ("request_yaml", "content_type", "body"),
    [
        (
            "form: {to: '{to}', text: '{text}', from: '{sender}'}",
            "application/x-www-form-urlencoded; charset=utf-8",
            "to=%2B8613800000000&text=a+%26+%E7%A3%81",
        ),
        ("body: '{to_digits}|{text}'", "text/plain; charset=utf-8", "8613800000000|a & 磁"),
        (
            "{method: PUT, headers: {Content-Type: text/xml}, body: '<t>{text_xml}</t>'}",
            "text/xml",
            "<t>a &amp; 磁</t>",
        ),
    ],
)
def test_forms_and_plain_bodies_are_encoded_for_their_place(
    tmp_path: Path, request_yaml: str, content_type: str, body: str
) -> None:
    path = tmp_path / "other.yaml"
    inner = request_yaml if request_yaml.startswith("{") else f"{{{request_yaml}}}"
    path.write_text(f"title: Other\nrequest: {inner}\nreply: {{success: status == 200}}\n")
    with Recorder() as server:
        result = send_one("http_sms", {"preset": str(path), "url": server.url}, SMS, text="a & 磁")
        [request] = server.requests

    assert result.outcome == Outcome.ACCEPTED
    assert (request.headers["content-type"], request.body.decode()) == (content_type, body)


def test_a_presets_limits_become_capabilities(preset: str) -> None:
    capabilities = HTTP_SMS.capabilities_of({"preset": preset})

    assert not capabilities.carries_links
    assert capabilities.receipt_within == timedelta(minutes=10)
    assert capabilities.limit is not None
    assert (capabilities.limit.count, capabilities.limit.per) == (5, timedelta(seconds=1))


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (200, {"code": 100}, Outcome.RATE_LIMITED),
        (200, {"code": 200}, Outcome.PERMANENT_TARGET),
        (200, {"code": 300}, Outcome.PERMANENT_CONFIG),
        (200, {"code": 400}, Outcome.AMBIGUOUS),
        (200, {"code": 999}, Outcome.TRANSIENT),
        (500, {"code": 0}, Outcome.TRANSIENT),
        (401, {"code": 999}, Outcome.PERMANENT_CONFIG),
        (400, {"code": 200}, Outcome.PERMANENT_TARGET),
    ],
)
def test_the_first_rule_that_fits_decides(preset: str, status: int, answer: dict[str, int], outcome: Outcome) -> None:
    with RawServer(http_answer(status, json.dumps(answer).encode())) as server:
        result = send_one("http_sms", {"preset": preset, "url": server.url, "key": "k"}, SMS)

    assert result.outcome == outcome
    assert result.retry_after == (timedelta(seconds=90) if outcome is Outcome.RATE_LIMITED else None)


def test_what_the_gateway_repeats_is_not_kept(preset: str) -> None:
    echo = {"code": 999, "message": "bad key k-s3cret for 13800000000: " + SMS.text}
    with RawServer(http_answer(200, json.dumps(echo).encode())) as server:
        result = send_one("http_sms", {"preset": preset, "url": server.url, "key": "k-s3cret"}, SMS)

    assert result.detail == "The gateway answered HTTP 200: bad key *** for ***: ***"


def test_many_receipts_come_in_one_request(preset: str) -> None:
    reports = [
        {"id": "991", "state": "ok", "time": "2026-11-23T12:00:00+08:00", "err": 0},
        {"ours": "k3x9", "state": "bad", "time": 1795435200000, "err": "E1", "text": "line\r\nbreak"},
        {"id": "992", "state": "unheard of"},
        "nonsense",
    ]

    reply = callback({"preset": preset}, body=json.dumps({"reports": reports}).encode())

    assert (reply.content_type, reply.body) == ("application/json", b'{"code": 0}')
    assert list(reply.receipts) == [
        Receipt(
            ReceiptStatus.DELIVERED, provider_id="991", code="0", occurred_at=datetime(2026, 11, 23, 4, tzinfo=UTC)
        ),
        Receipt(
            ReceiptStatus.FAILED,
            reference="k3x9",
            code="E1",
            detail="line break",
            occurred_at=datetime.fromtimestamp(1795435200, UTC),
        ),
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b'{"reports": 5}', b"\xff\xfe", b"a=1&b"])
def test_a_callback_that_cannot_be_read_gives_no_receipts(preset: str, body: bytes) -> None:
    assert list(callback({"preset": preset}, body=body).receipts) == []


def test_callbacks_are_not_found_where_a_preset_has_none(tmp_path: Path) -> None:
    path = tmp_path / "mute.yaml"
    path.write_text("title: Mute\nrequest: {body: '{text}'}\nreply: {success: status == 200}")

    assert callback({"preset": str(path)}).status == 404
    assert callback({"preset": str(tmp_path / "gone.yaml")}).status == 503
