"""Microsoft Teams against a workflow that checks the card as Teams does, and answers 202 and nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.teams import TeamsSimulator
from tests.contracts.sending import ROBOT, TEXT, send_one
from tocsin.channels.base import Outcome
from tocsin.channels.groups import Note
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.teams.card import payload
from tocsin.channels.registry import provider_type
from tocsin.delivery.dialects import escape_markdown

MESSAGE = replace(ROBOT, channel=Channel.TEAMS)


@pytest.fixture
def channel() -> Iterator[TeamsSimulator]:
    with TeamsSimulator() as running:
        yield running


def test_a_card_arrives_with_the_alerts_link_on_a_button(channel: TeamsSimulator) -> None:
    marked = "**firing**\n- **db\\*1** \\[x\\]\n  [What to do](https://wiki.example/1)\n\n[Open the alert](https://x.example/a/1)"

    result = send_one("teams", {"url": channel.webhook}, MESSAGE, markdown=marked, alert_state="pending")

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, Note.UNCONFIRMED)
    [message] = channel.messages
    assert message.text == "[P1] Disk full\nfiring\n- db*1 [x]\n  What to do"
    assert message.buttons == {"Open the alert": "https://x.example/a/1"}
    assert message.links == ("https://wiki.example/1",)
    assert message.card["body"][0]["inlines"][0]["color"] == "attention"


def test_a_text_without_markdown_arrives(channel: TeamsSimulator) -> None:
    send_one("teams", {"url": channel.webhook}, MESSAGE)

    assert channel.messages[0].text == f"[P1] Disk full\n{TEXT}"


def test_a_workflow_that_has_begun_is_no_proof() -> None:
    can = provider_type("teams").capabilities

    assert (can.accepted_is_delivered, can.has_receipts) == (False, False)


@pytest.mark.parametrize("typed", ["<at>everyone</at>", "< AT>x</at>", "@everyone", "@all", "&lt;at&gt;x&lt;/at&gt;"])
@pytest.mark.parametrize("is_marked", [False, True])
def test_no_text_of_users_calls_anybody(channel: TeamsSimulator, typed: str, is_marked: bool) -> None:
    marked = escape_markdown(typed) if is_marked else ""

    send_one("teams", {"url": channel.webhook}, MESSAGE, subject=typed, text=typed, markdown=marked)

    [message] = channel.messages
    assert message.mentions == ()
    assert "<at" not in message.text.lower().replace(" ", "")


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_whatever_is_typed_the_card_has_no_mention_and_only_our_blocks(typed: str) -> None:
    sent = json.loads(payload(replace(MESSAGE, subject=typed, text=typed, markdown=escape_markdown(typed))))

    card = sent["attachments"][0]["content"]
    assert set(card) <= {"$schema", "type", "version", "msteams", "body"}
    assert card["msteams"] == {"width": "Full"}
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}


@pytest.mark.parametrize("letter", ["磁", '"', "😀", "[a](https://x.example/b)", "a\n"])
@pytest.mark.parametrize("is_marked", [False, True])
def test_a_long_text_is_cut_and_keeps_its_button(channel: TeamsSimulator, letter: str, is_marked: bool) -> None:
    text = "begin " + letter * 30_000
    link = "\n\n[Open the alert](https://x.example/a/1)"

    result = send_one("teams", {"url": channel.webhook}, MESSAGE, text=text, markdown=text + link if is_marked else "")

    assert result.outcome == Outcome.ACCEPTED
    [message] = channel.messages
    assert not message.is_lost
    assert message.text.endswith("...")
    assert bool(message.buttons) == is_marked


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (404, "WorkflowNotFound", Outcome.PERMANENT_CONFIG),
        (400, "WorkflowTriggerIsNotEnabled", Outcome.PERMANENT_CONFIG),
        (401, "AuthorizationFailed", Outcome.PERMANENT_CONFIG),
        (401, "DirectApiAuthorizationRequired", Outcome.PERMANENT_CONFIG),
        (400, "TriggerInputSchemaMismatch", Outcome.PERMANENT_CONFIG),
        (413, "RequestEntityTooLarge", Outcome.PERMANENT_TARGET),
        (400, "SomethingNew", Outcome.PERMANENT_CONFIG),
        (502, "BadGateway", Outcome.TRANSIENT),
        (504, "GatewayTimeout", Outcome.AMBIGUOUS),
    ],
)
def test_every_refusal_has_its_class(channel: TeamsSimulator, status: int, code: str, outcome: Outcome) -> None:
    channel.answer_next(status, code, f"sig {channel.signature} of {channel.url}")

    result = send_one("teams", {"url": channel.webhook}, MESSAGE)

    assert (result.outcome, channel.messages) == (outcome, [])
    assert channel.signature not in result.detail


def test_teams_says_how_long_to_wait(channel: TeamsSimulator) -> None:
    channel.answer_next(429, "TooManyRequests", **{"Retry-After": "11"})

    result = send_one("teams", {"url": channel.webhook}, MESSAGE)

    assert (result.outcome, result.retry_after) == (Outcome.RATE_LIMITED, timedelta(seconds=11))


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://prod-1.westus.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke?sig=x", []),
        ("https://x.api.powerplatform.com/powerautomate/automations/direct/workflows/abc/triggers/manual", []),
        ("https://teams.microsoft.com/l/channel/x", ["url"]),
        ("http://prod-1.westus.logic.azure.com/workflows/abc", ["url"]),
    ],
)  # fmt: skip
def test_a_configuration_is_checked(url: str, wrong: list[str]) -> None:
    assert sorted(provider_type("teams").problems({"url": url})) == wrong
