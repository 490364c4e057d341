"""What the SMTP provider reads out of mail that comes back."""

from __future__ import annotations

import pytest

from simulators.bounces import holiday, qmail, report
from simulators.smtp import SmtpSimulator
from tests.contracts.sending import MAIL, send_one
from tocsin.channels.base import CallbackReply, CallbackRequest, Outcome, Receipt, ReceiptStatus
from tocsin.channels.registry import provider_type

SMTP = provider_type("smtp")
TOKEN = "k3x9-abcdefghijklmnop"
RETURN = f"bounces+{TOKEN}@example.org"


def read(mail: bytes, *, to: str = "") -> CallbackReply:
    known = {TOKEN: "k3x9"}
    return SMTP.receive(
        {}, CallbackRequest("POST", "", {"to": to}, {}, mail, reference_of=lambda token: known.get(token, ""))
    )


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
