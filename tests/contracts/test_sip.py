"""The SIP account against real peers on this machine: a second baresip and Debian's SIPp."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast

import psutil
import pytest

from simulators.sipp import CHALLENGE, SipServer
from simulators.softphone import Softphone
from simulators.waiting import wait_until
from tests.contracts.calling import CALL, call
from tests.contracts.sending import open_provider
from tocsin.channels.base import Outcome, Receipt, ReceiptStatus, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.sip.phone import SipPhone
from tocsin.channels.registry import PROVIDERS

SECRET = "s3cret-Word-9"
ROOT = Path(__file__).resolve().parents[2]


def config(server: str, **more: str) -> dict[str, str]:
    return {"server": server, "user": "tocsin", "password": SECRET, "register": "no", "ring_for": "10", **more}


def to_phone(phone: Softphone, **more: str) -> dict[str, str]:
    return config(f"127.0.0.1:{phone.port}", dial=phone.address, **more)


def said(receipts: list[Receipt]) -> list[tuple[str, str]]:
    return [(receipt.status.value, receipt.key) for receipt in receipts]


def call_server(server: SipServer, **more: str) -> tuple[SendResult, list[Receipt]]:
    [result], receipts = call(config(server.address, **more))
    assert SECRET not in repr((result, receipts))
    return result, receipts


# A worker that dies


def test_calls_of_a_worker_that_is_killed_have_failed_and_the_next_one_goes_out() -> None:
    async def run(phone: Softphone) -> tuple[SendResult, SendResult, list[Receipt]]:
        account = cast(SipPhone, open_provider("sip", to_phone(phone, machines="key"), HttpClient()))
        told = account.receipts()
        first = await account.send(CALL)
        pid = account._worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        lost = await anext(told)
        second = await account.send(replace(CALL, reference="k3xa"))
        pressed = await anext(told)
        await account.aclose()
        return first, second, [lost, pressed, *[receipt async for receipt in told]]

    with Softphone(presses="1") as phone:
        first, second, receipts = asyncio.run(run(phone))

    assert (first.outcome, second.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    assert [(receipt.reference, receipt.status) for receipt in receipts] == [
        ("k3x9", ReceiptStatus.FAILED),
        ("k3xa", ReceiptStatus.KEY_PRESSED),
    ]
    assert receipts[0].detail == "The program that makes the calls ended during this one."


def test_the_worker_ends_with_whoever_started_it_also_when_that_is_killed() -> None:
    program = f"""
import asyncio
from tests.contracts.sending import open_provider
from tocsin.channels.http import HttpClient
async def main():
    account = open_provider("sip", {config("127.0.0.1:9")!r}, HttpClient())
    receipts = account.receipts()
    await account._worker._ready.wait()
    print(account._worker.pid, flush=True)
    await anext(receipts)
asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", what="the worker to end")


@pytest.mark.thorough
def test_calls_that_go_on_when_the_account_is_closed_are_ended_and_said_to_be_lost() -> None:
    async def run(phone: Softphone) -> list[Receipt]:
        account = cast(SipPhone, open_provider("sip", to_phone(phone, ring_for="60"), HttpClient()))
        told = account.receipts()
        await account.send(CALL)
        await account._worker.aclose(0.5)
        await account.aclose()
        return [receipt async for receipt in told]

    with Softphone(picks_up=None) as phone:
        [receipt] = asyncio.run(run(phone))
        phone.wait_for("ended")

    assert receipt.status == ReceiptStatus.FAILED
    assert receipt.detail == "The program that makes the calls ended during this one."


# What people do


@pytest.mark.thorough
def test_a_key_that_resolves_is_asked_for_twice() -> None:
    with Softphone(presses="22", pause=1.0) as phone:
        _, receipts = call(to_phone(phone))
        heard = phone.call()

    assert ("key_pressed", "2") in said(receipts)
    assert heard.seconds > 1, "the question was heard"


@pytest.mark.thorough
def test_a_resolving_key_pressed_once_does_nothing() -> None:
    with Softphone(presses="2", hangs_up_after=6) as phone:
        _, receipts = call(to_phone(phone))

    assert said(receipts) == [("answered", "")]


@pytest.mark.thorough
def test_nine_says_it_again_and_three_escalates() -> None:
    with Softphone(presses="93", pause=4.0) as phone:
        _, receipts = call(to_phone(phone))
        heard = phone.call()

    assert said(receipts) == [("answered", ""), ("key_pressed", "3")]
    assert heard.seconds > 4


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("does", "status"),
    [
        ({"is_busy": True}, ReceiptStatus.BUSY),
        ({"picks_up": None}, ReceiptStatus.NO_ANSWER),
        ({"talks_for": 6.0}, ReceiptStatus.MACHINE),
        ({"hangs_up_after": 0.2}, ReceiptStatus.REJECTED),
        ({"hangs_up_after": 5.0}, ReceiptStatus.ANSWERED),
    ],
)
def test_what_a_telephone_does_is_what_the_receipt_says(does: dict[str, float], status: ReceiptStatus) -> None:
    with Softphone(**does) as phone:  # type: ignore[arg-type]
        [result], receipts = call(to_phone(phone, ring_for="5"))

    assert result.outcome == Outcome.ACCEPTED
    assert [receipt.status for receipt in receipts] == [status]


@pytest.mark.thorough
def test_a_machine_is_left_the_message_after_its_greeting() -> None:
    with Softphone(talks_for=5.0) as phone:
        call(to_phone(phone))
        heard = phone.call()

    assert heard.seconds > 3
    assert heard.loudness > 500


@pytest.mark.thorough
def test_where_an_answer_needs_a_key_an_answer_without_one_is_a_machine() -> None:
    with Softphone(hangs_up_after=6) as phone:
        _, receipts = call(to_phone(phone, machines="key"))

    assert [receipt.status for receipt in receipts] == [ReceiptStatus.MACHINE]
    assert "nobody pressed a key" in receipts[0].detail


@pytest.mark.thorough
def test_speech_is_heard_in_both_languages() -> None:
    for language, text in (("en", CALL.text), ("zh-hans", "来自示例的告警。严重级别 1。磁盘已满，实例 db1。")):
        with Softphone(hangs_up_after=9) as phone:
            call(to_phone(phone), language=language, text=text)
            heard = phone.call()

        assert heard.loudness > 1000
        assert 3 < heard.seconds < 8


@pytest.mark.thorough
def test_the_caller_is_who_the_account_says() -> None:
    with Softphone(is_busy=True) as phone:
        call(to_phone(phone, caller_id="+862155501234", from_domain="example.com"))
        heard = phone.call()

    assert heard.caller == "sip:+862155501234@example.com"


# Several at once


@pytest.mark.thorough
def test_one_person_is_not_called_twice_at_once_and_lines_are_not_exceeded() -> None:
    with Softphone(hangs_up_after=2) as phone:
        messages = [replace(CALL, reference="k1"), replace(CALL, reference="k2")]
        begun = time.monotonic()
        results, receipts = call(to_phone(phone), *messages)
        took = time.monotonic() - begun

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert {receipt.reference: receipt.status for receipt in receipts} == dict.fromkeys(("k1", "k2"), "answered")
    assert took > 4


# What servers say


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("status", "outcome", "receipt"),
    [
        (486, Outcome.ACCEPTED, ReceiptStatus.BUSY),
        (600, Outcome.ACCEPTED, ReceiptStatus.BUSY),
        (480, Outcome.ACCEPTED, ReceiptStatus.NO_ANSWER),
        (603, Outcome.ACCEPTED, ReceiptStatus.REJECTED),
        (403, Outcome.ACCEPTED, ReceiptStatus.REJECTED),
        (404, Outcome.PERMANENT_TARGET, None),
        (604, Outcome.PERMANENT_TARGET, None),
        (488, Outcome.PERMANENT_CONFIG, None),
        (500, Outcome.TRANSIENT, None),
    ],
)
def test_what_a_server_answers_is_told_apart(status: int, outcome: Outcome, receipt: ReceiptStatus | None) -> None:
    with SipServer(status=status, reason=f"Because of {SECRET}") as server:
        result, receipts = call_server(server)

    assert (result.outcome, result.code) == (outcome, str(status))
    assert [item.status for item in receipts] == ([receipt] if receipt else [])


@pytest.mark.thorough
def test_who_calls_is_proved_when_asked_and_a_wrong_password_is_the_accounts_fault() -> None:
    with SipServer(status=486, challenges=True) as server:
        proved, receipts = call_server(server)
    with SipServer(status=401, headers=(CHALLENGE,), challenges=True) as server:
        refused, nothing = call_server(server)

    assert (proved.outcome, [item.status for item in receipts]) == (Outcome.ACCEPTED, [ReceiptStatus.BUSY])
    assert (refused.outcome, refused.code, nothing) == (Outcome.PERMANENT_CONFIG, "401", [])


@pytest.mark.thorough
def test_a_server_that_says_when_is_tried_again_then() -> None:
    with SipServer(status=503, headers=("Retry-After: 7",)) as server:
        result, _ = call_server(server)

    assert (result.outcome, result.retry_after) == (Outcome.TRANSIENT, timedelta(seconds=7))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("status", "receipt"),
    [
        (486, ReceiptStatus.BUSY),
        (603, ReceiptStatus.REJECTED),
        (480, ReceiptStatus.NO_ANSWER),
        (404, ReceiptStatus.UNREACHABLE),
        (500, ReceiptStatus.UNREACHABLE),
    ],
)
def test_what_ends_a_call_that_rang_is_its_receipt(status: int, receipt: ReceiptStatus) -> None:
    with SipServer(status=status, first=(100, 180)) as server:
        result, receipts = call_server(server)

    assert result.outcome == Outcome.ACCEPTED
    assert result.provider_id, "the call's id, for whoever asks the trunk's support"
    assert [(item.status, item.code) for item in receipts] == [(receipt, str(status))]


@pytest.mark.thorough
def test_keys_are_heard_as_sip_info_too() -> None:
    with SipServer(status=200, first=(100, 183), presses="1") as server:
        _, receipts = call_server(server)

    assert ("key_pressed", "1") in said(receipts)


@pytest.mark.thorough
def test_a_server_that_is_silent_leaves_the_call_in_doubt_and_the_person_unreached() -> None:
    with SipServer(status=0, first=()) as server:
        result, receipts = call_server(server)

    assert (result.outcome, result.code) == (Outcome.AMBIGUOUS, "no-reply")
    assert [item.status for item in receipts] == [ReceiptStatus.UNREACHABLE]


@pytest.mark.thorough
def test_a_server_that_only_tries_has_until_the_ring_time_out() -> None:
    with SipServer(status=0, first=(100,)) as server:
        result, receipts = call_server(server)

    assert result.outcome == Outcome.ACCEPTED
    assert [item.status for item in receipts] == [ReceiptStatus.NO_ANSWER]


@pytest.mark.thorough
def test_a_refused_registration_is_the_accounts_fault_and_nobody_is_called() -> None:
    with SipServer(registers=403, reason=f"Forbidden {SECRET}") as server:
        result, receipts = call_server(server, register="yes")

    assert (result.outcome, result.code, receipts) == (Outcome.PERMANENT_CONFIG, "403", [])


@pytest.mark.thorough
@pytest.mark.parametrize(("host", "transport"), [("127.0.0.1", "udp"), ("::1", "tcp")])
def test_an_account_registers_and_calls(host: str, transport: str) -> None:
    with SipServer(status=486, is_registrar=True, host=host, transport=transport) as server:
        result, receipts = call_server(server, register="yes", transport=transport)

    assert (result.outcome, [item.status for item in receipts]) == (Outcome.ACCEPTED, [ReceiptStatus.BUSY])


@pytest.mark.thorough
def test_where_nobody_listens_nothing_was_sent() -> None:
    [result], receipts = call(config("127.0.0.1:9", transport="tcp"))

    assert (result.outcome, result.code, receipts) == (Outcome.TRANSIENT, "connect", [])


# The ways to a server


@pytest.mark.thorough
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_call_goes_over_tls(host: str) -> None:
    with Softphone(host=host, transport="tls", presses="1") as phone:
        secured = config(phone.server, dial=phone.address, transport="tls")
        [result], receipts = call({**secured, "ca_file": phone.ca_file})

    assert (result.outcome, said(receipts)[-1]) == (Outcome.ACCEPTED, ("key_pressed", "1"))


@pytest.mark.thorough
@pytest.mark.parametrize("register", ["no", "yes"])
def test_nobody_is_called_through_a_server_that_cannot_prove_its_name(register: str) -> None:
    with Softphone(is_busy=True, transport="tls", name="other.example.org") as phone:
        server = f"localhost:{phone.port + 1}"
        secured = config(server, dial=phone.address, transport="tls", register=register)
        [unknown], nothing = call(secured)
        [misnamed], nothing_either = call({**secured, "ca_file": phone.ca_file})
        [unverified], _ = call({**secured, "register": "no", "verify": "no"})

    assert [(result.outcome, result.code) for result in (unknown, misnamed)] == [(Outcome.PERMANENT_CONFIG, "tls")] * 2
    assert "check its certificate" in misnamed.detail
    assert nothing == nothing_either == []
    assert unverified.outcome == Outcome.ACCEPTED


@pytest.mark.thorough
def test_a_server_may_have_a_name_that_only_this_machine_knows() -> None:
    with Softphone(is_busy=True) as phone:
        [result], receipts = call(config(f"localhost:{phone.port}", dial=phone.address))

    assert (result.outcome, receipts[0].status) == (Outcome.ACCEPTED, ReceiptStatus.BUSY)


@pytest.mark.thorough
@pytest.mark.parametrize(("host", "transport"), [("127.0.0.1", "tcp"), ("::1", "udp"), ("::1", "tcp")])
def test_a_telephone_is_reached_over_each_transport_and_family(host: str, transport: Literal["udp", "tcp"]) -> None:
    with Softphone(host=host, transport=transport, presses="1") as phone:
        [result], receipts = call(config(phone.server, dial=phone.address, transport=transport))
        heard = phone.call()

    assert (result.outcome, said(receipts)[-1]) == (Outcome.ACCEPTED, ("key_pressed", "1"))
    assert heard.loudness > 500, "the person heard nothing"


@pytest.mark.thorough
@pytest.mark.parametrize(("host", "transport"), [("127.0.0.1", "tcp"), ("::1", "udp"), ("::1", "tcp")])
def test_a_server_is_spoken_to_over_each_transport_and_family(host: str, transport: str) -> None:
    server = SipServer(status=200, first=(100, 180), presses="1", challenges=True, host=host, transport=transport)
    with server:
        result, receipts = call_server(server, transport=transport)

    assert (result.outcome, said(receipts)[-1]) == (Outcome.ACCEPTED, ("key_pressed", "1"))


@pytest.mark.thorough
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_outbound_proxy_gets_every_request_while_addresses_name_the_server(transport: str) -> None:
    number, host = "sip:[+]8613800000000@pbx[.]example[.]org", "127[.]0[.]0[.]1"
    invitation = f"^INVITE {number}.*Route: <sip:{host}:.*To: <{number}.*From: <sip:tocsin@pbx[.]example[.]org>"
    stays = "Record-Route: <sip:[local_ip]:[local_port];transport=[transport];lr>"
    with SipServer(status=200, headers=(stays,), presses="1", invitation=invitation, transport=transport) as proxy:
        [result], receipts = call(config("pbx.example.org", proxy=proxy.address, transport=transport))

    assert (result.outcome, said(receipts)[-1]) == (Outcome.ACCEPTED, ("key_pressed", "1"))


@pytest.mark.thorough
@pytest.mark.parametrize("text", ["x" * 100_000, "磁盘 " * 3000, "\0\x01\x7f", "\ud800", "", "<speak>&amp;</speak>"])
def test_any_text_can_be_spoken(text: str) -> None:
    with Softphone(hangs_up_after=1.5) as phone:
        [result], _ = call(to_phone(phone), text=text)

    assert result.outcome == Outcome.ACCEPTED


def test_an_open_account_does_not_show_its_password() -> None:
    account = PROVIDERS["sip"].open(config("pbx.example.com"), HttpClient())

    assert SECRET not in repr(account)
    assert SECRET not in repr(PROVIDERS["sip"].masked(config("pbx.example.com")))
