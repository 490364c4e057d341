"""What the SMTP provider reads out of mail that comes back."""

from __future__ import annotations

import time

import pytest

from simulators.bounces import holiday, qmail, report
from simulators.smtp import SmtpSimulator
from tests.contracts.sending import MAIL, send_one
from tocsin.channels.base import CallbackReply, CallbackRequest, Outcome, Receipt, ReceiptStatus
from tocsin.channels.registry import provider_type

SMTP = provider_type("smtp")
TOKEN = "k3x9-abcdefghijklmnop"
RETURN = f"bounces+{TOKEN}@example.org"


def read(mail: bytes, *, to: str = "", addressee: str = "ann@example.org") -> CallbackReply:
    known = {TOKEN: "k3x9"}
    return SMTP.receive(
        {},
        CallbackRequest(
            "POST", "", {"to": to}, {}, mail,
            reference_of=lambda token: known.get(token, ""),
            is_addressee=lambda reference, address: (reference, address) == ("k3x9", addressee),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "status", "said", "meaning", "code"),
    [
        ("failed", "5.1.1", "smtp; 550 5.1.1 unknown", ReceiptStatus.BOUNCED, "5.1.1"),
        ("failed", "5.1.2", "x; no such domain", ReceiptStatus.BOUNCED, "5.1.2"),
        ("failed", "5.2.1", "smtp; 550 disabled", ReceiptStatus.BOUNCED, "5.2.1"),
        ("failed", "5.0.0", "smtp; 550 no such user here", ReceiptStatus.BOUNCED, "5.0.0"),
        ("failed", "5.0.0", "smtp; 550 5.7.1 looks like spam", ReceiptStatus.FAILED, "5.7.1"),
        ("failed", "5.2.2", "smtp; 552 5.2.2 mailbox full", ReceiptStatus.FAILED, "5.2.2"),
        ("failed", "4.4.1", "X-Postfix; connection timed out", ReceiptStatus.FAILED, "4.4.1"),
        ("delayed", "4.4.1", "X-Postfix; connection timed out", ReceiptStatus.QUEUED, "4.4.1"),
        ("relayed", "2.1.9", "smtp; 250 ok", ReceiptStatus.QUEUED, "2.1.9"),
        ("delivered", "2.1.5", "smtp; 250 ok", ReceiptStatus.DELIVERED, "2.1.5"),
    ],
)
def test_a_report_says_what_became_of_the_message(
    action: str, status: str, said: str, meaning: ReceiptStatus, code: str
) -> None:
    reply = read(report(RETURN, action=action, status=status, said=said))

    assert reply.status == 200
    assert [(item.status, item.reference, item.code) for item in reply.receipts] == [(meaning, "k3x9", code)]


def test_the_address_in_what_a_server_said_is_not_kept() -> None:
    [receipt] = read(report(RETURN)).receipts

    assert receipt.detail == "550 5.1.1 <***>: Recipient address rejected: User unknown"


def test_qmails_own_form_is_read_and_not_the_message_below_it() -> None:
    assert read(qmail(RETURN)).receipts == [
        Receipt(ReceiptStatus.BOUNCED, "k3x9", code="5.1.1", detail="Sorry, no mailbox here by that name. (#5.1.1)")
    ]


def test_the_answer_of_a_person_on_holiday_means_nothing() -> None:
    reply = read(holiday(RETURN))

    assert (reply.status, list(reply.receipts)) == (200, [])


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("bounces+k3x9-aaaaaaaaaaaaaaaa@example.org", 403),
        ("bounces+k3x8-abcdefghijklmnop@example.org", 403),
        ("bounces@example.org", 400),
        ("", 400),
    ],
)
def test_a_token_that_is_not_ours_is_refused(to: str, status: int) -> None:
    reply = read(report(to))

    assert (reply.status, list(reply.receipts)) == (status, [])


@pytest.mark.parametrize("mail", [b"", b"\xff" * 100, b"Content-Type: multipart/report; boundary=x\n\n--x"])
def test_what_is_no_mail_harms_nobody(mail: bytes) -> None:
    assert read(mail, to=RETURN).receipts == []


def test_the_envelope_recipient_counts_more_than_headers_and_case_does_not() -> None:
    assert read(report("somebody@example.org"), to=RETURN.upper()).status == 200
    assert read(report("somebody@example.org"), to=RETURN.replace("+", " ")).status == 200
    assert read(report(RETURN), to="other@example.org").status == 400


def test_a_mail_leaves_with_its_return_address_where_bounces_are_read() -> None:
    with SmtpSimulator() as server:
        config = {"host": server.host, "port": str(server.port), "from": "tocsin@example.org", "security": "none"}
        with_bounces = {**config, "bounces": "bounces@mail.example.org"}

        assert send_one("smtp", config, MAIL, return_token=TOKEN).outcome == Outcome.ACCEPTED
        assert send_one("smtp", with_bounces, MAIL, return_token=TOKEN).outcome == Outcome.ACCEPTED
        assert send_one("smtp", with_bounces, MAIL).outcome == Outcome.ACCEPTED

    senders = [mail.sender for mail in server.messages]
    assert senders == ["tocsin@example.org", f"bounces+{TOKEN}@mail.example.org", "tocsin@example.org"]
    assert SMTP.capabilities_of(with_bounces).has_receipts
    assert not SMTP.capabilities_of(config).has_receipts


def test_what_became_of_another_address_is_kept_and_is_no_bounce() -> None:
    reports = [report(RETURN, recipient="old@gmail.example"), qmail(RETURN, recipient="old@gmail.example")]

    assert [item.status for mail in reports for item in read(mail).receipts] == [ReceiptStatus.QUEUED] * 2


def test_a_forwarded_message_counts_by_the_address_that_we_wrote_to() -> None:
    mail = report(RETURN, recipient="old@gmail.example")
    original = mail.replace(b"Final-Recipient:", b"Original-Recipient: rfc822;ann@example.org\nFinal-Recipient:")

    assert [item.status for item in read(original).receipts] == [ReceiptStatus.BOUNCED]


def test_a_report_about_an_international_address_is_read() -> None:
    mail = report(RETURN).replace(b"ann@example.org", "王@xn--fsqu00a.example".encode())
    international = mail.replace(b"message/delivery-status", b"message/global-delivery-status")

    [receipt] = read(international, addressee="王@例子.example").receipts

    assert (receipt.status, receipt.code) == (ReceiptStatus.BOUNCED, "5.1.1")
    assert receipt.detail == "550 5.1.1 <***>: Recipient address rejected: User unknown"


@pytest.mark.parametrize(
    "mail",
    [
        report(RETURN).replace(b"From: MAILER-DAEMON@mail", b"From: ann@mail"),
        b"Return-Path: <ann@example.org>\n" + report(RETURN),
        b"From: MAILER-DAEMON@x\nTo: " + RETURN.encode() + b"\nContent-Type: message/rfc822\n\n" + report(RETURN),
        report(RETURN).replace(b"delivery-status", b"disposition-notification", 1),
    ],
    ids=["from a person", "with a sender", "passed on", "another report"],
)
def test_what_no_mail_server_reports_means_nothing(mail: bytes) -> None:
    reply = read(mail, to=RETURN)

    assert (reply.status, list(reply.receipts)) == (200, [])


def test_a_report_without_a_sender_counts_whoever_it_is_from() -> None:
    mail = b"Return-Path: <>\n" + report(RETURN).replace(b"From: MAILER-DAEMON@mail", b"From: outlook@mail")

    assert [item.status for item in read(mail).receipts] == [ReceiptStatus.BOUNCED]


@pytest.mark.parametrize("depth", [300, 2000])
def test_parts_within_parts_harm_nobody(depth: int) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(depth))
    parts = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
    mail = b"From: MAILER-DAEMON@x\nTo: " + RETURN.encode() + b"\n" + parts + nested + b"\nhi"

    assert (read(mail).status, list(read(mail).receipts)) == (200, [])


def test_what_a_server_said_without_end_is_read_in_no_time() -> None:
    began = time.process_time()

    [receipt] = read(report(RETURN, said="smtp; 550 " + "a" * 200_000)).receipts

    assert receipt.status is ReceiptStatus.BOUNCED
    assert time.process_time() - began < 2
