"""Tencent Cloud's text messages against a server as strict as its documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simulators.tencent import TencentSimulator
from tests.contracts.asking import look_up
from tests.contracts.sending import SMS, send_one
from tocsin.channels.base import CallbackReply, CallbackRequest, Finding, Outcome, Question, ReceiptStatus
from tocsin.channels.providers.tencent.signing import authorization
from tocsin.channels.registry import provider_type

MESSAGE = replace(SMS, variables={"severity": "1", "title": "DiskFull"})


@pytest.fixture
def tencent() -> Iterator[TencentSimulator]:
    with TencentSimulator() as running:
        yield running


def receive(body: bytes) -> CallbackReply:
    request = CallbackRequest("POST", "https://tocsin.example/callbacks/tencent_sms/abc", {}, {}, body)
    return provider_type("tencent_sms").receive({}, request)


def test_the_signature_is_the_vendors() -> None:
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    key, secret = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******"

    signed = authorization(key, secret, service="cvm", host="cvm.tencentcloudapi.com", body=body, timestamp=1551113065)

    assert signed == (
        f"TC3-HMAC-SHA256 Credential={key}/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host, "
        "Signature=2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"
    )


def test_an_alert_is_told_in_numbered_variables(tencent: TencentSimulator) -> None:
    result = send_one("tencent_sms", tencent.config, MESSAGE)

    [text] = tencent.texts
    assert (result.outcome, result.code, result.provider_id) == (Outcome.ACCEPTED, "Ok", text.serial)
    assert (text.number, text.template, text.params, text.reference) == (SMS.to, "1110", ["1", "DiskFull"], "k3x9")


def test_what_is_too_long_or_a_link_is_made_to_fit(tencent: TencentSimulator) -> None:
    title = "db-1.example.com https://tocsin.example/a/1 is full"

    result = send_one("tencent_sms", {**tencent.config, "longest": "6"}, MESSAGE, variables={"title": title})

    assert (result.outcome, tencent.texts[0].params) == (Outcome.ACCEPTED, ["-", "db-1 e"])


def test_a_code_has_a_template_of_its_own(tencent: TencentSimulator) -> None:
    message = replace(MESSAGE, variables={"code": "12345678"})

    result = send_one("tencent_sms", tencent.config, message)
    without = send_one("tencent_sms", {**tencent.config, "code_template": ""}, message)

    assert (result.outcome, tencent.texts[0].template, tencent.texts[0].params) == (
        Outcome.ACCEPTED,
        "1111",
        ["12345678"],
    )
    assert (without.outcome, without.is_about_message) == (Outcome.PERMANENT_CONFIG, True)


def test_a_second_text_within_30_seconds_waits(tencent: TencentSimulator) -> None:
    send_one("tencent_sms", tencent.config, MESSAGE)

    result = send_one("tencent_sms", tencent.config, MESSAGE)

    assert (result.outcome, result.retry_after) == (Outcome.RATE_LIMITED, timedelta(seconds=30))


@pytest.mark.parametrize("for_number", [False, True])
@pytest.mark.parametrize(
    ("code", "outcome", "is_about_message"),
    [
        ("AuthFailure.SignatureFailure", Outcome.PERMANENT_CONFIG, False),
        ("AuthFailure.SignatureExpire", Outcome.PERMANENT_CONFIG, False),
        ("FailedOperation.InsufficientBalanceInSmsPackage", Outcome.PERMANENT_CONFIG, False),
        ("FailedOperation.SignatureIncorrectOrUnapproved", Outcome.PERMANENT_CONFIG, False),
        ("FailedOperation.ContainSensitiveWord", Outcome.PERMANENT_CONFIG, True),
        ("InvalidParameterValue.TemplateParameterLengthLimit", Outcome.PERMANENT_CONFIG, True),
        ("LimitExceeded.PhoneNumberDailyLimit", Outcome.PERMANENT_CONFIG, True),
        ("LimitExceeded.AppDailyLimit", Outcome.PERMANENT_CONFIG, False),
        ("FailedOperation.PhoneNumberInBlacklist", Outcome.PERMANENT_TARGET, False),
        ("RequestLimitExceeded", Outcome.RATE_LIMITED, False),
        ("FailedOperation.OtherError", Outcome.TRANSIENT, False),
        ("FailedOperation.PhoneNumberParseFail", Outcome.PERMANENT_TARGET, False),
        ("UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone", Outcome.PERMANENT_CONFIG, True),
        ("UnsupportedOperation.GlobalTemplateToChineseMainlandPhone", Outcome.PERMANENT_CONFIG, True),
        ("UnsupportedOperation.UnsupportedRegion", Outcome.PERMANENT_CONFIG, True),
        ("LimitExceeded.AppCountryOrRegionInBlacklist", Outcome.PERMANENT_CONFIG, True),
        ("LimitExceeded.AppGlobalDailyLimit", Outcome.PERMANENT_CONFIG, True),
        ("InvalidParameterValue.ContentLengthLimit", Outcome.PERMANENT_CONFIG, True),
        ("InternalError.SigVerificationFail", Outcome.PERMANENT_CONFIG, False),
        ("InternalError.RequestTimeException", Outcome.PERMANENT_CONFIG, False),
        ("InternalError.SendAndRecvFail", Outcome.TRANSIENT, False),
        ("SomethingNew", Outcome.TRANSIENT, False),
    ],
)
def test_each_code_has_its_class_wherever_it_stands(
    tencent: TencentSimulator, code: str, outcome: Outcome, is_about_message: bool, for_number: bool
) -> None:
    tencent.answer_next(code, for_number=for_number)

    result = send_one("tencent_sms", tencent.config, MESSAGE)

    assert (result.outcome, result.code, result.is_about_message) == (outcome, code, is_about_message)
    assert tencent.texts == []


def test_a_text_that_was_taken_without_an_id_may_have_been_sent(tencent: TencentSimulator) -> None:
    tencent.answer_next("Ok", for_number=True)

    result = send_one("tencent_sms", tencent.config, MESSAGE)

    assert (result.outcome, result.code) == (Outcome.AMBIGUOUS, "Ok")


def test_a_forged_key_is_refused(tencent: TencentSimulator) -> None:
    result = send_one("tencent_sms", {**tencent.config, "secret_key": "not it"}, MESSAGE)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "AuthFailure.SignatureFailure")


def test_a_push_is_answered_as_the_vendor_asks(tencent: TencentSimulator) -> None:
    send_one("tencent_sms", tencent.config, MESSAGE)
    [text] = tencent.texts

    arrived, failed = receive(tencent.report(text)), receive(tencent.report(text, error="MK:0001"))

    assert (arrived.status, json.loads(arrived.body)) == (200, {"result": 0, "errmsg": "OK"})
    assert [(item.status, item.provider_id) for item in arrived.receipts] == [(ReceiptStatus.DELIVERED, text.serial)]
    assert [(item.status, item.code, item.detail) for item in failed.receipts] == [
        (ReceiptStatus.FAILED, "MK:0001", "用户关机")
    ]


def test_what_was_reported_is_found_by_the_vendors_id_or_by_ours(tencent: TencentSimulator) -> None:
    asked = Question(reference="k3x9", to=SMS.to, sent_at=datetime.now(UTC))
    send_one("tencent_sms", tencent.config, MESSAGE)
    [text] = tencent.texts

    unreported = look_up("tencent_sms", tencent.config, asked)
    tencent.report(text)
    arrived = look_up("tencent_sms", tencent.config, asked)
    other = look_up("tencent_sms", tencent.config, replace(asked, reference="other"))
    tencent.report(text, error="MK:0001")
    failed = look_up("tencent_sms", tencent.config, replace(asked, reference="other", provider_id=text.serial))

    assert (unreported, other) == (Finding(), Finding())
    assert (arrived.is_known, arrived.provider_id, arrived.receipts[0].status) == (
        True,
        text.serial,
        ReceiptStatus.DELIVERED,
    )
    assert [(receipt.status, receipt.detail) for receipt in failed.receipts] == [(ReceiptStatus.FAILED, "MK:0001")]


def test_who_cannot_be_asked_says_nothing(tencent: TencentSimulator) -> None:
    asked = Question(reference="k3x9", to=SMS.to, sent_at=datetime.now(UTC))
    tencent.answer_next("FailedOperation.OtherError")

    assert look_up("tencent_sms", tencent.config, asked) == Finding()
    assert look_up("tencent_sms", {**tencent.config, "secret_key": "not it"}, asked) == Finding()


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[" * 100_000])
def test_a_push_that_cannot_be_read_comes_again(body: bytes) -> None:
    assert receive(body) == CallbackReply(status=400)


@pytest.mark.parametrize("body", [b"[1]", b'[{"sid":""}]', b'[{"sid":"1","report_status":"MAYBE"}]'])
def test_a_push_that_says_nothing_of_a_message_is_only_taken(body: bytes) -> None:
    assert (receive(body).status, list(receive(body).receipts)) == (200, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("secret_id", "a b"),
        ("url", "ftp://x"),
        ("template_params", "{}"),
        ("code_params", '["{no}"]'),
        ("longest", "1"),
    ],
)
def test_a_wrong_field_is_named(tencent: TencentSimulator, field: str, value: str) -> None:
    assert field in provider_type("tencent_sms").problems({**tencent.config, field: value})
