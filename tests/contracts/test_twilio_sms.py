"""Twilio's text messages against a server as strict as Twilio's: what arrives, what refusals are, signed callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from simulators.twilio import SignedRequest, TwilioSimulator
from tests.contracts import asking
from tests.contracts.sending import SMS, send, send_one
from tocsin.channels.base import (
    CallbackRequest,
    Finding,
    Message,
    Outcome,
    Question,
    Receipt,
    ReceiptStatus,
)
from tocsin.channels.providers.twilio.signing import signature
from tocsin.channels.registry import provider_type

MESSAGE = replace(SMS, receipt_url="https://tocsin.example/callbacks/twilio_sms/abc")
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def twilio() -> Iterator[TwilioSimulator]:
    with TwilioSimulator(clock=lambda: NOW) as running:
        yield running


def receive(twilio: TwilioSimulator, sent: SignedRequest, **changes: object) -> tuple[int, list[Receipt]]:
    query = dict(part.split("=", 1) for part in urlsplit(sent.url).query.split("&") if part)
    request = CallbackRequest("POST", sent.url, query, sent.headers, sent.body)
    reply = provider_type("twilio_sms").receive(twilio.config, replace(request, **changes))  # type: ignore[arg-type]
    return reply.status, list(reply.receipts)


def look_up(twilio: TwilioSimulator, **changes: object) -> Finding:
    asked = Question(reference="k3x9", to=SMS.to, sent_at=NOW, text=SMS.text)

    return asking.look_up("twilio_sms", twilio.config, replace(asked, **changes))  # type: ignore[arg-type]


def test_the_signature_is_the_vendors() -> None:
    form = {
        "CallSid": ["CA1234567890ABCDE"],
        "Caller": ["+14158675309"],
        "Digits": ["1234"],
        "From": ["+14158675309"],
        "To": ["+18005551212"],
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"

    assert signature("12345", url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert signature("12345", url, form, "sha256") == "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s="


def test_a_text_arrives_and_asks_for_its_receipts(twilio: TwilioSimulator) -> None:
    result = send_one("twilio_sms", twilio.config, MESSAGE)

    [message] = twilio.messages
    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, message.sid)
    assert (message.to, message.sender, message.body) == (SMS.to, twilio.number, SMS.text)
    assert message.callback == "https://tocsin.example/callbacks/twilio_sms/abc?reference=k3x9"


def test_a_messaging_service_sends_in_the_place_of_a_number(twilio: TwilioSimulator) -> None:
    service = "MG" + "0" * 32
    result = send_one("twilio_sms", {**twilio.config, "sender": service}, SMS)

    assert (result.outcome, twilio.messages[0].sender, twilio.messages[0].status) == (
        Outcome.ACCEPTED,
        service,
        "accepted",
    )


def test_an_api_key_signs_in_the_place_of_the_token(twilio: TwilioSimulator) -> None:
    key = "SK" + "1" * 32
    twilio.keys[key] = "key-s3cret-word"

    wrong, right = (
        send_one("twilio_sms", {**twilio.config, "auth_token": "other", "api_key": key, "api_secret": secret}, SMS)
        for secret in ("not it", "key-s3cret-word")
    )

    assert (wrong.outcome, wrong.code) == (Outcome.PERMANENT_CONFIG, "20003")
    assert right.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(("alphabet", "longest"), [("Disk full. ", 3 * 153), ("磁盘已满。", 3 * 67)])
def test_a_long_text_is_cut_to_the_accounts_parts(twilio: TwilioSimulator, alphabet: str, longest: int) -> None:
    send_one("twilio_sms", twilio.config, SMS, text=alphabet * 100)

    [message] = twilio.messages
    assert (message.parts, len(message.body) <= longest, message.body.endswith("...")) == (3, True, True)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (20003, Outcome.PERMANENT_CONFIG),
        (20429, Outcome.RATE_LIMITED),
        (14107, Outcome.RATE_LIMITED),
        (30001, Outcome.RATE_LIMITED),
        (20500, Outcome.TRANSIENT),
        (30008, Outcome.TRANSIENT),
        (99999, Outcome.TRANSIENT),
        (21211, Outcome.PERMANENT_TARGET),
        (21614, Outcome.PERMANENT_TARGET),
        (21610, Outcome.PERMANENT_TARGET),
        (30006, Outcome.PERMANENT_TARGET),
        (21212, Outcome.PERMANENT_CONFIG),
        (21608, Outcome.PERMANENT_CONFIG),
        (30002, Outcome.PERMANENT_CONFIG),
        (30034, Outcome.PERMANENT_CONFIG),
    ],
)
def test_each_error_has_its_class(twilio: TwilioSimulator, code: int, outcome: Outcome) -> None:
    twilio.answer_next(code)

    result = send_one("twilio_sms", twilio.config, SMS)

    assert (result.outcome, result.code) == (outcome, str(code))
    assert SMS.to not in result.detail
    assert twilio.messages == []
    assert (result.retry_after == timedelta(seconds=7)) == (code == 20429)


@pytest.mark.parametrize("code", [21408, 21612])
def test_an_account_that_does_not_reach_a_country_is_well_and_another_may_reach_it(
    twilio: TwilioSimulator, code: int
) -> None:
    twilio.answer_next(code)

    result = send_one("twilio_sms", twilio.config, MESSAGE)

    assert (result.outcome, result.is_about_message) == (Outcome.PERMANENT_CONFIG, True)


def test_the_address_for_receipts_is_kept_out_of_what_twilio_says_of_it(twilio: TwilioSimulator) -> None:
    twilio.answer_next(21609)

    result = send_one("twilio_sms", twilio.config, MESSAGE)

    assert result.detail == "Twilio did not take it: 21609 The StatusCallback URL ***?reference=k3x9 is not a valid URL"


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        ("sent", ReceiptStatus.QUEUED),
        ("delivered", ReceiptStatus.DELIVERED),
        ("read", ReceiptStatus.DELIVERED),
        ("undelivered", ReceiptStatus.FAILED),
        ("failed", ReceiptStatus.FAILED),
    ],
)
def test_a_signed_status_is_a_receipt(twilio: TwilioSimulator, status: str, becomes: ReceiptStatus) -> None:
    send("twilio_sms", twilio.config, MESSAGE)
    [message] = twilio.messages
    code = 30003 if becomes is ReceiptStatus.FAILED else None

    answer = receive(twilio, twilio.message_becomes(message, status, code))

    assert answer == (200, [Receipt(becomes, "k3x9", message.sid, code=str(code or ""))])


def test_a_status_signed_the_newer_way_is_one_too(twilio: TwilioSimulator) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    sent = twilio.signed(f"{MESSAGE.receipt_url}?reference=k3x9", form, digest="sha256")

    assert receive(twilio, sent) == (200, [Receipt(ReceiptStatus.DELIVERED, "k3x9", "SM1")])


def test_the_usual_port_may_stand_in_the_address_that_was_signed(twilio: TwilioSimulator) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    with_port = twilio.signed("https://tocsin.example:443/callbacks/twilio_sms/abc?reference=k3x9", form)
    without = twilio.signed("https://tocsin.example/callbacks/twilio_sms/abc?reference=k3x9", form)

    assert receive(twilio, replace(with_port, url=without.url))[0] == 200
    assert receive(twilio, replace(without, url=with_port.url))[0] == 200


@pytest.mark.parametrize(
    "forged",
    [
        {"body": b"MessageSid=SM1&MessageStatus=failed"},
        {"body": b"MessageSid=SM1&MessageStatus=delivered&More=1"},
        {"url": "https://tocsin.example/callbacks/twilio_sms/abc?reference=other"},
        {"headers": {}},
        {"headers": {"X-Twilio-Signature": "ÿ"}},
    ],
)
def test_what_is_not_signed_is_refused(twilio: TwilioSimulator, forged: dict[str, object]) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    sent = twilio.signed(f"{MESSAGE.receipt_url}?reference=k3x9", form)

    assert receive(twilio, sent, **forged) == (403, [])


def test_a_body_that_is_no_form_is_refused(twilio: TwilioSimulator) -> None:
    sent = twilio.signed(str(MESSAGE.receipt_url), {})

    assert receive(twilio, sent, body=b"\xff") == (400, [])


def test_a_message_is_looked_up_by_its_sid(twilio: TwilioSimulator) -> None:
    send("twilio_sms", twilio.config, SMS)
    [message] = twilio.messages

    assert look_up(twilio, provider_id=message.sid) == Finding(True, message.sid)
    twilio.message_becomes(message, "undelivered", 30005)

    receipt = Receipt(ReceiptStatus.FAILED, "k3x9", message.sid, code="30005")
    assert look_up(twilio, provider_id=message.sid) == Finding(True, message.sid, [receipt])


def test_a_message_without_a_reply_is_found_by_its_text(twilio: TwilioSimulator) -> None:
    twilio.loses_replies = True
    assert send_one("twilio_sms", twilio.config, SMS).outcome is Outcome.AMBIGUOUS
    [message] = twilio.messages

    assert look_up(twilio) == Finding(True, message.sid)
    assert look_up(twilio, text="Something else") == Finding(is_known=False)
    assert look_up(twilio, sent_at=NOW + timedelta(minutes=5)) == Finding(is_known=False)
    assert look_up(twilio, to="+8613900000000") == Finding(is_known=False)
    assert look_up(twilio, others=frozenset([message.sid])) == Finding(is_known=False), "that one is another delivery's"


def test_who_cannot_be_asked_says_nothing(twilio: TwilioSimulator) -> None:
    assert look_up(twilio, provider_id="SMnone") == Finding()
    twilio.auth_token = "changed meanwhile"
    twilio.keys.clear()

    config = {**twilio.config, "auth_token": "old"}
    asked = Question(reference="k3x9", to=SMS.to, sent_at=NOW, text=SMS.text)

    assert asking.look_up("twilio_sms", config, asked) == Finding()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_sid", "AC12"),
        ("api_key", "SK12"),
        ("api_secret", "alone"),
        ("url", "http://api.twilio.example"),
        ("sender", "+0123"),
        ("sender", "A name that is too long"),
        ("max_parts", "11"),
    ],
)
def test_a_wrong_field_is_named(twilio: TwilioSimulator, field: str, value: str) -> None:
    assert field in provider_type("twilio_sms").problems({**twilio.config, field: value})


def test_a_text_of_another_language_is_not_changed(twilio: TwilioSimulator) -> None:
    message: Message = replace(SMS, text="“磁盘” – 97 %")

    send("twilio_sms", twilio.config, message)

    assert twilio.messages[0].body == "“磁盘” – 97 %"
