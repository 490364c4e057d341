"""Alibaba Cloud's calls against a server as strict as its documents: templates, menus, reports, questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simulators.aliyun import AliyunSimulator
from tests.contracts.asking import look_up
from tests.contracts.sending import CALL, send_one
from tocsin.channels.base import (
    CallbackReply,
    CallbackRequest,
    CallKey,
    Finding,
    Outcome,
    Question,
    Receipt,
    ReceiptStatus,
    Script,
)
from tocsin.channels.registry import provider_type

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
KEYS = {"1": CallKey("You claim it."), "2": CallKey("Resolved.", confirm="Again?"), "3": CallKey("Escalated.")}
VARIABLES = {"severity": "1", "title": "DiskFull", "state": "firing: 1 event"}
MESSAGE = replace(CALL, variables=VARIABLES, keys=KEYS)


@pytest.fixture
def aliyun() -> Iterator[AliyunSimulator]:
    with AliyunSimulator(clock=lambda: NOW) as running:
        yield running


def receive(body: bytes, *, is_known: bool = True) -> CallbackReply:
    script = Script(CALL.text, "en", KEYS) if is_known else None
    request = CallbackRequest(
        "POST", "https://tocsin.example/callbacks/aliyun_voice/abc", {}, {}, body, lambda _reference: script
    )
    return provider_type("aliyun_voice").receive({}, request)


def asked(call_id: str) -> Question:
    return Question(reference="k3x9", to=CALL.to, sent_at=NOW, provider_id=call_id)


def test_an_alert_is_read_out_twice(aliyun: AliyunSimulator) -> None:
    result = send_one("aliyun_voice", aliyun.voice_config, MESSAGE)

    [call] = aliyun.calls
    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, call.call_id)
    assert (call.action, call.number, call.code, call.out_id) == ("SingleCallByTts", "13800000000", "TTS_ALERT", "k3x9")
    assert call.params == VARIABLES


def test_keys_need_a_number_of_ones_own_and_offer_what_needs_no_second_press(aliyun: AliyunSimulator) -> None:
    send_one("aliyun_voice", aliyun.ivr_config, MESSAGE)
    send_one("aliyun_voice", aliyun.voice_config, MESSAGE, to="+8613900000000")

    assert [call.action for call in aliyun.calls] == ["IvrCall", "SingleCallByTts"]
    assert aliyun.calls[0].keys == {"1": "TTS_THANKS", "3": "TTS_THANKS"}


def test_the_longest_reference_fits_the_vendors_fifteen_bytes(aliyun: AliyunSimulator) -> None:
    assert send_one("aliyun_voice", aliyun.voice_config, MESSAGE, reference="1y2p0ij32e8e7").outcome is Outcome.ACCEPTED


def test_all_variables_together_stay_below_the_vendors_limit(aliyun: AliyunSimulator) -> None:
    long = {"severity": "1", "title": "磁盘" * 100, "state": "触发" * 100}

    result = send_one("aliyun_voice", aliyun.voice_config, MESSAGE, variables=long)

    assert result.outcome is Outcome.ACCEPTED
    assert sum(map(len, aliyun.calls[0].params.values())) == 249


@pytest.mark.parametrize(("to", "dialled"), [("+861012345678", "01012345678"), ("+8613912345678", "13912345678")])
def test_a_landline_is_dialled_with_its_zero(aliyun: AliyunSimulator, to: str, dialled: str) -> None:
    send_one("aliyun_voice", aliyun.voice_config, MESSAGE, to=to)

    assert aliyun.calls[0].number == dialled


def test_a_number_abroad_is_left_to_another_account(aliyun: AliyunSimulator) -> None:
    result = send_one("aliyun_voice", aliyun.voice_config, MESSAGE, to="+4915112345678")

    assert (result.outcome, result.is_about_message) == (Outcome.PERMANENT_CONFIG, True)
    assert aliyun.calls == []


def test_a_second_call_within_a_minute_is_refused_for_now(aliyun: AliyunSimulator) -> None:
    first, second = (send_one("aliyun_voice", aliyun.voice_config, MESSAGE) for _ in range(2))

    assert (first.outcome, second.outcome) == (Outcome.ACCEPTED, Outcome.RATE_LIMITED)
    assert (second.code, second.retry_after) == ("isv.BUSINESS_LIMIT_CONTROL", timedelta(minutes=1))


@pytest.mark.parametrize(
    ("code", "outcome", "is_about_message"),
    [
        ("isv.TTS_TEMPLATE_ILLEGAL", Outcome.PERMANENT_CONFIG, False),
        ("isv.DISPLAY_NUMBER_ILLEGAL", Outcome.PERMANENT_CONFIG, False),
        ("isv.COMPLAINT_REJECT", Outcome.PERMANENT_TARGET, False),
        ("isv.VOICE_CALL_FAIL", Outcome.TRANSIENT, False),
        ("isv.VOICE_CALL_PERIOD_ERROR", Outcome.PERMANENT_CONFIG, True),
        ("isv.NEVER_SEEN", Outcome.TRANSIENT, False),
    ],
)
def test_each_code_has_its_class(aliyun: AliyunSimulator, code: str, outcome: Outcome, is_about_message: bool) -> None:
    aliyun.answer_next(code)

    result = send_one("aliyun_voice", aliyun.voice_config, MESSAGE)

    assert (result.outcome, result.code, result.is_about_message) == (outcome, code, is_about_message)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("200000", ReceiptStatus.ANSWERED),
        ("200001", ReceiptStatus.ANSWERED),
        ("200002", ReceiptStatus.BUSY),
        ("200003", ReceiptStatus.NO_ANSWER),
        ("200004", ReceiptStatus.UNREACHABLE),
        ("200005", ReceiptStatus.UNREACHABLE),
        ("200007", ReceiptStatus.UNREACHABLE),
        ("200010", ReceiptStatus.UNREACHABLE),
        ("200117", ReceiptStatus.FAILED),
        ("999999", ReceiptStatus.FAILED),
        ("200999", ReceiptStatus.QUEUED),
    ],
)
def test_each_end_of_a_call_is_a_receipt(aliyun: AliyunSimulator, code: str, status: ReceiptStatus) -> None:
    send_one("aliyun_voice", aliyun.voice_config, MESSAGE)
    [call] = aliyun.calls

    reply = receive(aliyun.voice_report(call, code))

    at = NOW + timedelta(seconds=20)
    assert list(reply.receipts) == [Receipt(status, "k3x9", call.call_id, occurred_at=at, code=code)]
    assert (reply.status, json.loads(reply.body)["code"]) == (200, 0)


@pytest.mark.parametrize("name", ["dtmf", "digits"])
def test_a_pressed_key_is_a_receipt_whatever_it_is_called(aliyun: AliyunSimulator, name: str) -> None:
    send_one("aliyun_voice", aliyun.ivr_config, MESSAGE)
    [call] = aliyun.calls

    progress = receive(aliyun.progress_report(call, "300000", **{name: "1"}))
    final = receive(aliyun.voice_report(call, "200000", **{name: "3"}))

    assert [(receipt.status, receipt.key) for receipt in progress.receipts] == [(ReceiptStatus.KEY_PRESSED, "1")]
    assert [(receipt.status, receipt.key) for receipt in final.receipts] == [
        (ReceiptStatus.KEY_PRESSED, "3"),
        (ReceiptStatus.ANSWERED, ""),
    ]


@pytest.mark.parametrize(("key", "is_known"), [("2", True), ("7", True), ("1", False)])
def test_a_key_that_was_not_offered_is_only_an_answer(aliyun: AliyunSimulator, key: str, is_known: bool) -> None:
    send_one("aliyun_voice", aliyun.ivr_config, MESSAGE)

    reply = receive(aliyun.voice_report(aliyun.calls[0], "200000", dtmf=key), is_known=is_known)

    assert [receipt.status for receipt in reply.receipts] == [ReceiptStatus.ANSWERED]


@pytest.mark.parametrize("code", ["200101", "200201", "200100"])
def test_progress_proves_nothing(aliyun: AliyunSimulator, code: str) -> None:
    send_one("aliyun_voice", aliyun.voice_config, MESSAGE)

    assert [item.status for item in receive(aliyun.progress_report(aliyun.calls[0], code)).receipts] == [
        ReceiptStatus.QUEUED
    ]


@pytest.mark.parametrize("kind", ["voice", "ivr"])
def test_a_call_is_looked_up_by_the_vendors_id(aliyun: AliyunSimulator, kind: str) -> None:
    config = aliyun.ivr_config if kind == "ivr" else aliyun.voice_config
    send_one("aliyun_voice", config, MESSAGE)
    [call] = aliyun.calls
    going_on = look_up("aliyun_voice", config, asked(call.call_id))
    call.state = "200003"

    found = look_up("aliyun_voice", config, asked(call.call_id))

    assert going_on == Finding(True, call.call_id)
    receipt = Receipt(ReceiptStatus.NO_ANSWER, "k3x9", call.call_id, code="200003")
    assert found == Finding(True, call.call_id, [receipt])


def test_a_call_without_an_id_cannot_be_looked_up(aliyun: AliyunSimulator) -> None:
    aliyun.loses_replies = True
    assert send_one("aliyun_voice", aliyun.voice_config, MESSAGE).outcome is Outcome.AMBIGUOUS

    assert look_up("aliyun_voice", aliyun.voice_config, asked("")) == Finding()
    assert look_up("aliyun_voice", aliyun.voice_config, asked("1^none")) == Finding()


@pytest.mark.parametrize(
    ("field", "value"), [("play_times", "4"), ("show_number", "057112345678"), ("tts_params", "{"), ("url", "ftp://x")]
)
def test_a_wrong_field_is_named(aliyun: AliyunSimulator, field: str, value: str) -> None:
    assert field in provider_type("aliyun_voice").problems({**aliyun.voice_config, field: value})
