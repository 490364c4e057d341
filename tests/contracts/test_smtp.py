"""SMTP against a server that refuses, delays and drops: what each outcome is, and what the mail looks like."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from simulators.raw import LineServer
from simulators.smtp import SmtpSimulator
from simulators.waiting import wait_until
from tests.contracts.sending import MAIL, TEXT, open_provider, send, send_one, send_together
from tocsin.channels.base import Outcome
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.smtp.account import read
from tocsin.channels.providers.smtp.sending import SmtpEmail
from tocsin.channels.registry import provider_type


@pytest.fixture
def server() -> Iterator[SmtpSimulator]:
    with SmtpSimulator() as running:
        yield running


def config_for(server: SmtpSimulator, **more: str) -> dict[str, str]:
    return {
        "host": server.host,
        "port": str(server.port),
        "from": "Tocsin 告警 <alerts@example.org>",
        "timeout": "2",
        **more,
    }


def test_a_mail_arrives_in_both_forms(server: SmtpSimulator) -> None:
    result = send_one("smtp", config_for(server), MAIL)

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, "250")
    [mail] = server.messages
    assert (mail.sender, mail.recipient) == ("alerts@example.org", "wang@example.org")
    assert mail.message["Subject"] == "[P1] Disk full 磁盘 (#12)"
    assert mail.message["From"].addresses[0].display_name == "Tocsin 告警"
    assert mail.message["To"].addresses[0].display_name == "王小明"
    assert mail.message["To"].addresses[0].addr_spec == "wang@example.org"
    assert mail.part("plain").rstrip("\n") == TEXT
    assert mail.part("html").rstrip("\n") == f"<p>{TEXT}</p>"
    assert mail.message.get_content_type() == "multipart/alternative"
    assert mail.message["MIME-Version"] == "1.0"
    assert mail.message["Date"].datetime is not None
    assert mail.content.isascii()


def test_a_mail_without_html_is_plain(server: SmtpSimulator) -> None:
    send_one("smtp", config_for(server), MAIL, html="", subject="", text="one line only")

    [mail] = server.messages
    assert mail.message.get_content_type() == "text/plain"
    assert mail.message["Subject"] == "one line only"


def test_robots_are_told_not_to_answer(server: SmtpSimulator) -> None:
    send_one("smtp", config_for(server, reply_to="oncall@example.org"), MAIL, urgent=True)
    send_one("smtp", config_for(server), MAIL)

    urgent, plain = (mail.message for mail in server.messages)
    assert urgent["Auto-Submitted"] == plain["Auto-Submitted"] == "auto-generated"
    assert urgent["X-Auto-Response-Suppress"] == "All"
    assert (urgent["Importance"], urgent["X-Priority"], urgent["Reply-To"]) == ("high", "1", "oncall@example.org")
    assert (plain["Importance"], plain["X-Priority"], plain["Reply-To"]) == (None, None, None)


def test_mails_of_one_alert_form_one_thread(server: SmtpSimulator) -> None:
    later = replace(MAIL, reference="k3xa", is_thread_start=False, text="more")
    other = replace(MAIL, reference="k3xb", thread="", is_thread_start=False)

    send("smtp", config_for(server), MAIL, later, other)

    first, second, third = (mail.message for mail in server.messages)
    assert first["References"] == second["References"] == "<alert-12@example.org>"
    assert first["In-Reply-To"] is None
    assert second["In-Reply-To"] == "<alert-12@example.org>"
    assert third["References"] is None


def test_a_second_copy_has_the_same_message_id(server: SmtpSimulator) -> None:
    others = [
        replace(MAIL, reference="k3xa"),
        replace(MAIL, to="li@example.org"),
        replace(MAIL, text="the same reference of another installation"),
    ]

    send("smtp", config_for(server), MAIL, MAIL, *others)

    ids = [str(mail.message["Message-ID"]) for mail in server.messages]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert ids[0].startswith("<k3x9.")
    assert ids[0].endswith("@example.org>")


def test_line_breaks_cannot_add_headers_or_commands(server: SmtpSimulator) -> None:
    evil = replace(
        MAIL,
        subject="a\r\nBcc: everyone@example.org",
        to_name='x"\r\nBcc: all@example.org\r\n',
        thread="1>\r\nBcc: b@example.org",
        reference="r\r\nBcc: c@example.org",
    )
    results = send(
        "smtp",
        config_for(server),
        evil,
        replace(MAIL, to="a@example.org>\r\nRCPT TO:<b@example.org"),
        replace(MAIL, to="a b@example.org"),
        replace(MAIL, to=""),
    )

    assert [result.outcome for result in results] == [Outcome.ACCEPTED, *[Outcome.PERMANENT_TARGET] * 3]
    [mail] = server.messages
    assert mail.message["Bcc"] is None
    assert mail.message["Subject"] == "a Bcc: everyone@example.org"


def test_dots_long_lines_and_odd_line_ends_arrive_as_written(server: SmtpSimulator) -> None:
    text = ".\n..dots\n.\r\nlone\rreturn\n" + "x" * 2000 + "\n.end"

    send_one("smtp", config_for(server), MAIL, text=text, html="<p>." + "y" * 5000 + "\n.</p>")

    [mail] = server.messages
    assert mail.part("plain").splitlines() == text.splitlines()
    assert "y" * 5000 in mail.part("html")


@pytest.mark.parametrize(
    ("reply", "outcome", "code"),
    [
        ("550 5.1.1 <wang@example.org>: Recipient address rejected", Outcome.PERMANENT_TARGET, "550 5.1.1"),
        ("550 5.1.2 Bad destination system address", Outcome.PERMANENT_TARGET, "550 5.1.2"),
        ("556 5.1.10 Recipient address has null MX", Outcome.PERMANENT_TARGET, "556 5.1.10"),
        ("550 5.2.1 Mailbox disabled", Outcome.PERMANENT_TARGET, "550 5.2.1"),
        ("550 No such user here", Outcome.PERMANENT_TARGET, "550"),
        ("553 5.1.8 Sender address has no mail exchanger", Outcome.PERMANENT_CONFIG, "553 5.1.8"),
        ("554 5.7.1 Relay access denied", Outcome.PERMANENT_CONFIG, "554 5.7.1"),
        ("550 5.7.26 Unauthenticated mail is not accepted", Outcome.PERMANENT_CONFIG, "550 5.7.26"),
        ("554 Transaction failed", Outcome.PERMANENT_CONFIG, "554"),
        ("452 4.2.2 Mailbox full", Outcome.TRANSIENT, "452 4.2.2"),
        ("421 4.3.2 Shutting down", Outcome.TRANSIENT, "421 4.3.2"),
        ("432 4.7.12 Try again", Outcome.TRANSIENT, "432 4.7.12"),
        ("299 what", Outcome.TRANSIENT, "299"),
    ],
)
def test_a_refused_recipient(server: SmtpSimulator, reply: str, outcome: Outcome, code: str) -> None:
    server.answer("wang@example.org", reply)

    result = send_one("smtp", config_for(server), MAIL)

    assert (result.outcome, result.code, result.retry_after) == (outcome, code, None)
    assert "wang@example.org" not in result.detail
    assert server.messages == []


@pytest.mark.parametrize(
    ("reply", "is_about_message"),
    [
        ("452 4.2.2 Mailbox full", True),
        ("451 4.7.1 Greylisted", True),
        ("450 busy", True),
        ("554 5.7.1 Relay access denied", False),
        ("451 4.3.0 Local error", False),
        ("421 4.3.2 Shutting down", False),
        ("421 4.7.0 Too much from you, closing", False),
    ],
)
def test_one_mailbox_that_takes_nothing_now_says_nothing_of_the_account(
    server: SmtpSimulator, reply: str, is_about_message: bool
) -> None:
    server.answer("wang@example.org", reply)

    assert send_one("smtp", config_for(server), MAIL).is_about_message == is_about_message


@pytest.mark.parametrize("reply", ["451 4.7.1 Greylisted", "450 4.2.0 Greylisted", "450 busy"])
def test_greylisting_is_tried_again_after_five_minutes(server: SmtpSimulator, reply: str) -> None:
    server.answer("wang@example.org", reply)

    first, second = send("smtp", config_for(server), MAIL, MAIL)

    assert (first.outcome, first.retry_after) == (Outcome.TRANSIENT, timedelta(minutes=5))
    assert second.outcome == Outcome.ACCEPTED
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("554 5.7.1 Message rejected as spam", Outcome.PERMANENT_CONFIG),
        ("552 5.3.4 Message too big", Outcome.PERMANENT_CONFIG),
        ("550 5.1.1 No such user", Outcome.PERMANENT_TARGET),
        ("550 not today", Outcome.PERMANENT_CONFIG),
        ("451 4.3.0 Local error", Outcome.TRANSIENT),
    ],
)
def test_a_refused_content(server: SmtpSimulator, reply: str, outcome: Outcome) -> None:
    server.answer("wang@example.org", f"refuse data {reply}")

    result = send_one("smtp", config_for(server), MAIL)

    assert (result.outcome, result.is_about_message) == (outcome, outcome is not Outcome.TRANSIENT)
    assert server.messages == []


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("553 5.1.8 Sender has no mail exchanger", Outcome.PERMANENT_CONFIG),
        ("550 5.7.1 You may not send as this", Outcome.PERMANENT_CONFIG),
        ("451 4.3.0 Try later", Outcome.TRANSIENT),
        ("drop", Outcome.TRANSIENT),
    ],
)
def test_a_refused_sender_is_about_the_account(server: SmtpSimulator, reply: str, outcome: Outcome) -> None:
    server.answer_sender(reply)

    first, second = send("smtp", config_for(server), MAIL, MAIL)

    assert [first.outcome, second.outcome] == [outcome, Outcome.ACCEPTED]


@pytest.mark.parametrize("reply", ["421 4.4.2 Idle for too long", "drop"])
def test_a_kept_connection_that_ends_is_replaced_at_once(server: SmtpSimulator, reply: str) -> None:
    server.answer_sender("250 2.1.0 OK", reply)

    results = send("smtp", config_for(server), MAIL, MAIL)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert (len(server.messages), server.connections) == (2, 2)


def test_a_refusal_before_the_content_leaves_nothing_behind(server: SmtpSimulator) -> None:
    server.answer("wang@example.org", "refuse begin 452 4.3.1 Out of disk")

    first, second = send("smtp", config_for(server), MAIL, replace(MAIL, to="li@example.org"))

    assert [first.outcome, second.outcome] == [Outcome.TRANSIENT, Outcome.ACCEPTED]
    assert [mail.recipient for mail in server.messages] == ["li@example.org"]


@pytest.mark.parametrize("act", ["drop after data", "hang after data"])
def test_no_answer_after_the_content_is_ambiguous(server: SmtpSimulator, act: str) -> None:
    server.answer("wang@example.org", act)

    [result] = send("smtp", config_for(server, timeout="1"), MAIL)

    assert result.outcome == Outcome.AMBIGUOUS
    assert len(server.messages) == 1


@pytest.mark.parametrize("act", ["drop at rcpt", "hang at rcpt"])
def test_no_answer_before_the_content_is_transient(server: SmtpSimulator, act: str) -> None:
    server.answer("wang@example.org", act)

    first, second = send("smtp", config_for(server, timeout="1"), MAIL, MAIL)

    assert [first.outcome, second.outcome] == [Outcome.TRANSIENT, Outcome.ACCEPTED]
    assert len(server.messages) == 1


def test_one_refusal_does_not_touch_the_others(server: SmtpSimulator) -> None:
    server.answer("b@example.org", "550 5.1.1 no")
    server.answer("d@example.org", "refuse data 554 5.7.1 no")
    messages = [replace(MAIL, to=f"{name}@example.org") for name in "abcde"]

    results = send("smtp", config_for(server), *messages)

    assert [result.outcome for result in results] == [
        Outcome.ACCEPTED,
        Outcome.PERMANENT_TARGET,
        Outcome.ACCEPTED,
        Outcome.PERMANENT_CONFIG,
        Outcome.ACCEPTED,
    ]
    assert [mail.recipient for mail in server.messages] == ["a@example.org", "c@example.org", "e@example.org"]
    assert server.connections == 1


def test_connections_are_kept_and_limited(server: SmtpSimulator) -> None:
    messages = [replace(MAIL, reference=f"m{number}", to=f"p{number}@example.org") for number in range(60)]

    results = send_together("smtp", config_for(server, connections="3"), *messages)

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert sorted(mail.recipient for mail in server.messages) == sorted(message.to for message in messages)
    assert server.connections == 3


def test_a_connection_that_was_closed_meanwhile_costs_nothing(server: SmtpSimulator) -> None:
    async def run() -> list[Outcome]:
        http = HttpClient()
        provider = open_provider("smtp", config_for(server), http)
        first = await provider.send(MAIL)
        await asyncio.to_thread(server.close_idle_connections)
        second = await provider.send(MAIL)
        await provider.aclose()
        return [first.outcome, second.outcome]

    assert asyncio.run(run()) == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert server.connections == 2


def test_a_long_conversation_changes_its_connection(server: SmtpSimulator) -> None:
    results = send("smtp", config_for(server, connections="1"), *[MAIL] * 250)

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert server.connections == 3


@pytest.mark.parametrize(
    ("answers", "greeting", "outcomes"),
    [
        ({"EHLO": "502 what"}, "220 old server", [Outcome.ACCEPTED, Outcome.ACCEPTED]),
        ({"EHLO": "502 what", "HELO": "550 5.7.1 go away"}, "220 old server", [Outcome.PERMANENT_CONFIG] * 2),
        ({"EHLO": ""}, "220 shy server", [Outcome.TRANSIENT] * 2),
        ({}, "554 5.7.1 no service here", [Outcome.PERMANENT_CONFIG] * 2),
        ({}, "421 4.3.2 too busy", [Outcome.TRANSIENT] * 2),
        ({}, "hello?", [Outcome.TRANSIENT] * 2),
        ({"RCPT": "550 5.1.1 no", "RSET": ""}, "220 x", [Outcome.PERMANENT_TARGET] * 2),
        ({"RCPT": "550 5.1.1 no", "RSET": "500 what"}, "220 x", [Outcome.PERMANENT_TARGET] * 2),
        ({"RCPT": "550-5.1.1 first\r\n550 5.1.1 second"}, "220 x", [Outcome.PERMANENT_TARGET] * 2),
    ],
)
def test_odd_servers_are_understood(answers: dict[str, str], greeting: str, outcomes: list[Outcome]) -> None:
    with LineServer(answers, greeting=greeting) as odd:
        config = {"host": odd.host, "port": str(odd.port), "from": "a@example.org", "security": "none", "timeout": "2"}
        results = send("smtp", config, MAIL, MAIL)

    assert [result.outcome for result in results] == outcomes


def test_a_cancelled_connect_leaves_no_open_connection() -> None:
    with LineServer({"EHLO": "hang"}) as slow:
        config = {"host": slow.host, "port": str(slow.port), "from": "a@example.org", "security": "none"}

        async def run() -> None:
            provider = open_provider("smtp", config, HttpClient())
            sending = asyncio.create_task(provider.send(MAIL))
            await asyncio.to_thread(wait_until, lambda: len(slow.commands) == 1, what="EHLO")
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            await provider.aclose()

        asyncio.run(run())


def test_an_idle_connection_is_given_back(server: SmtpSimulator) -> None:
    account = read(provider_type("smtp").complete(config_for(server)))

    async def run() -> None:
        provider = SmtpEmail(account, idle_for=0.1)
        await provider.send(MAIL)
        await asyncio.to_thread(wait_until, lambda: server.open_connections == 0, what="the farewell")
        await provider.send(MAIL)
        await provider.aclose()

    asyncio.run(run())
    assert server.connections == 2


def test_a_send_that_outlives_its_account_leaves_no_open_connection(server: SmtpSimulator) -> None:
    server.answer("wang@example.org", "pause at rcpt")

    async def run() -> None:
        provider = open_provider("smtp", config_for(server), HttpClient())
        sending = asyncio.create_task(provider.send(MAIL))
        await asyncio.to_thread(wait_until, lambda: server.connections == 1, what="a connection")
        await provider.aclose()
        assert (await sending).outcome == Outcome.ACCEPTED
        await asyncio.to_thread(wait_until, lambda: server.open_connections == 0, what="the farewell")

    asyncio.run(run())


def test_nobody_listening_is_transient() -> None:
    with SmtpSimulator() as server:
        config = config_for(server)

    result = send_one("smtp", config, MAIL)

    assert result.outcome == Outcome.TRANSIENT
    assert result.detail == "The mail server cannot be connected to."


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_signed_in_mail_goes_over_verified_tls(tls: str) -> None:
    with SmtpSimulator(tls=tls, user="tocsin", password="s3cret-word") as server:
        config = config_for(server, security=tls, username="tocsin", password="s3cret-word", ca_file=server.ca_file)
        assert send_one("smtp", config, MAIL).outcome == Outcome.ACCEPTED
        assert send_one("smtp", {**config, "security": "auto" if tls == "starttls" else "tls"}, MAIL).outcome == (
            Outcome.ACCEPTED
        )

        assert [(mail.user, mail.over_tls) for mail in server.messages] == [("tocsin", True)] * 2


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_an_unknown_certificate_is_refused_unless_verification_is_off(tls: str) -> None:
    with SmtpSimulator(tls=tls) as server:
        refused = send_one("smtp", config_for(server, security=tls), MAIL)
        taken = send_one("smtp", config_for(server, security=tls, verify="no"), MAIL)

    assert (refused.outcome, refused.code) == (Outcome.PERMANENT_CONFIG, "tls")
    assert taken.outcome == Outcome.ACCEPTED
    assert len(server.messages) == 1


def test_a_wrong_password_is_a_broken_account(caplog: pytest.LogCaptureFixture) -> None:
    with SmtpSimulator(user="tocsin", password="right-word") as server:
        config = config_for(server, security="none", username="tocsin", password="wrong-word")
        result = send_one("smtp", config, MAIL)

    assert result.outcome == Outcome.PERMANENT_CONFIG
    assert result.code == "535 5.7.8"
    assert "wrong-word" not in repr(result) + caplog.text
    assert server.messages == []


def test_a_password_is_not_sent_in_clear_text_unasked() -> None:
    with SmtpSimulator(user="tocsin", password="right-word") as server:
        config = config_for(server, username="tocsin", password="right-word")
        kept = send_one("smtp", config, MAIL)
        sent = send_one("smtp", {**config, "security": "none"}, MAIL)

    assert (kept.outcome, kept.code) == (Outcome.PERMANENT_CONFIG, "no-starttls")
    assert sent.outcome == Outcome.ACCEPTED


def test_starttls_that_is_required_and_missing_is_a_broken_account(server: SmtpSimulator) -> None:
    result = send_one("smtp", config_for(server, security="starttls"), MAIL)

    assert result.outcome == Outcome.PERMANENT_CONFIG
    assert server.messages == []


def test_a_server_that_wants_sign_in_is_a_broken_account() -> None:
    with SmtpSimulator(user="tocsin", password="right-word") as server:
        result = send_one("smtp", config_for(server), MAIL)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "530 5.7.0")


def test_a_mail_over_the_servers_size_is_refused_before_it_is_sent() -> None:
    with SmtpSimulator(max_size=1000) as server:
        result = send_one("smtp", config_for(server), MAIL, text="x" * 5000)

    assert (result.outcome, result.is_about_message) == (Outcome.PERMANENT_CONFIG, True)
    assert server.messages == []


def test_an_international_domain_is_sent_as_dns_spells_it(server: SmtpSimulator) -> None:
    result = send_one("smtp", config_for(server), MAIL, to="wang@例子.example", to_name="")

    assert result.outcome == Outcome.ACCEPTED
    assert server.messages[0].recipient == "wang@xn--fsqu00a.example"


def test_an_international_mailbox_needs_a_server_that_takes_it(server: SmtpSimulator) -> None:
    result = send_one("smtp", config_for(server), MAIL, to="王@example.org")

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "smtputf8")
    assert result.is_about_message  # the next account may take it, and the address is not one that bounces


def test_an_international_sender_is_the_accounts_own_fault(server: SmtpSimulator) -> None:
    result = send_one("smtp", {**config_for(server), "from": "告警@example.org"}, MAIL)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "smtputf8")
    assert not result.is_about_message


def test_an_international_mailbox_is_reached_where_it_can_be() -> None:
    with SmtpSimulator(takes_utf8=True) as server:
        result = send_one("smtp", config_for(server), MAIL, to="王@例子.example")

        assert result.outcome == Outcome.ACCEPTED
        assert server.messages[0].recipient == "王@xn--fsqu00a.example"
        assert "<王@xn--fsqu00a.example>".encode() in server.messages[0].content


def test_a_cancelled_send_leaves_no_open_connection(server: SmtpSimulator) -> None:
    server.answer("wang@example.org", "hang at rcpt")

    async def run() -> None:
        provider = open_provider("smtp", config_for(server), HttpClient())
        sending = asyncio.create_task(provider.send(MAIL))
        await asyncio.to_thread(wait_until, lambda: server.hanging == 1, what="the server hanging")
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await provider.send(MAIL)).outcome == Outcome.ACCEPTED
        await provider.aclose()

    asyncio.run(run())
    assert len(server.messages) == 1
