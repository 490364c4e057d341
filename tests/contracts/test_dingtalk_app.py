"""DingTalk apps against a server as strict as the vendor's: tokens, cards, Stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from simulators.dingtalk_app import Colleague, DingtalkAppSimulator
from simulators.waiting import wait_until
from tests.contracts.listening import pressing
from tests.contracts.sending import ROBOT, TEXT, send, send_one, send_together, with_open
from tocsin.channels.base import Mention, Outcome, Provider, SendResult, UpdatingProvider
from tocsin.channels.listening import Button, Press, PressAnswer
from tocsin.channels.providers.dingtalk.stream import press_of
from tocsin.channels.sockets import frame_of

BUTTONS = (Button("claim", "Claim", "token-1", is_main=True), Button("resolve", "Resolve", "token-2"))
MESSAGE = replace(ROBOT, to="cidops==", markdown=TEXT, buttons=BUTTONS)


@pytest.fixture
def dingtalk() -> Iterator[DingtalkAppSimulator]:
    with DingtalkAppSimulator(people={"Ann": Colleague("ann-1"), "Bob": Colleague("bob-1")}) as running:
        yield running


def test_a_card_arrives_with_its_buttons_and_its_mentions(dingtalk: DingtalkAppSimulator) -> None:
    people = [Mention("Ann", phone="+8613800000001", user_id="ann-1"), Mention("All", user_id="all")]
    result = send_one("dingtalk_app", dingtalk.config, MESSAGE, mentions=people)

    [card] = dingtalk.messages
    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, "tocsin-k3x9")
    assert (card.kind, card.buttons) == ("card", {"Claim": "token-1", "Resolve": "token-2"})
    assert (card.mentioned, TEXT in card.text) == (("Ann",), True)


def test_one_token_serves_all_that_is_sent_together(dingtalk: DingtalkAppSimulator) -> None:
    send_together("dingtalk_app", dingtalk.config, *(replace(MESSAGE, reference=f"k{number}") for number in range(4)))

    assert (dingtalk.tokens_given, len(dingtalk.messages)) == (1, 4)


def test_a_token_that_is_over_is_fetched_again_once(dingtalk: DingtalkAppSimulator) -> None:
    dingtalk.answer_next(400, "InvalidAuthentication", "不合法的access_token")

    result = send_one("dingtalk_app", dingtalk.config, MESSAGE)

    assert (result.outcome, dingtalk.tokens_given) == (Outcome.ACCEPTED, 2)


def test_wrong_credentials_are_the_accounts_fault_and_nothing_is_sent(dingtalk: DingtalkAppSimulator) -> None:
    result = send_one("dingtalk_app", {**dingtalk.config, "client_secret": "another"}, MESSAGE)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "invalidClientIdOrSecret")
    assert dingtalk.messages == []


def test_the_same_card_twice_is_there_once(dingtalk: DingtalkAppSimulator) -> None:
    results = send("dingtalk_app", dingtalk.config, MESSAGE, MESSAGE)

    assert [(result.outcome, result.provider_id) for result in results] == [(Outcome.ACCEPTED, "tocsin-k3x9")] * 2
    assert len(dingtalk.messages) == 1


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (403, "Forbidden.AccessDenied.QpsLimitForApi", Outcome.RATE_LIMITED),
        (429, "Throttling.Api", Outcome.RATE_LIMITED),
        (400, "toomuch.msg", Outcome.RATE_LIMITED),
        (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", Outcome.PERMANENT_CONFIG),
        (403, "Forbidden.AccessDenied.IpNotInWhiteList", Outcome.PERMANENT_CONFIG),
        (400, "robot.notFound", Outcome.PERMANENT_CONFIG),
        (400, "invalidParameter.openConversationId", Outcome.PERMANENT_TARGET),
        (400, "invalidParameter.msgParam", Outcome.PERMANENT_TARGET),
        (500, "system.error", Outcome.TRANSIENT),
        (500, "incident.open", Outcome.TRANSIENT),
        (400, "60881", Outcome.TRANSIENT),
        (400, "something.new", Outcome.TRANSIENT),
    ],
)
def test_each_refusal_has_its_class(dingtalk: DingtalkAppSimulator, status: int, code: str, outcome: Outcome) -> None:
    dingtalk.answer_next(status, code, f"refused for {dingtalk.secret}")

    result = send_one("dingtalk_app", dingtalk.config, replace(MESSAGE, buttons=()))

    assert (result.outcome, result.code) == (outcome, code)
    assert dingtalk.secret not in result.detail


def test_a_group_that_the_robot_is_not_in_is_no_success_although_the_card_was_made(
    dingtalk: DingtalkAppSimulator,
) -> None:
    result = send_one("dingtalk_app", dingtalk.config, MESSAGE, to="cidother==")

    assert result.outcome == Outcome.PERMANENT_TARGET
    assert dingtalk.messages == []


@pytest.mark.parametrize(
    "refusal",
    [
        (400, "param.cardTemplateIdNotExist", "卡片模版不存在"),
        (400, "param.contentUnsafe", "卡片数据不能通过安全审查"),
        (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", "Card.Instance.Write"),
    ],
)
def test_a_refused_card_becomes_markdown(dingtalk: DingtalkAppSimulator, refusal: tuple[int, str, str]) -> None:
    dingtalk.refuses_cards = refusal

    result = send_one("dingtalk_app", dingtalk.config, MESSAGE)

    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, "")
    assert [(message.kind, TEXT in message.text) for message in dingtalk.messages] == [("text", True)]
    assert refusal[1] in result.detail


@pytest.mark.parametrize("text", ['"' * 100_000, "磁盘\n" * 30_000, "\\" * 60_000, "@all " * 9000])
def test_a_long_card_is_cut_and_keeps_its_buttons(dingtalk: DingtalkAppSimulator, text: str) -> None:
    result = send_one("dingtalk_app", dingtalk.config, MESSAGE, markdown=text)

    assert result.outcome == Outcome.ACCEPTED
    assert [list(message.buttons) for message in dingtalk.messages] == [["Claim", "Resolve"]]
    assert "@all" not in dingtalk.messages[0].text


def test_a_card_is_changed_in_its_place_and_a_text_is_not(dingtalk: DingtalkAppSimulator) -> None:
    async def change(provider: Provider) -> list[SendResult]:
        await provider.send(MESSAGE)
        claimed = replace(MESSAGE, markdown="Claimed by Ann", buttons=BUTTONS[1:])
        updating = cast(UpdatingProvider, provider)
        return [await updating.update(claimed, pk) for pk in ("tocsin-k3x9", "tocsin-other", "abc")]

    results = with_open("dingtalk_app", dingtalk.config, change)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] + [Outcome.PERMANENT_TARGET] * 2
    [card] = dingtalk.messages
    assert ("Claimed by Ann" in card.text, list(card.buttons), card.versions) == (True, ["Resolve"], 2)


def test_a_press_is_heard_and_its_presser_alone_is_answered(dingtalk: DingtalkAppSimulator) -> None:
    send_one("dingtalk_app", dingtalk.config, MESSAGE)
    with pressing("dingtalk_app", dingtalk.config) as heard:
        dingtalk.wait_for_connection()
        said = dingtalk.press(dingtalk.messages[0], "Claim", "Ann")

    assert heard.presses == [Press("token-1", "ann-1", "tocsin-k3x9")]
    assert (said, list(dingtalk.messages[0].private), dingtalk.private) == ("Done.", ["ann-1"], [])
    dingtalk.wait_for_connection(0)


def test_who_is_refused_gets_a_message_of_their_own_with_the_link(dingtalk: DingtalkAppSimulator) -> None:
    send_one("dingtalk_app", dingtalk.config, MESSAGE)
    answer = PressAnswer("Who are you?", is_done=False, link="https://tocsin.example.org/a/xyz")
    with pressing("dingtalk_app", dingtalk.config, answer):
        dingtalk.wait_for_connection()
        dingtalk.holds_private = True
        line = dingtalk.press(dingtalk.messages[0], "Claim", "Bob")  # acknowledged, or else it would come again
        before = list(dingtalk.private)
        dingtalk.holds_private = False
        wait_until(lambda: bool(dingtalk.private), what="a message to Bob")

    assert (line, before) == ("Who are you?", [])
    assert dingtalk.private == [("bob-1", "Who are you?\nhttps://tocsin.example.org/a/xyz")]


def test_who_was_acknowledged_is_told_although_the_connection_is_to_come_anew(dingtalk: DingtalkAppSimulator) -> None:
    send_one("dingtalk_app", dingtalk.config, MESSAGE)
    with pressing("dingtalk_app", dingtalk.config, PressAnswer("Who are you?", is_done=False)) as heard:
        dingtalk.wait_for_connection()
        dingtalk.holds_private = True
        dingtalk.press(dingtalk.messages[0], "Claim", "Bob")
        dingtalk.ask_for_anew()
        dingtalk.holds_private = False
        assert heard.returned()

    assert dingtalk.private == [("bob-1", "Who are you?")]


def test_a_ping_is_given_back_as_it_came(dingtalk: DingtalkAppSimulator) -> None:
    with pressing("dingtalk_app", dingtalk.config):
        dingtalk.wait_for_connection()
        ack = dingtalk.ping()

    assert (ack["code"], json.loads(ack["data"])) == (200, {"opaque": "0d9f"})


def test_a_connection_that_is_to_come_anew_ends_without_a_problem(dingtalk: DingtalkAppSimulator) -> None:
    with pressing("dingtalk_app", dingtalk.config) as heard:
        dingtalk.wait_for_connection()
        dingtalk.ask_for_anew()
        assert heard.returned()


@pytest.mark.parametrize(
    ("refusal", "is_refused"),
    [((401, "authFailed", "鉴权失败"), True), ((429, "Throttling", "slow"), False), ((503, "busy", "busy"), False)],
)
def test_a_connection_that_is_refused_says_why(
    dingtalk: DingtalkAppSimulator, refusal: tuple[int, str, str], is_refused: bool
) -> None:
    dingtalk.refuses_connections = refusal

    with pressing("dingtalk_app", dingtalk.config) as heard:
        problem = heard.problem()

    assert (problem.is_refused, refusal[1] in str(problem)) == (is_refused, True)
    assert dingtalk.secret not in str(problem)


def test_a_connection_that_breaks_is_lost(dingtalk: DingtalkAppSimulator) -> None:
    with pressing("dingtalk_app", dingtalk.config) as heard:
        dingtalk.wait_for_connection()
        dingtalk.drop_connections()

        assert str(heard.problem()) == "The connection to 127.0.0.1 was lost."


@pytest.mark.parametrize("token", ["", 7, None, [], {"a": 1}])
def test_a_value_that_is_not_ours_is_no_token(dingtalk: DingtalkAppSimulator, token: Any) -> None:
    send_one("dingtalk_app", dingtalk.config, MESSAGE)
    with pressing("dingtalk_app", dingtalk.config) as heard:
        dingtalk.wait_for_connection()
        dingtalk.press(dingtalk.messages[0], "Claim", "Ann", token=token if token is not None else "other")

    assert [press.token in ("", "7", "[]", "{'a': 1}", "other") for press in heard.presses] == [True]


@pytest.mark.parametrize(
    "frame",
    [{}, {"type": "CALLBACK"}, {"type": "CALLBACK", "headers": 7}, {"type": "EVENT", "headers": {}},
     {"type": "CALLBACK", "headers": {"topic": "/v1.0/card/instances/callback"}, "data": "{"},
     {"type": "CALLBACK", "headers": {"topic": "/v1.0/card/instances/callback"}, "data": '{"userId": 7}'}],
)  # fmt: skip
def test_what_is_no_press_is_passed_over(frame: dict[str, Any]) -> None:
    assert press_of(frame) is None


@pytest.mark.parametrize("raw", ["", "{", "7", "[]", b"\xff", "[" * 100_000])
def test_what_is_no_frame_is_nothing(raw: str | bytes) -> None:
    assert frame_of(raw) == {}
