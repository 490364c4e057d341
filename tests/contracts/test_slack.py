"""Slack against a server as strict as the vendor's: what arrives, who is rung, what is refused, what is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.slack import SlackSimulator
from simulators.waiting import wait_until
from tests.contracts.listening import pressing
from tests.contracts.sending import ROBOT, TEXT, send, send_one, update
from tocsin.channels.base import Mention, Outcome
from tocsin.channels.kinds import Channel
from tocsin.channels.listening import Button, Press
from tocsin.channels.providers.slack.app import press_of
from tocsin.channels.providers.slack.content import MAX_BYTES, as_mrkdwn, people, with_blocks, without_blocks
from tocsin.channels.registry import provider_type
from tocsin.delivery.dialects import escape_markdown

WANG = Mention("Wang", user_id="U0WANG1")
MESSAGE = replace(ROBOT, channel=Channel.SLACK)
KINDS = ("slack", "slack_bot")


@pytest.fixture
def channel() -> Iterator[SlackSimulator]:
    with SlackSimulator(members={"Wang": "U0WANG1", "Li": "U0LI123"}) as running:
        yield running


def config_for(kind: str, channel: SlackSimulator) -> Mapping[str, str]:
    return channel.settings if kind == "slack_bot" else {"url": channel.webhook}


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_arrives_as_blocks_with_a_text_for_notifications(kind: str, channel: SlackSimulator) -> None:
    result = send_one(
        kind, config_for(kind, channel), MESSAGE, markdown="**firing**\n- a\\*b [Open the alert](https://x.example/a/1?b=c&d)",
        mentions=[WANG],
    )  # fmt: skip

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, "ok")
    [message] = channel.messages
    assert message.has_blocks
    assert message.raw.startswith("*[P1] Disk full*\n*firing*\n- a*b <https://x.example/a/1?b=c&amp;d|Open the alert>")
    assert message.notification == "[P1] Disk full firing <@U0WANG1>"
    assert (message.mentioned, message.everybody) == (("Wang",), False)
    assert result.provider_id == (f"{channel.channel}:{message.ts}" if kind == "slack_bot" else "")


def test_a_bot_changes_what_it_has_posted_and_posts_nothing_new(channel: SlackSimulator) -> None:
    sent = send_one("slack_bot", channel.settings, MESSAGE)

    result = update(
        "slack_bot",
        channel.settings,
        replace(MESSAGE, text="claimed by Wang", alert_state="handling"),
        sent.provider_id,
    )

    assert result.outcome == Outcome.ACCEPTED
    [message] = channel.messages
    assert (message.edits, message.history) == (1, [f"*[P1] Disk full*\n{TEXT}"])
    assert message.text == "*[P1] Disk full*\nclaimed by Wang"
    assert channel.requests == ["chat.postMessage", "chat.update"]


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("message_not_found", Outcome.PERMANENT_TARGET),
        ("cant_update_message", Outcome.PERMANENT_TARGET),
        ("edit_window_closed", Outcome.PERMANENT_TARGET),
        ("ratelimited", Outcome.RATE_LIMITED),
        ("internal_error", Outcome.TRANSIENT),
    ],
)
def test_a_change_that_is_refused_has_its_class(channel: SlackSimulator, word: str, outcome: Outcome) -> None:
    sent = send_one("slack_bot", channel.settings, MESSAGE)
    channel.answer_next(word)

    assert update("slack_bot", channel.settings, MESSAGE, sent.provider_id).outcome == outcome
    assert channel.messages[0].edits == 0


@pytest.mark.parametrize("provider_id", ["", "1.2", "C0123ABCD:", ":1.2"])
def test_a_message_without_a_place_is_not_changed(channel: SlackSimulator, provider_id: str) -> None:
    assert update("slack_bot", channel.settings, MESSAGE, provider_id).outcome == Outcome.PERMANENT_TARGET
    assert channel.requests == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word", ["invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format"])
def test_blocks_that_are_refused_go_once_more_as_a_text(kind: str, word: str, channel: SlackSimulator) -> None:
    channel.refuses_blocks = word

    result = send_one(kind, config_for(kind, channel), MESSAGE, markdown="**firing**", mentions=[WANG])

    assert result.outcome == Outcome.ACCEPTED
    assert f"refused the blocks ({word})" in result.detail
    [message] = channel.messages
    assert (message.has_blocks, message.mentioned) == (False, ("Wang",))
    assert message.text == f"[P1] Disk full\n{TEXT}\n@somebody"
    assert len(channel.requests) == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("channel_not_found", Outcome.PERMANENT_CONFIG),
        ("not_in_channel", Outcome.PERMANENT_CONFIG),
        ("is_archived", Outcome.PERMANENT_CONFIG),
        ("invalid_auth", Outcome.PERMANENT_CONFIG),
        ("token_revoked", Outcome.PERMANENT_CONFIG),
        ("missing_scope", Outcome.PERMANENT_CONFIG),
        ("no_text", Outcome.PERMANENT_TARGET),
        ("msg_too_long", Outcome.PERMANENT_TARGET),
        ("ratelimited", Outcome.RATE_LIMITED),
        ("fatal_error", Outcome.TRANSIENT),
        ("something_new", Outcome.TRANSIENT),
    ],
)
def test_every_refusal_has_its_class(kind: str, word: str, outcome: Outcome, channel: SlackSimulator) -> None:
    channel.answer_next(word, status=200 if kind == "slack_bot" else 400)

    result = send_one(kind, config_for(kind, channel), MESSAGE)

    assert (result.outcome, result.code) == (outcome, word)
    assert (channel.messages, len(channel.requests)) == ([], 1)


@pytest.mark.parametrize("word", ["no_service", "no_active_hooks", "action_prohibited", "channel_is_archived"])
def test_a_webhook_that_is_gone_is_named(word: str, channel: SlackSimulator) -> None:
    channel.answer_next(word, status=404)

    assert send_one("slack", {"url": channel.webhook}, MESSAGE).outcome == Outcome.PERMANENT_CONFIG


@pytest.mark.parametrize("kind", KINDS)
def test_slack_says_how_long_to_wait(kind: str) -> None:
    with SlackSimulator(clock=lambda: 1000.0) as channel:
        results = send(kind, config_for(kind, channel), *[MESSAGE] * 5)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 4 + [Outcome.RATE_LIMITED]
    assert results[-1].retry_after == timedelta(seconds=1)


def test_the_limit_stays_under_one_a_second() -> None:
    for kind in KINDS:
        limit = provider_type(kind).capabilities.limit
        assert limit is not None
        assert limit.count / limit.per.total_seconds() <= 1


@pytest.mark.parametrize(
    "typed",
    ["<!channel>", "<!here|x>", "<!everyone>", "<@U0WANG1>", "<!subteam^S1>", "@channel", "&lt;!channel&gt;", "@all"],
)
@pytest.mark.parametrize("is_marked", [False, True])
@pytest.mark.parametrize("refuses", ["", "invalid_blocks"])
def test_no_text_of_users_calls_anybody(channel: SlackSimulator, typed: str, is_marked: bool, refuses: str) -> None:
    channel.refuses_blocks = refuses
    marked = f"disk {escape_markdown(typed)} {typed}" if is_marked else ""
    message = replace(MESSAGE, subject=typed, text=f"disk {typed}", markdown=marked)

    send("slack_bot", channel.settings, message)

    [arrived] = channel.messages
    assert (arrived.mentioned, arrived.everybody) == ((), False)


@given(st.text(alphabet=st.sampled_from("<!>@&|()[]\\*_~`#; \nchanelUW01:/htps."), max_size=60), st.booleans())
@settings(max_examples=200)
def test_whatever_is_typed_no_mention_and_no_link_of_it_comes_out(typed: str, is_escaped: bool) -> None:
    marked = escape_markdown(typed) if is_escaped else typed.replace("](", "] (")

    assert "<" not in as_mrkdwn(marked)
    for payload in (
        with_blocks(replace(MESSAGE, subject=typed, text=typed, markdown=marked)),
        without_blocks(replace(MESSAGE, subject=typed, text=typed)),
    ):
        assert "<" not in payload["text"]
        assert all("<" not in block["text"]["text"] for block in payload.get("blocks", ()))


@pytest.mark.parametrize("letter", ["磁", "\n", "<", "[a](https://x.example/b)"])
@pytest.mark.parametrize("is_marked", [False, True])
def test_a_long_text_is_cut_and_keeps_its_mentions(channel: SlackSimulator, letter: str, is_marked: bool) -> None:
    text = "begin " + letter * 30_000
    message = replace(MESSAGE, text=text, markdown=text if is_marked else "", mentions=[WANG])

    result = send("slack_bot", channel.settings, message)[0]

    assert result.outcome == Outcome.ACCEPTED
    [arrived] = channel.messages
    assert arrived.has_blocks
    assert "begin" in arrived.text
    assert "..." in arrived.text
    assert arrived.mentioned == ("Wang",)
    assert len(arrived.raw.encode()) <= MAX_BYTES + 1000


def test_labels_stay_as_they_are() -> None:
    assert as_mrkdwn(escape_markdown("node_exporter_x a*b")) == "node_exporter_x a*b"
    assert as_mrkdwn(escape_markdown("_x_ *y*")) == "\u200b_\u200bx\u200b_\u200b \u200b*\u200by\u200b*\u200b"


def test_people_are_rung_by_their_member_ids_once_each(channel: SlackSimulator) -> None:
    crowd = [WANG, WANG, Mention("Li", user_id="U0LI123"), Mention("X", user_id="all"), Mention("Y", user_id="ou_1")]

    send_one("slack", {"url": channel.webhook}, MESSAGE, mentions=crowd)

    assert channel.messages[0].mentioned == ("Wang", "Li")
    assert people(crowd) == ("U0WANG1", "U0LI123")
    assert len(people([Mention("P", user_id=f"U{number:08d}") for number in range(500)])) == 50


@pytest.mark.parametrize(
    ("kind", "config", "wrong"),
    [
        ("slack", {"url": "https://hooks.slack.com/services/T1/B1/abc"}, []),
        ("slack", {"url": "http://hooks.slack.com/services/T1/B1/abc"}, ["url"]),
        ("slack", {"url": "https://hooks.slack.com/services/T1/B1"}, ["url"]),
        ("slack_bot", {"token": "xoxb-1", "channel": "C0123ABCD"}, []),
        ("slack_bot", {"token": "xoxp-1", "channel": "#ops"}, ["channel", "token"]),
        ("slack_bot", {"token": "xoxb-1", "channel": "C0123ABCD", "api": "ftp://x"}, ["api"]),
    ],
)
def test_a_configuration_is_checked(kind: str, config: dict[str, str], wrong: list[str]) -> None:
    assert sorted(provider_type(kind).problems(config)) == wrong


BUTTONS = (Button("claim", "Claim", "token-1", is_main=True), Button("resolve", "Resolve", "token-2"))
OF_APP = replace(MESSAGE, to=SlackSimulator.channel, buttons=BUTTONS)


def test_a_press_is_acknowledged_at_once_and_its_presser_alone_is_answered(channel: SlackSimulator) -> None:
    sent = send_one("slack_app", channel.config, OF_APP)
    with pressing("slack_app", channel.config) as heard:
        channel.wait_for_connection()
        channel.press(channel.messages[0], "Claim", "U0WANG1")
        wait_until(lambda: bool(channel.private), what="an answer")

    assert heard.presses == [Press("token-1", "U0WANG1", sent.provider_id)]
    assert channel.private == [("U0WANG1", "Done.")]
    assert len(channel.messages) == 1


def test_slack_asks_to_come_again(channel: SlackSimulator) -> None:
    with pressing("slack_app", channel.config) as heard:
        channel.wait_for_connection()
        channel.ask_to_come_again()

        assert heard.returned()


def test_an_app_token_that_slack_does_not_know_ends_the_connection_without_telling_it(channel: SlackSimulator) -> None:
    with pressing("slack_app", {**channel.config, "app_token": "xapp-another-secret"}) as heard:
        problem = heard.problem()

    assert problem.is_refused
    assert "another-secret" not in str(problem)


@pytest.mark.parametrize("word", ["channel_not_found", "not_in_channel", "is_archived"])
def test_what_is_wrong_with_a_channel_says_nothing_of_the_app(channel: SlackSimulator, word: str) -> None:
    channel.answer_next(word)

    assert send_one("slack_app", channel.config, OF_APP).outcome == Outcome.PERMANENT_TARGET


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"type": "interactive", "payload": {"type": "view_submission"}},
        {"type": "interactive", "payload": {"type": "block_actions", "actions": []}},
        {"type": "events_api", "payload": {}},
    ],
)
def test_what_is_no_press_is_passed_over(frame: dict[str, Any]) -> None:
    assert press_of(frame) is None


def test_a_press_that_was_acknowledged_is_acted_on_though_slack_asks_to_come_again(channel: SlackSimulator) -> None:
    sent = send_one("slack_app", channel.config, OF_APP)
    with pressing("slack_app", channel.config, answered_after=0.1) as heard:
        channel.wait_for_connection()
        channel.press(channel.messages[0], "Claim", "U0WANG1", is_last=True)

        assert heard.returned()
    assert heard.presses == [Press("token-1", "U0WANG1", sent.provider_id)]
    assert channel.private == [("U0WANG1", "Done.")]
