"""Lark apps against a server as strict as the vendor's: tokens, messages, frames, what is pressed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from simulators.lark_app import LarkAppSimulator, Person
from simulators.lark_frames import read_frame, write_frame
from simulators.waiting import wait_until
from tests.contracts.listening import Pressing, pressing
from tests.contracts.sending import ROBOT, TEXT, send, send_one, send_together, with_open
from tocsin.channels.base import Mention, Outcome, Provider, SendResult, UpdatingProvider
from tocsin.channels.kinds import Channel
from tocsin.channels.listening import Button, Press, PressAnswer
from tocsin.channels.providers.lark.connection import press_of
from tocsin.channels.providers.lark.frames import CONTROL, DATA, Frame, decoded, encoded

BUTTONS = (Button("claim", "Claim", "token-1", is_main=True), Button("resolve", "Resolve", "token-2"))
MESSAGE = replace(ROBOT, channel=Channel.LARK, to="oc_ops", markdown=TEXT, buttons=BUTTONS)
PING = bytes.fromhex("0800100018812020002a0c0a0474797065120470696e67")
"""Written out by hand from the field numbers, for service 4097."""


@pytest.fixture
def lark() -> Iterator[LarkAppSimulator]:
    with LarkAppSimulator(people={"Ann": Person("ou_ann"), "Bob": Person("ou_bob")}) as running:
        yield running


def test_a_card_arrives_with_its_buttons_and_its_mentions(lark: LarkAppSimulator) -> None:
    result = send_one("lark_app", lark.config, MESSAGE, mentions=[Mention("Ann", user_id="ou_ann")])

    [card] = lark.messages
    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, card.message_id)
    assert card.buttons == {"Claim": {"token": "token-1"}, "Resolve": {"token": "token-2"}}
    assert "<at id=ou_ann></at>" in card.text


def test_one_token_serves_all_that_is_sent_together(lark: LarkAppSimulator) -> None:
    send_together("lark_app", lark.config, *(replace(MESSAGE, reference=f"k{number}") for number in range(4)))

    assert (lark.tokens_given, len(lark.messages)) == (1, 4)


@pytest.mark.parametrize("code", [99991661, 99991663, 99991664, 99991668])
def test_a_token_that_lark_ended_is_fetched_again_once(lark: LarkAppSimulator, code: int) -> None:
    lark.answer_next(code, "Invalid access token", status=400)

    result = send_one("lark_app", lark.config, MESSAGE)

    assert (result.outcome, lark.tokens_given) == (Outcome.ACCEPTED, 2)


def test_wrong_credentials_are_the_accounts_fault_and_nothing_is_sent(lark: LarkAppSimulator) -> None:
    result = send_one("lark_app", {**lark.config, "app_secret": "another"}, MESSAGE)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "10014")
    assert lark.messages == []


def test_the_same_message_twice_is_there_once(lark: LarkAppSimulator) -> None:
    results = send("lark_app", lark.config, MESSAGE, MESSAGE)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert len(lark.messages) == 1


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (99991400, Outcome.RATE_LIMITED),
        (230020, Outcome.RATE_LIMITED),
        (230002, Outcome.PERMANENT_TARGET),
        (230013, Outcome.PERMANENT_TARGET),
        (230027, Outcome.PERMANENT_TARGET),
        (232009, Outcome.PERMANENT_TARGET),
        (230022, Outcome.PERMANENT_TARGET),
        (230028, Outcome.PERMANENT_TARGET),
        (99991672, Outcome.PERMANENT_CONFIG),
        (1234567, Outcome.TRANSIENT),
    ],
)
def test_each_refusal_has_its_class(lark: LarkAppSimulator, code: int, outcome: Outcome) -> None:
    lark.answer_next(code, f"refused for {lark.secret}", status=400)

    result = send_one("lark_app", lark.config, replace(MESSAGE, markdown=""))

    assert (result.outcome, result.code) == (outcome, str(code))
    assert lark.secret not in result.detail


def test_how_long_to_wait_is_what_lark_says(lark: LarkAppSimulator) -> None:
    lark.answer_next(99991400, "too fast", status=429, **{"x-ogw-ratelimit-reset": "7"})

    assert send_one("lark_app", lark.config, MESSAGE).retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("code", [230099, 11246, 11310])
def test_a_refused_card_becomes_a_text(lark: LarkAppSimulator, code: int) -> None:
    lark.refuses_cards = code

    result = send_one("lark_app", lark.config, MESSAGE)

    assert (result.outcome, [message.kind for message in lark.messages]) == (Outcome.ACCEPTED, ["text"])
    assert str(code) in result.detail


@pytest.mark.parametrize("text", ['"' * 100_000, "磁盘\n" * 30_000, "\\" * 60_000])
def test_a_card_inside_json_still_fits(lark: LarkAppSimulator, text: str) -> None:
    result = send_one("lark_app", lark.config, MESSAGE, markdown=text)

    assert result.outcome == Outcome.ACCEPTED
    assert [list(message.buttons) for message in lark.messages] == [["Claim", "Resolve"]]


def test_a_card_is_changed_in_its_place(lark: LarkAppSimulator) -> None:
    async def change(provider: Provider) -> list[SendResult]:
        sent = await provider.send(MESSAGE)
        claimed = replace(MESSAGE, markdown="Claimed by Ann", buttons=BUTTONS[1:])
        updating = cast(UpdatingProvider, provider)
        return [await updating.update(claimed, pk) for pk in (sent.provider_id, "om_of_nobody")]

    done, refused = with_open("lark_app", lark.config, change)

    assert (done.outcome, refused.outcome) == (Outcome.ACCEPTED, Outcome.PERMANENT_TARGET)
    [card] = lark.messages
    assert ("Claimed by Ann" in card.text, list(card.buttons), card.versions) == (True, ["Resolve"], 2)


@pytest.mark.parametrize("code", [230031, 230011, 230110])
def test_what_lark_changes_no_more_is_for_good(lark: LarkAppSimulator, code: int) -> None:
    async def change(provider: Provider) -> SendResult:
        sent = await provider.send(MESSAGE)
        lark.answer_next(code, "no more", status=400)
        return await cast(UpdatingProvider, provider).update(MESSAGE, sent.provider_id)

    result = with_open("lark_app", lark.config, change)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_TARGET, str(code))


def test_a_press_is_heard_and_its_presser_alone_is_answered(lark: LarkAppSimulator) -> None:
    send_one("lark_app", lark.config, MESSAGE)
    with pressing("lark_app", lark.config) as heard:
        lark.wait_for_connection()
        toast = lark.press(lark.messages[0], "Claim", "Ann")

    assert heard.presses == [Press("token-1", "ou_ann", lark.messages[0].message_id)]
    assert toast == {"toast": {"type": "success", "content": "Done."}}
    assert len(lark.messages) == 1
    lark.wait_for_connection(0)


def test_a_press_that_comes_in_parts_is_put_together(lark: LarkAppSimulator) -> None:
    send_one("lark_app", lark.config, MESSAGE)
    with pressing("lark_app", lark.config) as heard:
        lark.wait_for_connection()
        lark.press(lark.messages[0], "Resolve", "Bob", parts=5)

    assert [press.token for press in heard.presses] == ["token-2"]


def test_a_link_goes_to_who_pressed_alone(lark: LarkAppSimulator) -> None:
    send_one("lark_app", lark.config, MESSAGE)
    answer = PressAnswer("Who are you?", is_done=False, link="https://tocsin.example.org/a/xyz")
    with pressing("lark_app", lark.config, answer):
        lark.wait_for_connection()
        lark.holds_private = True
        toast = lark.press(lark.messages[0], "Claim", "Bob")  # within the three seconds that Lark waits
        before = len(lark.messages)
        lark.holds_private = False
        wait_until(lambda: len(lark.messages) > 1, what="a message to Bob")

    assert (toast["toast"]["type"], before) == ("warning", 1)
    [_card, private] = lark.messages
    assert (private.to, private.text) == ("ou_bob", "Who are you?\nhttps://tocsin.example.org/a/xyz")


@pytest.mark.parametrize("value", ["", None, 7, [], {"token": None}, {"token": {"a": 1}}, {"other": "x"}])
def test_a_value_that_is_not_ours_is_heard_as_no_token_of_ours(lark: LarkAppSimulator, value: Any) -> None:
    send_one("lark_app", lark.config, MESSAGE)
    with pressing("lark_app", lark.config) as heard:
        lark.wait_for_connection()
        lark.press(lark.messages[0], "Claim", "Ann", value=value or {})

    assert [press.token in ("", "None", "{'a': 1}") for press in heard.presses] == [True]


@pytest.mark.parametrize(
    ("refusal", "is_refused"), [((403, "forbidden"), True), ((1000040350, "too many"), True), ((1, "busy"), False)]
)
def test_a_connection_that_is_refused_says_why(
    lark: LarkAppSimulator, refusal: tuple[int, str], is_refused: bool
) -> None:
    lark.refuses_connections = refusal

    with pressing("lark_app", lark.config) as heard:
        problem = heard.problem()

    assert (problem.is_refused, str(refusal[0]) in str(problem)) == (is_refused, True)
    assert lark.secret not in str(problem)


def test_a_connection_that_breaks_is_lost(lark: LarkAppSimulator) -> None:
    with pressing("lark_app", lark.config) as heard:
        lark.wait_for_connection()
        lark.drop_connections()
        problem = heard.problem()

    assert str(problem) == "The connection to 127.0.0.1 was lost."
    assert not problem.is_refused


def test_a_ping_is_written_byte_for_byte() -> None:
    assert encoded(Frame(CONTROL, {"type": "ping"}, service=4097)) == PING
    assert decoded(PING) == Frame(CONTROL, {"type": "ping"}, service=4097)


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(256)) * 600])
@pytest.mark.parametrize("headers", [{}, {"type": "event", "message_id": "磁盘", "sum": "1"}])
def test_frames_are_read_as_they_were_written(payload: bytes, headers: dict[str, str]) -> None:
    frame = decoded(write_frame(DATA, headers, payload))

    assert (frame.method, frame.headers, frame.payload, frame.service) == (DATA, headers, payload, 33554678)
    back = read_frame(encoded(frame))
    assert (dict(back["headers"]), back["payload"]) == (headers, payload)


def test_what_is_no_frame_is_an_error_and_nothing_else() -> None:
    dice = random.Random(7)
    whole = write_frame(DATA, {"type": "event"}, b"payload")
    read: list[bytes] = []
    for cut in range(len(whole)):
        for data in (whole[:cut], dice.randbytes(cut)):
            try:
                decoded(data)
            except ValueError:
                continue
            read.append(data)

    assert read == [
        whole[:11],
        whole[:26],
    ]  # cut behind the method and behind the headers: shorter frames by themselves


@pytest.mark.parametrize(
    "event",
    [None, 7, [], {}, {"header": {}}, {"header": {"event_type": "card.action.trigger"}, "event": {"action": 7}},
     {"header": {"event_type": "im.message.receive_v1"}, "event": {}}],
)  # fmt: skip
def test_what_is_no_press_is_passed_over(event: object) -> None:
    assert press_of(event) is None
    assert press_of(json.loads(json.dumps(event))) is None


def test_a_listening_account_shows_no_secret(lark: LarkAppSimulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with pressing("lark_app", lark.config) as heard:
        lark.wait_for_connection()

    assert isinstance(heard, Pressing)
    assert lark.secret not in caplog.text + repr(heard)
