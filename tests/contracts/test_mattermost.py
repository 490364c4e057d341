"""Mattermost against a server that reads its Markdown and answers as it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.mattermost import MattermostSimulator
from tests.contracts.sending import ROBOT, TEXT, send_one
from tocsin.channels.base import Outcome
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.mattermost.robot import MAX_BYTES, text_of
from tocsin.channels.registry import provider_type
from tocsin.delivery.dialects import escape_markdown

MESSAGE = replace(ROBOT, channel=Channel.MATTERMOST)


@pytest.fixture
def channel() -> Iterator[MattermostSimulator]:
    with MattermostSimulator() as running:
        yield running


def test_a_message_arrives_as_markdown(channel: MattermostSimulator) -> None:
    config = {"url": channel.webhook, "channel": "ops"}

    result = send_one("mattermost", config, MESSAGE, markdown="**firing**\n- a\\*b [Open](https://x.example/1)")

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, "ok")
    [message] = channel.messages
    assert message.raw == "#### \\[P1\\] Disk full\n**firing**\n- a\\*b [Open](https://x.example/1)"
    assert (message.channel, message.everybody, message.mentioned) == ("ops", False, ())


def test_a_text_arrives_as_it_was_written(channel: MattermostSimulator) -> None:
    send_one("mattermost", {"url": channel.webhook}, MESSAGE)

    assert channel.messages[0].text == f"#### [P1] Disk full\n{TEXT}"


@pytest.mark.parametrize("typed", ["@all", "@channel", "@here", "@wang", "@ALL", "x @here.", "@所有人", "@_all"])
@pytest.mark.parametrize("is_marked", [False, True])
def test_no_text_of_users_calls_anybody(channel: MattermostSimulator, typed: str, is_marked: bool) -> None:
    marked = escape_markdown(typed) if is_marked else ""

    send_one("mattermost", {"url": channel.webhook}, MESSAGE, subject=typed, text=typed, markdown=marked)

    assert (channel.messages[0].everybody, channel.messages[0].mentioned) == (False, ())


@given(st.text(alphabet=st.sampled_from("@\\ _.-*alchnehrw\n()[]"), max_size=40), st.booleans())
@settings(max_examples=200)
def test_whatever_is_typed_nothing_follows_an_at_sign(typed: str, is_escaped: bool) -> None:
    text = text_of(replace(MESSAGE, subject=typed, text=typed, markdown=escape_markdown(typed) if is_escaped else ""))

    read = text.replace("\\", "")
    assert all(not read[at + 1 : at + 2].isalnum() for at, sign in enumerate(read) if sign == "@")


@pytest.mark.parametrize("letter", ["磁", "\\*", "@all "])
@pytest.mark.parametrize("is_marked", [False, True])
def test_a_long_text_is_cut(channel: MattermostSimulator, letter: str, is_marked: bool) -> None:
    text = "begin " + letter * 20_000

    result = send_one("mattermost", {"url": channel.webhook}, MESSAGE, text=text, markdown=text if is_marked else "")

    assert result.outcome == Outcome.ACCEPTED
    assert channel.messages[0].text.endswith("...")
    assert MAX_BYTES - 500 < len(channel.messages[0].raw.encode()) <= MAX_BYTES


@pytest.mark.parametrize(
    ("status", "name", "message", "outcome"),
    [
        (400, "web.incoming_webhook.invalid.app_error", "Invalid webhook", Outcome.PERMANENT_CONFIG),
        (403, "web.incoming_webhook.disabled.app_error", "Incoming webhooks disabled", Outcome.PERMANENT_CONFIG),
        (404, "web.incoming_webhook.channel.app_error", "Couldn't find the channel.", Outcome.PERMANENT_CONFIG),
        (403, "web.incoming_webhook.permissions.app_error", "Inappropriate channel.", Outcome.PERMANENT_CONFIG),
        (400, "web.incoming_webhook.text.app_error", "No text specified.", Outcome.PERMANENT_TARGET),
        (400, "web.incoming_webhook.text.length.app_error", "Maximum text length", Outcome.PERMANENT_TARGET),
        (500, "web.incoming_webhook.user.app_error", "Couldn't find the user.", Outcome.TRANSIENT),
        (503, "api.busy", "Server is busy", Outcome.TRANSIENT),
        (504, "api.timeout", "x", Outcome.AMBIGUOUS),
    ],
)  # fmt: skip
def test_every_refusal_has_its_class(
    channel: MattermostSimulator, status: int, name: str, message: str, outcome: Outcome
) -> None:
    channel.answer_next(status, name, message)

    result = send_one("mattermost", {"url": channel.webhook}, MESSAGE)

    assert (result.outcome, channel.messages) == (outcome, [])


def test_mattermost_says_how_long_to_wait(channel: MattermostSimulator) -> None:
    channel.answer_next(429, "api.context.rate_limit", "limit exceeded", **{"Retry-After": "7"})

    result = send_one("mattermost", {"url": channel.webhook}, MESSAGE)

    assert (result.outcome, result.retry_after) == (Outcome.RATE_LIMITED, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        ({"url": "https://chat.example.org/hooks/abc"}, []),
        ({"url": "https://example.org/mattermost/hooks/abc/", "channel": "town-square"}, []),
        ({"url": "http://chat.example.org/hooks/abc"}, ["url"]),
        ({"url": "https://chat.example.org/api/v4/posts"}, ["url"]),
        ({"url": "https://chat.example.org/hooks/abc", "channel": "a b"}, ["channel"]),
    ],
)
def test_a_configuration_is_checked(config: dict[str, str], wrong: list[str]) -> None:
    assert sorted(provider_type("mattermost").problems(config)) == wrong
