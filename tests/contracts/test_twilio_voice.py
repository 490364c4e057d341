"""Twilio's calls against a server as strict as Twilio's: what is said, which keys are heard, how a call ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from simulators.twilio import SignedRequest, TwilioSimulator
from tests.contracts import asking
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
KEYS = {"1": CallKey("You claim it."), "2": CallKey("It is resolved.", confirm="Press 2 again.")}
MESSAGE = replace(CALL, keys=KEYS, receipt_url="https://tocsin.example/callbacks/twilio_voice/abc")
SCRIPT = Script(MESSAGE.text, "en", KEYS)


@pytest.fixture
def twilio() -> Iterator[TwilioSimulator]:
    with TwilioSimulator(clock=lambda: NOW) as running:
        yield running


def receive(twilio: TwilioSimulator, sent: SignedRequest, script: Script | None = SCRIPT, **more: str) -> CallbackReply:
    query = dict(parse_qsl(urlsplit(sent.url).query))
    request = CallbackRequest(
        "POST", sent.url, query, sent.headers, sent.body, lambda reference: script if reference == "k3x9" else None
    )
    return provider_type("twilio_voice").receive({**twilio.config, **more}, request)


def press(twilio: TwilioSimulator, key: str) -> tuple[str, list[Receipt]]:
    """What the one called hears, and what became known."""
    [call] = twilio.calls
    reply = receive(twilio, twilio.presses(call, key))
    return twilio.hears(call, reply.status, reply.content_type, reply.body), list(reply.receipts)


def look_up(twilio: TwilioSimulator, **changes: object) -> Finding:
    asked = Question(reference="k3x9", to=CALL.to, sent_at=NOW, text=CALL.text)

    return asking.look_up("twilio_voice", twilio.config, replace(asked, **changes))  # type: ignore[arg-type]


def test_the_message_is_said_twice_and_keys_are_heard(twilio: TwilioSimulator) -> None:
    result = send_one("twilio_voice", twilio.config, MESSAGE)

    [call] = twilio.calls
    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, call.sid)
    assert (call.to, call.sender, call.timeout) == (CALL.to, twilio.number, 30)
    assert call.document.said == [CALL.text, CALL.text]
    report = "https://tocsin.example/callbacks/twilio_voice/abc?reference=k3x9"
    assert (call.document.action, call.callback, call.machine_callback) == (report, report, report)
    assert (call.events, call.detects_machines) == (("answered", "completed"), True)


@pytest.mark.parametrize(
    ("language", "spoken"), [("en", "en-US"), ("zh-hans", "zh-CN"), ("de", "en-US"), ("", "en-US")]
)
def test_a_call_is_in_the_contacts_language(twilio: TwilioSimulator, language: str, spoken: str) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE, language=language)

    assert twilio.calls[0].document.language == spoken


def test_without_a_public_address_or_keys_none_is_heard(twilio: TwilioSimulator) -> None:
    send_one("twilio_voice", {**twilio.config, "machine_detection": "no"}, MESSAGE, receipt_url="")
    send_one("twilio_voice", twilio.config, MESSAGE, keys={})

    assert [call.document.action for call in twilio.calls] == ["", ""]
    assert [len(call.document.said) for call in twilio.calls] == [2, 2]
    assert (twilio.calls[0].callback, twilio.calls[0].detects_machines) == ("", False)


@pytest.mark.parametrize("text", ["<Dial>+1900</Dial> & more " * 400, "磁盘已满 " * 2000, "a\ufffeb\0c]]>"])
def test_whatever_a_message_says_is_said_and_not_done(twilio: TwilioSimulator, text: str) -> None:
    result = send_one("twilio_voice", twilio.config, MESSAGE, text=text)

    assert result.outcome is Outcome.ACCEPTED
    assert twilio.calls[0].document.said[0][:5] == text[:5].translate({0xFFFE: " ", 0: " "})


def test_1_claims(twilio: TwilioSimulator) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)

    said, receipts = press(twilio, "1")

    assert said == "You claim it."
    assert receipts == [Receipt(ReceiptStatus.KEY_PRESSED, "k3x9", twilio.calls[0].sid, key="1")]
    assert twilio.calls[0].document.hangs_up


def test_2_is_asked_again_and_then_counts(twilio: TwilioSimulator) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)

    asked, nothing = press(twilio, "2")
    said, receipts = press(twilio, "2")

    assert (asked, nothing) == ("Press 2 again. Press 2 again.", [])
    assert (said, [receipt.key for receipt in receipts]) == ("It is resolved.", ["2"])


def test_another_key_instead_of_the_second_2_is_taken_for_itself(twilio: TwilioSimulator) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)

    press(twilio, "2")
    said, receipts = press(twilio, "1")

    assert (said, [receipt.key for receipt in receipts]) == ("You claim it.", ["1"])


@pytest.mark.parametrize("key", ["9", "7", "*", "#"])
def test_9_and_what_means_nothing_says_the_message_again(twilio: TwilioSimulator, key: str) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)

    said, receipts = press(twilio, key)

    assert (said, receipts) == (f"{CALL.text} {CALL.text}", [])
    assert press(twilio, "1")[1][0].key == "1"


def test_a_key_in_a_call_that_is_not_known_hangs_up(twilio: TwilioSimulator) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE, reference="other")

    said, receipts = press(twilio, "1")

    assert (said, receipts, twilio.calls[0].document.hangs_up) == ("", [], True)


@pytest.mark.parametrize(
    ("status", "fields", "becomes"),
    [
        ("in-progress", {}, ReceiptStatus.QUEUED),
        ("in-progress", {"AnsweredBy": "human"}, ReceiptStatus.ANSWERED),
        ("completed", {}, ReceiptStatus.QUEUED),
        ("completed", {"AnsweredBy": "unknown"}, ReceiptStatus.ANSWERED),
        ("completed", {"AnsweredBy": "machine_start"}, ReceiptStatus.MACHINE),
        ("completed", {"AnsweredBy": "machine_end_beep"}, ReceiptStatus.MACHINE),
        ("completed", {"AnsweredBy": "fax"}, ReceiptStatus.MACHINE),
        ("busy", {}, ReceiptStatus.BUSY),
        ("no-answer", {}, ReceiptStatus.NO_ANSWER),
        ("canceled", {}, ReceiptStatus.FAILED),
        ("failed", {"SipResponseCode": "404"}, ReceiptStatus.UNREACHABLE),
        ("failed", {"SipResponseCode": "480"}, ReceiptStatus.NO_ANSWER),
        ("failed", {"SipResponseCode": "603"}, ReceiptStatus.REJECTED),
        ("failed", {}, ReceiptStatus.UNREACHABLE),
    ],
)
def test_each_end_of_a_call_is_a_receipt(
    twilio: TwilioSimulator, status: str, fields: dict[str, str], becomes: ReceiptStatus
) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)
    [call] = twilio.calls

    reply = receive(twilio, twilio.call_becomes(call, status, **fields))

    code = fields.get("SipResponseCode", "")
    assert list(reply.receipts) == [Receipt(becomes, "k3x9", call.sid, code=code)]


@pytest.mark.parametrize(
    ("answered_by", "becomes"),
    [
        ("human", ReceiptStatus.ANSWERED),
        ("machine_start", ReceiptStatus.MACHINE),
        ("fax", ReceiptStatus.MACHINE),
        ("unknown", ReceiptStatus.ANSWERED),
    ],
)
def test_who_answered_is_told_while_the_call_goes_on(
    twilio: TwilioSimulator, answered_by: str, becomes: ReceiptStatus
) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)
    [call] = twilio.calls

    assert [receipt.status for receipt in receive(twilio, twilio.detects(call, answered_by)).receipts] == [becomes]


def test_without_detection_an_answer_is_an_answer(twilio: TwilioSimulator) -> None:
    config = {**twilio.config, "machine_detection": "no"}
    send_one("twilio_voice", config, MESSAGE)
    [call] = twilio.calls

    for status in ("in-progress", "completed"):
        reply = receive(twilio, twilio.call_becomes(call, status), machine_detection="no")
        assert [receipt.status for receipt in reply.receipts] == [ReceiptStatus.ANSWERED]


def test_a_key_that_is_not_signed_is_refused(twilio: TwilioSimulator) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)
    pressed = twilio.presses(twilio.calls[0], "1")

    for forged in (
        replace(pressed, body=pressed.body.replace(b"Digits=1", b"Digits=3")),
        replace(pressed, url=f"{pressed.url}&confirm=2"),
        replace(pressed, headers={}),
    ):
        assert receive(twilio, forged) == CallbackReply(status=403)
    assert receive(twilio, replace(pressed, body=b"\xff")) == CallbackReply(status=400)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (20429, Outcome.RATE_LIMITED),
        (20500, Outcome.TRANSIENT),
        (13224, Outcome.PERMANENT_TARGET),
        (21214, Outcome.PERMANENT_TARGET),
        (21217, Outcome.PERMANENT_TARGET),
        (21210, Outcome.PERMANENT_CONFIG),
        (21219, Outcome.PERMANENT_CONFIG),
        (10001, Outcome.PERMANENT_CONFIG),
    ],
)
def test_each_refusal_has_its_class(twilio: TwilioSimulator, code: int, outcome: Outcome) -> None:
    twilio.answer_next(code)

    assert send_one("twilio_voice", twilio.config, MESSAGE).outcome is outcome
    assert twilio.calls == []


@pytest.mark.parametrize("code", [21215, 13227])
def test_an_account_that_does_not_reach_a_country_is_well_and_another_may_reach_it(
    twilio: TwilioSimulator, code: int
) -> None:
    twilio.answer_next(code)

    result = send_one("twilio_voice", twilio.config, MESSAGE)

    assert (result.outcome, result.is_about_message) == (Outcome.PERMANENT_CONFIG, True)


def test_the_address_for_receipts_is_kept_out_of_what_twilio_says_of_it(twilio: TwilioSimulator) -> None:
    twilio.answer_next(21609)

    result = send_one("twilio_voice", twilio.config, MESSAGE)

    assert result.detail == "Twilio did not take it: 21609 The StatusCallback URL ***?reference=k3x9 is not a valid URL"


def test_a_call_is_looked_up_by_its_sid(twilio: TwilioSimulator) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)
    [call] = twilio.calls
    assert look_up(twilio, provider_id=call.sid) == Finding(True, call.sid)

    call.status = "completed"
    assert [item.status for item in look_up(twilio, provider_id=call.sid).receipts] == [ReceiptStatus.ANSWERED]
    call.status = "no-answer"
    found = look_up(twilio, provider_id=call.sid)
    call.status, call.answered_by = "completed", "machine_start"
    later = look_up(twilio, provider_id=call.sid)

    assert found == Finding(True, call.sid, [Receipt(ReceiptStatus.NO_ANSWER, "k3x9", call.sid)])
    assert [receipt.status for receipt in later.receipts] == [ReceiptStatus.MACHINE]


def test_a_call_that_goes_on_is_answered_by_nobody_until_it_is_known_by_whom(twilio: TwilioSimulator) -> None:
    send_one("twilio_voice", twilio.config, MESSAGE)
    [call] = twilio.calls
    call.status = "in-progress"

    before = look_up(twilio, provider_id=call.sid)
    call.answered_by = "machine_start"
    after = look_up(twilio, provider_id=call.sid)

    assert before == Finding(True, call.sid)
    assert [receipt.status for receipt in after.receipts] == [ReceiptStatus.MACHINE]


def test_a_call_without_a_reply_is_found_by_its_number(twilio: TwilioSimulator) -> None:
    twilio.loses_replies = True
    assert send_one("twilio_voice", twilio.config, MESSAGE).outcome is Outcome.AMBIGUOUS
    [call] = twilio.calls

    assert look_up(twilio) == Finding(True, call.sid)
    assert look_up(twilio, sent_at=NOW + timedelta(minutes=5)) == Finding(is_known=False)
    assert look_up(twilio, to="+8613900000000") == Finding(is_known=False)
    assert look_up(twilio, others=frozenset([call.sid])) == Finding(is_known=False), "that one is another delivery's"


@pytest.mark.parametrize(
    ("field", "value"),
    [("sender", "MG" + "0" * 32), ("ring_seconds", "0"), ("ring_seconds", "121"), ("machine_detection", "maybe")],
)
def test_a_wrong_field_is_named(twilio: TwilioSimulator, field: str, value: str) -> None:
    assert field in provider_type("twilio_voice").problems({**twilio.config, field: value})
