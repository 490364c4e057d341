"""SMTP against Debian's Postfix: what a real server says, and what arrives behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from simulators.postfix import Greylist, Postfix
from simulators.smtp import SmtpSimulator
from tests.contracts.sending import MAIL, TEXT, send, send_one, send_together
from tocsin.channels.base import CallbackRequest, Outcome, ReceiptStatus
from tocsin.channels.registry import provider_type

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def world() -> Iterator[SmtpSimulator]:
    with SmtpSimulator(takes_utf8=True) as running:
        yield running


@pytest.fixture(scope="module")
def postfix(world: SmtpSimulator) -> Iterator[Postfix]:
    known = ", ".join(f"{name}@example.org=x" for name in ("wang", "li", "zhao", "王"))
    settings = {"relay_recipient_maps": f"inline:{{ {known} }}", "message_size_limit": "100000"}
    with Postfix(world.port, settings=settings) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_yet(world: SmtpSimulator) -> None:
    world.messages.clear()


def config(postfix: Postfix, *, port: int = 0, **more: str) -> dict[str, str]:
    return {
        "host": "127.0.0.1", "port": str(port or postfix.port), "from": "Tocsin 告警 <alerts@example.org>",
        "security": "none", **more,
    }  # fmt: skip


def test_a_mail_arrives_as_it_was_written(postfix: Postfix, world: SmtpSimulator) -> None:
    text = f"{TEXT}\n.\n..dots\n" + "x" * 2000 + "\n.end"

    result = send_one("smtp", config(postfix), MAIL, text=text, html="<p>." + "y" * 5000 + "\n.</p>")
    [mail] = world.wait_for(1)

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, "250")
    assert mail.part("plain").rstrip("\n") == text
    assert "y" * 5000 in mail.part("html")
    assert mail.message["Subject"] == MAIL.subject
    assert [len(mail.message.get_all(name, [])) for name in ("Date", "Message-ID", "From", "To", "Received")] == [1] * 5
    assert mail.message["Message-ID"].startswith("<k3x9.")
    assert mail.message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("how", ["starttls", "tls", "auto"])
def test_it_goes_over_tls_that_is_verified(postfix: Postfix, world: SmtpSimulator, how: str) -> None:
    port = postfix.tls_port if how == "tls" else postfix.port
    secured = config(postfix, port=port, security=how)

    taken = send_one("smtp", {**secured, "ca_file": postfix.ca_file}, MAIL)
    [mail] = world.wait_for(1)
    refused = send_one("smtp", secured, MAIL)

    assert taken.outcome == Outcome.ACCEPTED
    assert "using TLSv1.3" in str(mail.message["Received"])
    assert (refused.outcome, refused.code) == (Outcome.PERMANENT_CONFIG, "tls")


def test_who_is_unknown_is_told_apart_from_the_others_and_the_connection_goes_on(
    postfix: Postfix, world: SmtpSimulator
) -> None:
    messages = [replace(MAIL, to=f"{name}@example.org") for name in ("wang", "gone", "li", "zhao")]

    results = send("smtp", config(postfix, connections="1"), *messages)
    world.wait_for(3)

    assert [result.outcome for result in results] == [
        Outcome.ACCEPTED, Outcome.PERMANENT_TARGET, Outcome.ACCEPTED, Outcome.ACCEPTED
    ]  # fmt: skip
    assert results[1].code == "550 5.1.1"
    assert "gone@example.org" not in results[1].detail
    assert sorted(mail.recipient for mail in world.messages) == [
        "li@example.org",
        "wang@example.org",
        "zhao@example.org",
    ]


def test_what_is_too_large_is_refused_before_it_is_sent(postfix: Postfix, world: SmtpSimulator) -> None:
    result = send_one("smtp", config(postfix), MAIL, text="x" * 200_000)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "552 5.3.4")
    assert world.messages == []


def test_an_international_mailbox_is_reached(postfix: Postfix, world: SmtpSimulator) -> None:
    result = send_one("smtp", config(postfix), MAIL, to="王@example.org")
    [mail] = world.wait_for(1)

    assert result.outcome == Outcome.ACCEPTED
    assert mail.recipient == "王@example.org"


def test_what_comes_back_about_an_international_mailbox_is_read(postfix: Postfix, world: SmtpSimulator) -> None:
    token = "k3x9-abcdefghijklmnop"
    world.answer("王@example.org", "550 5.1.1 no such user")

    send_one(
        "smtp", config(postfix, bounces="bounces@alerts.example.org"), MAIL, to="王@example.org", return_token=token
    )
    postfix.wait_until_handed_over(1)

    [(to, mail, _)] = postfix.handed_over
    request = CallbackRequest(
        "POST", "", {"to": to}, {}, mail, reference_of={token: "k3x9"}.__getitem__,
        is_addressee=lambda _reference, address: address == "王@example.org",
    )  # fmt: skip
    assert b"message/global-delivery-status" in mail
    [receipt] = provider_type("smtp").receive({}, request).receipts
    assert (receipt.status, receipt.code) == (ReceiptStatus.BOUNCED, "5.1.1")


def test_who_may_not_relay_has_an_account_that_is_set_up_wrongly(world: SmtpSimulator) -> None:
    with Postfix(world.port, settings={"smtpd_relay_restrictions": "reject_unauth_destination"}) as strict:
        result = send_one("smtp", config(strict), MAIL, to="wang@elsewhere.example")

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "554 5.7.1")


@pytest.mark.parametrize(
    ("settings", "outcome", "code"),
    [
        ({"smtpd_client_restrictions": "static:{421 4.3.2 away}"}, Outcome.TRANSIENT, "421 4.3.2"),
        ({"smtpd_sender_restrictions": "static:{450 4.3.0 look-up failed}"}, Outcome.TRANSIENT, "450 4.3.0"),
        ({"smtpd_sender_restrictions": "static:{550 5.7.1 not from there}"}, Outcome.PERMANENT_CONFIG, "550 5.7.1"),
        ({"smtpd_recipient_restrictions": "static:{554 5.7.1 no}"}, Outcome.PERMANENT_CONFIG, "554 5.7.1"),
        ({"smtpd_recipient_restrictions": "static:{452 4.2.2 full}"}, Outcome.TRANSIENT, "452 4.2.2"),
        ({"smtpd_data_restrictions": "static:{451 4.3.0 not now}"}, Outcome.TRANSIENT, "451 4.3.0"),
        ({"smtpd_end_of_data_restrictions": "static:{550 5.7.1 spam}"}, Outcome.PERMANENT_CONFIG, "550 5.7.1"),
    ],
)  # fmt: skip
def test_what_it_refuses_where(world: SmtpSimulator, settings: dict[str, str], outcome: Outcome, code: str) -> None:
    checked = {name: f"check_client_access {value}" for name, value in settings.items()}
    with Postfix(world.port, settings={**checked, "smtpd_delay_reject": "no"}) as strict:
        result = send_one("smtp", config(strict), MAIL)

    assert (result.outcome, result.code, result.retry_after) == (outcome, code, None)
    assert world.messages == []


def test_greylisting_is_tried_again_after_five_minutes(world: SmtpSimulator) -> None:
    with Greylist() as grey, Postfix(world.port, settings={"smtpd_recipient_restrictions": grey.check}) as postfix:
        first, second = send("smtp", config(postfix), MAIL, MAIL)
        world.wait_for(1)

    assert (first.outcome, first.retry_after) == (Outcome.TRANSIENT, timedelta(minutes=5))
    assert second.outcome == Outcome.ACCEPTED


def test_a_server_that_takes_fewer_connections_gets_fewer(world: SmtpSimulator) -> None:
    settings = {"smtpd_client_connection_count_limit": "2", "smtpd_client_event_limit_exceptions": ""}
    messages = [replace(MAIL, reference=f"m{number}") for number in range(40)]
    with Postfix(world.port, settings=settings) as busy:
        results = send_together("smtp", config(busy, connections="8"), *messages)
        world.wait_for(40, within=30)

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
