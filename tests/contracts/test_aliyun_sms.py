"""Alibaba Cloud's text messages against a server as strict as its documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simulators.aliyun import AliyunSimulator
from tests.contracts.asking import look_up
from tests.contracts.sending import SMS, send_one
from tocsin.channels.base import CallbackReply, CallbackRequest, Finding, Outcome, Question, Receipt, ReceiptStatus
from tocsin.channels.providers.aliyun.signing import EMPTY, authorization
from tocsin.channels.registry import provider_type

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
VARIABLES = {"severity": "1", "title": "DiskFull", "state": "firing: 1 event", "summary": "97 % of /var is used"}
MESSAGE = replace(SMS, variables=VARIABLES)
ASKED = Question(reference="k3x9", to=SMS.to, sent_at=NOW)


@pytest.fixture
def aliyun() -> Iterator[AliyunSimulator]:
    with AliyunSimulator(clock=lambda: NOW) as running:
        yield running


def receive(body: bytes) -> CallbackReply:
    request = CallbackRequest("POST", "https://tocsin.example/callbacks/aliyun_sms/abc", {}, {}, body)
    return provider_type("aliyun_sms").receive({}, request)


def test_the_signature_is_the_vendors() -> None:
    query = {
        "PhoneNumbers": "13900000001",
        "SignName": "阿里云",
        "TemplateCode": "SMS_1",
        "TemplateParam": '{"code":"1"}',
        "OutId": "n-1",
    }
    headers = {
        "accept": "application/json",
        "host": "dysmsapi.aliyuncs.com",
        "user-agent": "ua",
        "x-acs-action": "SendSms",
        "x-acs-version": "2017-05-25",
        "x-acs-date": "2026-11-23T00:00:00Z",
        "x-acs-signature-nonce": "nonce1",
        "x-acs-content-sha256": EMPTY,
    }

    signed = authorization("AKID", "AKSECRET", query, headers)

    assert signed.endswith("Signature=f9ecf30ad7ff62afbbd7da75db1761262389df8a4741b0e464073d5e352858c0")
    assert signed.startswith("ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders=accept;host;user-agent;x-acs-action;")


def test_an_alert_is_told_in_the_templates_variables(aliyun: AliyunSimulator) -> None:
    result = send_one("aliyun_sms", aliyun.sms_config, MESSAGE)

    [text] = aliyun.texts
    assert (result.outcome, result.code, result.provider_id) == (Outcome.ACCEPTED, "OK", text.biz_id)
    assert (text.number, text.template, text.out_id) == ("13800000000", "SMS_ALERT", "k3x9")
    assert text.params == VARIABLES


def test_a_number_abroad_keeps_its_country_code(aliyun: AliyunSimulator) -> None:
    send_one("aliyun_sms", aliyun.sms_config, MESSAGE, to="+4915112345678")

    assert aliyun.texts[0].number == "4915112345678"


def test_a_code_has_a_template_of_its_own(aliyun: AliyunSimulator) -> None:
    message = replace(MESSAGE, variables={"code": "12345678"})
    without = {**aliyun.sms_config, "code_template": ""}

    result, refused = (send_one("aliyun_sms", config, message) for config in (aliyun.sms_config, without))

    [text] = aliyun.texts
    assert (result.outcome, text.template, text.params) == (Outcome.ACCEPTED, "SMS_CODE", {"code": "12345678"})
    assert (refused.outcome, refused.is_about_message) == (Outcome.PERMANENT_CONFIG, True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("see https://tocsin.example/a/1 now", "see  now"),
        ("【假】 [x] {y}", "(假) (x) (y)"),
        ("db-1.example.com is down", "db-1 example com is down"),
        ("10.0.0.1:9100", "10.0.0.1:9100"),
        ("line\nbreak", "line break"),
        ("x" * 36, "x" * 32 + "..."),
        ("磁" * 35, "磁" * 35),
        ("", "-"),
        ("\0\x01", "-"),
    ],
)
def test_a_variable_holds_only_what_the_vendor_takes(aliyun: AliyunSimulator, given: str, told: str) -> None:
    result = send_one("aliyun_sms", aliyun.sms_config, MESSAGE, variables={**VARIABLES, "summary": given})

    assert result.outcome is Outcome.ACCEPTED
    assert aliyun.texts[0].params["summary"] == told


def test_a_message_without_variables_is_told_by_its_text(aliyun: AliyunSimulator) -> None:
    result = send_one("aliyun_sms", aliyun.sms_config, SMS, text="This is a test.")

    assert result.outcome is Outcome.ACCEPTED
    assert aliyun.texts[0].params == {"severity": "-", "title": "This is a test.", "state": "-", "summary": "-"}


def test_a_text_that_was_taken_without_an_id_may_have_been_sent(aliyun: AliyunSimulator) -> None:
    aliyun.answer_next("OK")

    result = send_one("aliyun_sms", aliyun.sms_config, MESSAGE)

    assert (result.outcome, result.code) == (Outcome.AMBIGUOUS, "OK")


def test_a_forged_key_is_refused(aliyun: AliyunSimulator) -> None:
    wrong = send_one("aliyun_sms", {**aliyun.sms_config, "access_key_secret": "not it"}, MESSAGE)
    unknown = send_one("aliyun_sms", {**aliyun.sms_config, "access_key_id": "LTAI5tOther"}, MESSAGE)

    assert [wrong.outcome, unknown.outcome] == [Outcome.PERMANENT_CONFIG] * 2
    assert [wrong.code, unknown.code] == ["SignatureDoesNotMatch", "InvalidAccessKeyId.NotFound"]


@pytest.mark.parametrize(
    ("code", "outcome", "is_about_message"),
    [
        ("isv.DAY_LIMIT_CONTROL", Outcome.PERMANENT_CONFIG, False),
        ("isv.MONTH_LIMIT_CONTROL", Outcome.PERMANENT_CONFIG, False),
        ("isp.SYSTEM_ERROR", Outcome.TRANSIENT, False),
        ("isp.UNKNOWN_ERR_CODE", Outcome.TRANSIENT, False),
        ("ServiceUnavailable", Outcome.TRANSIENT, False),
        ("isv.SOMETHING_NEW", Outcome.TRANSIENT, False),
        ("isv.MOBILE_NUMBER_ILLEGAL", Outcome.PERMANENT_TARGET, False),
        ("isv.DOMESTIC_NUMBER_NOT_SUPPORTED", Outcome.PERMANENT_CONFIG, True),
        ("isv.BLACK_KEY_CONTROL_LIMIT", Outcome.PERMANENT_CONFIG, True),
        ("isv.PARAM_NOT_SUPPORT_URL", Outcome.PERMANENT_CONFIG, True),
        ("isv.SMS_TEMPLATE_ILLEGAL", Outcome.PERMANENT_CONFIG, False),
        ("isv.SMS_SIGNATURE_ILLEGAL", Outcome.PERMANENT_CONFIG, False),
        ("isv.AMOUNT_NOT_ENOUGH", Outcome.PERMANENT_CONFIG, False),
        ("isv.OUT_OF_SERVICE", Outcome.PERMANENT_CONFIG, False),
        ("isp.RAM_PERMISSION_DENY", Outcome.PERMANENT_CONFIG, False),
    ],
)
def test_each_code_inside_http_200_has_its_class(
    aliyun: AliyunSimulator, code: str, outcome: Outcome, is_about_message: bool
) -> None:
    aliyun.answer_next(code, f"no: {SMS.to} 13800000000")

    result = send_one("aliyun_sms", aliyun.sms_config, MESSAGE)

    assert (result.outcome, result.code, result.is_about_message) == (outcome, code, is_about_message)
    assert "13800000000" not in result.detail
    assert aliyun.texts == []


@pytest.mark.parametrize(
    ("says", "outcome", "pause"),
    [
        ("触发分钟级流控Permits:1", Outcome.RATE_LIMITED, timedelta(minutes=1)),
        ("触发小时级流控Permits:5", Outcome.PERMANENT_CONFIG, None),
        ("触发天级流控Permits:10", Outcome.PERMANENT_CONFIG, None),
    ],
)
def test_a_numbers_limit_is_waited_for_only_when_it_is_short(
    aliyun: AliyunSimulator, says: str, outcome: Outcome, pause: timedelta | None
) -> None:
    aliyun.answer_next("isv.BUSINESS_LIMIT_CONTROL", says)

    result = send_one("aliyun_sms", aliyun.sms_config, MESSAGE)

    assert (result.outcome, result.retry_after, result.is_about_message) == (outcome, pause, pause is None)


def test_throttling_says_how_long(aliyun: AliyunSimulator) -> None:
    aliyun.answer_next("Throttling.User", status=400)

    result = send_one("aliyun_sms", aliyun.sms_config, MESSAGE)

    assert (result.outcome, result.retry_after) == (Outcome.RATE_LIMITED, timedelta(seconds=9))


def test_the_vendor_takes_fifty_a_day_for_a_number(aliyun: AliyunSimulator) -> None:
    results = [send_one("aliyun_sms", aliyun.sms_config, MESSAGE).outcome for _ in range(51)]

    assert results == [Outcome.ACCEPTED] * 50 + [Outcome.PERMANENT_CONFIG]


def test_a_push_holds_many_receipts_and_is_answered_as_the_vendor_asks(aliyun: AliyunSimulator) -> None:
    for reference in ("a1", "a2"):
        send_one("aliyun_sms", aliyun.sms_config, MESSAGE, reference=reference)
    first, second = aliyun.texts

    reply = receive(aliyun.sms_report(first, second))
    failed = receive(aliyun.sms_report(first, error="MK:0005"))

    at = (NOW + timedelta(seconds=5)).replace(microsecond=0)
    assert (reply.status, json.loads(reply.body)["code"], reply.content_type.partition(";")[0]) == (
        200,
        0,
        "application/json",
    )
    assert reply.receipts == [
        Receipt(ReceiptStatus.DELIVERED, "a1", first.biz_id, occurred_at=at),
        Receipt(ReceiptStatus.DELIVERED, "a2", second.biz_id, occurred_at=at),
    ]
    [receipt] = failed.receipts
    assert (receipt.status, receipt.code, receipt.detail) == (ReceiptStatus.FAILED, "MK:0005", "用户关机")


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff", b"[" * 100_000])
def test_a_push_that_cannot_be_read_comes_again(body: bytes) -> None:
    assert receive(body) == CallbackReply(status=400)


@pytest.mark.parametrize(
    "body", [b"[1]", b'[{"success":"yes","out_id":"a"}]', b'[{"success":true}]', b'[{"out_id":"a"}]']
)
def test_a_push_that_says_nothing_of_a_message_is_only_taken(body: bytes) -> None:
    reply = receive(body)

    assert (reply.status, list(reply.receipts)) == (200, [])


def test_a_text_is_found_by_our_reference_on_its_day_in_china(aliyun: AliyunSimulator) -> None:
    aliyun.loses_replies = True
    assert send_one("aliyun_sms", aliyun.sms_config, MESSAGE).outcome is Outcome.AMBIGUOUS

    waiting = look_up("aliyun_sms", aliyun.sms_config, ASKED)
    other = look_up("aliyun_sms", aliyun.sms_config, replace(ASKED, reference="other"))
    [text] = aliyun.texts
    text.status = 3
    arrived = look_up("aliyun_sms", aliyun.sms_config, replace(ASKED, provider_id=text.biz_id))
    text.status, text.error = 2, "MK:0005"
    failed = look_up("aliyun_sms", aliyun.sms_config, ASKED)

    assert aliyun.asked[0] == {
        "PhoneNumber": "13800000000",
        "SendDate": "20261124",
        "PageSize": "50",
        "CurrentPage": "1",
    }
    assert (waiting, other) == (Finding(True), Finding(is_known=False))
    assert [receipt.status for receipt in arrived.receipts] == [ReceiptStatus.DELIVERED]
    assert [(receipt.status, receipt.code) for receipt in failed.receipts] == [(ReceiptStatus.FAILED, "MK:0005")]


def test_a_text_that_was_taken_just_after_midnight_is_found(aliyun: AliyunSimulator) -> None:
    """NOW is half past midnight in China; what was claimed on the day before may have arrived on this one."""
    send_one("aliyun_sms", aliyun.sms_config, MESSAGE)
    aliyun.texts[0].sent_at = datetime(2026, 11, 23, 16, 0, 1, tzinfo=UTC)
    before_midnight = replace(ASKED, sent_at=datetime(2026, 11, 23, 15, 59, 58, tzinfo=UTC))

    assert look_up("aliyun_sms", aliyun.sms_config, before_midnight).is_known is True
    assert [asked["SendDate"] for asked in aliyun.asked] == ["20261123", "20261124"]


def test_a_text_is_found_behind_many_others_of_its_day(aliyun: AliyunSimulator) -> None:
    send_one("aliyun_sms", aliyun.sms_config, MESSAGE)
    others = [replace(aliyun.texts[0], out_id=f"o{number}") for number in range(120)]
    aliyun.texts[:0] = others

    assert look_up("aliyun_sms", aliyun.sms_config, ASKED).is_known is True
    assert look_up("aliyun_sms", aliyun.sms_config, replace(ASKED, reference="none")).is_known is False
    assert [asked["CurrentPage"] for asked in aliyun.asked] == ["1", "2", "3"] * 2


def test_of_a_number_abroad_nothing_can_be_told(aliyun: AliyunSimulator) -> None:
    """Alibaba Cloud lists texts of the mainland's numbers only."""
    assert look_up("aliyun_sms", aliyun.sms_config, replace(ASKED, to="+4915112345678")) == Finding()


def test_who_cannot_be_asked_says_nothing(aliyun: AliyunSimulator) -> None:
    aliyun.answer_next("isp.SYSTEM_ERROR")
    assert look_up("aliyun_sms", aliyun.sms_config, ASKED) == Finding()
    assert look_up("aliyun_sms", {**aliyun.sms_config, "access_key_secret": "not it"}, ASKED) == Finding()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("access_key_id", "a b"),
        ("url", "https://dysmsapi.aliyuncs.com/path"),
        ("template_params", "not JSON"),
        ("template_params", "{}"),
        ("template_params", '{"a": 1}'),
        ("template_params", '{"a": "{unknown}"}'),
        ("code_params", "[]"),
        ("longest", "5"),
        ("longest", "many"),
    ],
)
def test_a_wrong_field_is_named(aliyun: AliyunSimulator, field: str, value: str) -> None:
    assert field in provider_type("aliyun_sms").problems({**aliyun.sms_config, field: value})
