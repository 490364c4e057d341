"""Telegram against a server as strict as the vendor's: tags, limits, a group that moves, messages that are changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.raw import RawServer, http_answer
from simulators.telegram import TelegramSimulator
from tests.contracts.listening import pressing
from tests.contracts.sending import ROBOT, TEXT, send, send_one, update
from tocsin.channels.base import Outcome
from tocsin.channels.groups import Note
from tocsin.channels.kinds import Channel
from tocsin.channels.listening import Button, Press, PressAnswer
from tocsin.channels.providers.telegram.content import MAX_UNITS, as_html
from tocsin.channels.registry import provider_type
from tocsin.delivery.dialects import escape_markdown

MESSAGE = replace(ROBOT, channel=Channel.TELEGRAM)


@pytest.fixture
def group() -> Iterator[TelegramSimulator]:
    with TelegramSimulator() as running:
        yield running


def test_a_message_arrives_as_html_in_which_what_users_typed_stays_text(group: TelegramSimulator) -> None:
    marked = "**firing**\n- a\\*b \\<b\\> & [Open the alert](https://x.example/a/1?b=c&d)"

    result = send_one("telegram", group.settings | {"topic": "7"}, MESSAGE, markdown=marked, subject="[P1] <Disk>")

    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, f"{group.chat}:1")
    [message] = group.messages
    assert message.raw == (
        "<b>[P1] &lt;Disk&gt;</b>\n<b>firing</b>\n"
        '- a*b &lt;b&gt; &amp; <a href="https://x.example/a/1?b=c&amp;d">Open the alert</a>'
    )
    assert (message.topic, message.mentioned) == (7, ())


def test_a_bot_changes_what_it_has_posted(group: TelegramSimulator) -> None:
    sent = send_one("telegram", group.settings, MESSAGE)

    result = update("telegram", group.settings, replace(MESSAGE, text="claimed"), sent.provider_id)
    again = update("telegram", group.settings, replace(MESSAGE, text="claimed"), sent.provider_id)

    assert [result.outcome, again.outcome] == [Outcome.ACCEPTED] * 2
    [message] = group.messages
    assert (message.text, message.edits, message.history) == (
        "[P1] Disk full\nclaimed", 1, [f"[P1] Disk full\n{TEXT}"],
    )  # fmt: skip
    assert group.requests == ["sendMessage", "editMessageText", "editMessageText"]


def test_tags_that_cannot_be_read_go_once_more_as_a_text(group: TelegramSimulator) -> None:
    group.refuses_tags = True

    result = send_one("telegram", group.settings, MESSAGE, markdown="**firing** [Open](https://x.example/1)")

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, Note.AS_TEXT)
    assert group.messages[0].text == "[P1] Disk full\nfiring Open: https://x.example/1"


def test_a_group_that_has_become_a_supergroup_is_followed_and_told(group: TelegramSimulator) -> None:
    group.moved_to = -1001234567890

    result = send_one("telegram", group.settings, MESSAGE)

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, Note.MOVED)
    assert "-1001234567890 as this robot's chat ID" in result.detail
    assert result.provider_id == "-1001234567890:1"
    assert len(group.requests) == 2


@pytest.mark.parametrize(
    ("code", "description", "outcome"),
    [
        (401, "Unauthorized", Outcome.PERMANENT_CONFIG),
        (404, "Not Found", Outcome.PERMANENT_CONFIG),
        (400, "Bad Request: chat not found", Outcome.PERMANENT_CONFIG),
        (403, "Forbidden: bot was kicked from the group chat", Outcome.PERMANENT_CONFIG),
        (403, "Forbidden: something new", Outcome.PERMANENT_CONFIG),
        (400, "Bad Request: not enough rights to send text messages to the chat", Outcome.PERMANENT_CONFIG),
        (400, "Bad Request: message thread not found", Outcome.PERMANENT_CONFIG),
        (400, "Bad Request: message is too long", Outcome.PERMANENT_TARGET),
        (400, "Bad Request: something new", Outcome.TRANSIENT),
        (500, "Internal Server Error", Outcome.TRANSIENT),
    ],
)
def test_every_refusal_has_its_class(group: TelegramSimulator, code: int, description: str, outcome: Outcome) -> None:
    group.answer_next(code, description)

    result = send_one("telegram", group.settings, MESSAGE)

    assert (result.outcome, result.code) == (outcome, str(code))
    assert group.messages == []


@pytest.mark.parametrize(
    "description", ["Bad Request: message to edit not found", "Bad Request: message can't be edited"]
)
def test_what_cannot_be_changed_any_more_is_for_good(group: TelegramSimulator, description: str) -> None:
    sent = send_one("telegram", group.settings, MESSAGE)
    group.answer_next(400, description)

    assert update("telegram", group.settings, MESSAGE, sent.provider_id).outcome == Outcome.PERMANENT_TARGET
    assert update("telegram", group.settings, MESSAGE, "nonsense").outcome == Outcome.PERMANENT_TARGET


def test_telegram_says_how_long_to_wait() -> None:
    with TelegramSimulator(clock=lambda: 1000.0) as group:
        results = send("telegram", group.settings, *[MESSAGE] * 21)

    assert [result.outcome for result in results[:20]] == [Outcome.ACCEPTED] * 20
    assert (results[20].outcome, results[20].retry_after) == (Outcome.RATE_LIMITED, timedelta(seconds=35))
    limit = provider_type("telegram").capabilities.limit
    assert limit is not None
    assert limit.count / limit.per.total_seconds() < 20 / 60


@pytest.mark.parametrize("letter", ["磁", "😀", "&", "[a](https://x.example/b)"])
@pytest.mark.parametrize("is_marked", [False, True])
def test_a_long_text_is_cut_to_what_telegram_counts(group: TelegramSimulator, letter: str, is_marked: bool) -> None:
    text = "begin " + letter * 9_000

    result = send_one("telegram", group.settings, MESSAGE, text=text, markdown=text if is_marked else "")

    assert result.outcome == Outcome.ACCEPTED
    [message] = group.messages
    assert message.text.startswith("[P1] Disk full\nbegin")
    assert message.text.endswith("...")
    assert MAX_UNITS - 500 < len(message.text.encode("utf-16-le")) // 2 <= MAX_UNITS


@given(st.text(alphabet=st.sampled_from("<>@&()[]\\*_~`#; \nalbhref=\"'/:tps.1"), max_size=60), st.booleans())
@settings(max_examples=200)
def test_whatever_is_typed_no_tag_and_no_name_of_it_comes_out(typed: str, is_escaped: bool) -> None:
    marked = escape_markdown(typed) if is_escaped else ""
    raw = as_html(replace(MESSAGE, subject=typed, text=typed, markdown=marked))["text"]

    assert "<" not in raw.replace("<b>", "").replace("</b>", "")
    assert all(
        not raw[at + 1 : at + 2].isalnum()
        for at, sign in enumerate(raw)
        if sign == "@" and not raw[at - 1 : at].isalnum()
    )


@pytest.mark.parametrize("typed", ["@all", "@channel", "@wang", "(@wang)", "-@wang"])
def test_no_text_of_users_calls_anybody(group: TelegramSimulator, typed: str) -> None:
    send_one("telegram", group.settings, MESSAGE, subject=typed, text=typed, markdown=escape_markdown(typed))

    assert group.messages[0].mentioned == ()


def test_the_token_is_nowhere_but_in_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with TelegramSimulator() as group:
        config = dict(group.settings)
        group.answer_next(400, f"Bad Request: {group.token} is bad")
        refused = send_one("telegram", config, MESSAGE)
    gone = send_one("telegram", config, MESSAGE)

    assert gone.outcome == Outcome.TRANSIENT
    logged = "".join(record.getMessage() for record in caplog.records if record.name != "aiohttp.access")
    assert group.token not in repr([refused, gone]) + logged


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, []),
        ({"chat": "@alerts_of_us", "topic": "12"}, []),
        ({"token": "123"}, ["token"]),
        ({"token": "123456:AA/../getMe"}, ["token"]),
        ({"chat": "ops"}, ["chat"]),
        ({"topic": "x"}, ["topic"]),
        ({"api": "ftp://x"}, ["api"]),
    ],
)
def test_a_configuration_is_checked(change: dict[str, str], wrong: list[str]) -> None:
    config = {"token": "123456:AAdemo-token-of-a-bot", "chat": "-1001", **change}

    assert sorted(provider_type("telegram").problems(config)) == wrong


BUTTONS = (Button("claim", "Claim", "token-1", is_main=True), Button("resolve", "Resolve", "token-2"))
OF_APP = replace(MESSAGE, to="-100200300/7", buttons=BUTTONS)


def test_an_app_writes_to_the_chat_and_topic_of_the_message_with_buttons(group: TelegramSimulator) -> None:
    sent = send_one("telegram_app", group.config, OF_APP)
    changed = update(
        "telegram_app", group.config, replace(OF_APP, buttons=BUTTONS[1:], text="claimed"), sent.provider_id
    )

    assert (sent.outcome, changed.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    [message] = group.messages
    assert (message.topic, message.text) == (7, "[P1] Disk full\nclaimed")
    assert message.buttons == [{"text": "Resolve", "callback_data": "token-2"}]


def test_a_press_is_heard_once_and_its_presser_alone_is_answered(group: TelegramSimulator) -> None:
    send_one("telegram_app", group.config, OF_APP)
    with pressing("telegram_app", group.config) as heard:
        group.press(group.messages[0], "Claim", 77)
        toasts = group.wait_for_toasts(1)

    assert heard.presses == [Press("token-1", "77", "-100200300:1")]
    assert toasts == [("q1", "Done.", False)]
    assert len(group.messages) == 1


@pytest.mark.parametrize("has_chat", [True, False])
def test_a_link_goes_to_who_pressed_in_a_chat_of_their_own(group: TelegramSimulator, has_chat: bool) -> None:
    send_one("telegram_app", group.config, OF_APP)
    group.people = ("77",) if has_chat else ()
    answer = PressAnswer("Who are you?", is_done=False, link="https://tocsin.example.org/a/xyz")
    with pressing("telegram_app", group.config, answer):
        group.press(group.messages[0], "Claim", 77)
        [toast] = group.wait_for_toasts(1)

    assert group.private == ([("77", "Who are you?\nhttps://tocsin.example.org/a/xyz")] if has_chat else [])
    assert toast == ("q1", "Who are you?", not has_chat)
    assert "xyz" not in str(group.messages)


def test_a_bot_that_another_program_listens_with_is_named(group: TelegramSimulator) -> None:
    group.has_other_listener = True
    with pressing("telegram_app", group.config) as heard:
        problem = heard.problem()

    assert problem.is_refused
    assert "one listener" in str(problem)


def test_a_token_that_telegram_does_not_know_ends_the_connection_without_telling_it(group: TelegramSimulator) -> None:
    with pressing("telegram_app", {**group.config, "token": "999999:AAanother-token"}) as heard:
        problem = heard.problem()

    assert problem.is_refused
    assert "AAanother" not in str(problem)


@pytest.mark.parametrize("updates", ["7", '{"a": 1}', '["x"]', '[{"callback_query": {}}]', '[{"update_id": null}]'])
def test_what_is_no_list_of_updates_is_a_lost_connection(updates: str) -> None:
    answers = [http_answer(200, f'{{"ok": true, "result": {result}}}'.encode()) for result in ("{}", updates)]
    with RawServer(*answers) as server:
        config = {"token": "123456:AAs3cret-Word-9", "api": server.url}
        with pressing("telegram_app", config) as heard:
            problem = heard.problem()

    assert str(problem) == "The connection to Telegram was lost: HTTP 200"
    assert heard.presses == []


@pytest.mark.parametrize(
    ("code", "description", "outcome"),
    [
        (400, "Bad Request: chat not found", Outcome.PERMANENT_TARGET),
        (403, "Forbidden: bot was kicked from the group chat", Outcome.PERMANENT_TARGET),
        (400, "Bad Request: message thread not found", Outcome.PERMANENT_TARGET),
        (401, "Unauthorized", Outcome.PERMANENT_CONFIG),
    ],
)
def test_what_is_wrong_with_one_group_says_nothing_of_the_app(
    group: TelegramSimulator, code: int, description: str, outcome: Outcome
) -> None:
    group.answer_next(code, description)

    assert send_one("telegram_app", group.config, OF_APP).outcome == outcome
