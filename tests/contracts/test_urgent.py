"""Lark's urgent messages and DingTalk's DINGs: calls and texts that the platforms make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from simulators.dingtalk_app import Colleague, DingtalkAppSimulator
from simulators.lark_app import LarkAppSimulator, Person
from tests.contracts.sending import CALL, SMS, send_one, with_open
from tocsin.channels.base import AskableProvider, Finding, Outcome, Provider, Question, ReceiptStatus

ANN = "+8613800000000"
ALERT = {"severity": "1", "title": "Disk full", "state": "firing: 1 event", "summary": "/var is at 97 %"}
CALLING = replace(CALL, text="Disk full. Press 1 to claim it.", variables=ALERT)


@pytest.fixture
def lark() -> Iterator[LarkAppSimulator]:
    with LarkAppSimulator(people={"Ann": Person("ou_ann", mobile=ANN)}) as running:
        yield running


@pytest.fixture
def dingtalk() -> Iterator[DingtalkAppSimulator]:
    with DingtalkAppSimulator(people={"Ann": Colleague("ann-1", mobile="13800000000")}) as running:
        yield running


def test_lark_calls_who_has_the_number_and_names_no_keys(lark: LarkAppSimulator) -> None:
    result = send_one("lark_urgent_phone", lark.config, CALLING)

    [message] = lark.messages
    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, message.message_id)
    assert (message.to, message.urged) == ("ou_ann", [("phone", "ou_ann")])
    assert message.text == "[P1] Disk full: firing: 1 event. /var is at 97 %"


def test_lark_texts_the_whole_text_with_its_link(lark: LarkAppSimulator) -> None:
    send_one("lark_urgent_sms", lark.config, SMS, text="Disk full https://tocsin.example.org/a/x", variables=ALERT)

    [message] = lark.messages
    assert (message.urged, message.text) == ([("sms", "ou_ann")], "Disk full https://tocsin.example.org/a/x")


def test_dingtalk_calls_and_texts_who_has_the_number(dingtalk: DingtalkAppSimulator) -> None:
    call = send_one("dingtalk_ding_phone", dingtalk.config, CALLING)
    text = send_one("dingtalk_ding_sms", dingtalk.config, SMS, text="Disk full")

    assert [result.outcome for result in (call, text)] == [Outcome.ACCEPTED] * 2
    assert [(ding.kind, ding.to, ding.content) for ding in dingtalk.dings] == [
        ("phone", ("ann-1",), "P1 Disk full: firing: 1 event. /var is at 97 %"),
        ("sms", ("ann-1",), "Disk full"),
    ]


@pytest.mark.parametrize("provider", ["lark_urgent_phone", "lark_urgent_sms"])
def test_who_is_not_in_lark_is_the_next_accounts(lark: LarkAppSimulator, provider: str) -> None:
    result = send_one(provider, lark.config, CALLING, to="+8613999999999")

    assert (result.outcome, result.is_about_message) == (Outcome.PERMANENT_CONFIG, True)
    assert lark.messages == []


@pytest.mark.parametrize("provider", ["dingtalk_ding_phone", "dingtalk_ding_sms"])
def test_who_is_not_in_dingtalk_is_the_next_accounts(dingtalk: DingtalkAppSimulator, provider: str) -> None:
    result = send_one(provider, dingtalk.config, CALLING, to="+8613999999999")

    assert (result.outcome, result.is_about_message) == (Outcome.PERMANENT_CONFIG, True)
    assert dingtalk.dings == []


def test_a_quota_that_is_used_up_is_the_accounts_fault(lark: LarkAppSimulator, dingtalk: DingtalkAppSimulator) -> None:
    lark.quota = dingtalk.quota = 0

    results = [
        send_one("lark_urgent_phone", lark.config, CALLING),
        send_one("dingtalk_ding_phone", dingtalk.config, CALLING),
    ]

    assert [(result.outcome, result.is_about_message) for result in results] == [(Outcome.PERMANENT_CONFIG, False)] * 2


@pytest.mark.parametrize("code", [230013, 230022, 230028])
def test_whom_lark_may_not_write_to_or_not_this_is_the_next_accounts(lark: LarkAppSimulator, code: int) -> None:
    """The availability range of an app leaves people out: with everybody else it is well."""
    lark.refuses_private = code

    result = send_one("lark_urgent_phone", lark.config, CALLING)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, str(code))
    assert result.is_about_message
    assert "group" not in result.detail


@pytest.mark.parametrize("code", ["miss.staffId", "param.error"])
def test_a_ding_that_is_refused_for_what_it_is_is_the_next_accounts(dingtalk: DingtalkAppSimulator, code: str) -> None:
    dingtalk.answer_next(400, code, "refused")

    result = send_one("dingtalk_ding_phone", dingtalk.config, CALLING)

    assert (result.outcome, result.is_about_message) == (Outcome.PERMANENT_CONFIG, True)


def test_too_many_dings_wait(dingtalk: DingtalkAppSimulator) -> None:
    dingtalk.answer_next(400, "toomuch.msg", "too much")

    assert send_one("dingtalk_ding_phone", dingtalk.config, CALLING).outcome == Outcome.RATE_LIMITED


@pytest.mark.parametrize(
    ("provider", "status"),
    [("lark_urgent_phone", ReceiptStatus.ANSWERED), ("lark_urgent_sms", ReceiptStatus.DELIVERED)],
)
def test_who_read_the_message_was_reached(lark: LarkAppSimulator, provider: str, status: ReceiptStatus) -> None:
    async def ask(opened: Provider) -> list[Finding]:
        sent = await opened.send(CALLING)
        question = Question("k3x9", ANN, datetime(2026, 11, 1, tzinfo=UTC), sent.provider_id)
        asking = cast(AskableProvider, opened)
        before = await asking.look_up(question)
        lark.messages[0].read_by.append("ou_ann")
        return [before, await asking.look_up(question), await asking.look_up(replace(question, provider_id=""))]

    before, after, unknown = with_open(provider, lark.config, ask)

    assert (before.is_known, list(before.receipts)) == (True, [])
    assert [receipt.status for receipt in after.receipts] == [status]
    assert unknown == Finding()


@pytest.mark.parametrize(
    ("provider", "status"),
    [("dingtalk_ding_phone", ReceiptStatus.ANSWERED), ("dingtalk_ding_sms", ReceiptStatus.DELIVERED)],
)
def test_who_read_the_ding_was_reached(dingtalk: DingtalkAppSimulator, provider: str, status: ReceiptStatus) -> None:
    async def ask(opened: Provider) -> list[Finding]:
        sent = await opened.send(CALLING)
        question = Question("k3x9", ANN, datetime(2026, 11, 1, tzinfo=UTC), sent.provider_id)
        asking = cast(AskableProvider, opened)
        before = await asking.look_up(question)
        dingtalk.dings[0].read_by.add("ann-1")
        others = [replace(question, provider_id=""), replace(question, provider_id="no-such-ding")]
        return [before, await asking.look_up(question), *[await asking.look_up(other) for other in others]]

    before, after, nameless, unknown = with_open(provider, dingtalk.config, ask)

    assert (before.is_known, list(before.receipts)) == (True, [])
    assert [(receipt.status, receipt.provider_id) for receipt in after.receipts] == [
        (status, dingtalk.dings[0].ding_id)
    ]
    assert (nameless, unknown) == (Finding(), Finding())


@pytest.mark.parametrize("provider", ["lark_urgent_phone", "dingtalk_ding_phone"])
def test_what_cannot_be_found_out_is_tried_again_and_nobody_was_rung(
    lark: LarkAppSimulator, dingtalk: DingtalkAppSimulator, provider: str
) -> None:
    config = lark.config if provider.startswith("lark") else dingtalk.config
    result = send_one(provider, {**config, "url": "http://127.0.0.1:9", "old_url": "http://127.0.0.1:9"}
                      if provider.startswith("ding") else {**config, "url": "http://127.0.0.1:9"}, CALLING)  # fmt: skip

    assert result.outcome == Outcome.TRANSIENT
    assert ANN not in repr(result)


@pytest.mark.parametrize(
    "provider", ["lark_urgent_phone", "lark_urgent_sms", "dingtalk_ding_phone", "dingtalk_ding_sms"]
)
def test_a_wrong_secret_is_the_accounts_fault_so_that_the_next_account_calls_at_once(
    lark: LarkAppSimulator, dingtalk: DingtalkAppSimulator, provider: str
) -> None:
    config = (
        {**lark.config, "app_secret": "not-the-secret"}
        if provider.startswith("lark")
        else {**dingtalk.config, "client_secret": "not-the-secret"}
    )

    result = send_one(provider, config, CALLING)

    assert (result.outcome, result.is_about_message) == (Outcome.PERMANENT_CONFIG, False)
    assert "not-the-secret" not in repr(result)
