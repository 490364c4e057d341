"""What every provider owes delivery, whatever its vendor does."""

from __future__ import annotations

import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from tests.contracts.rigs import (
    ANSWER_WITH_A_CODE,
    GOOD_BODY,
    HEARD,
    MESSAGES,
    OVER_HTTP,
    SECRET,
    answering,
    failing,
    http_config,
    raw,
    working,
)
from tests.contracts.sending import open_provider, send, send_one
from tocsin.channels.base import Outcome, ProviderType, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import ROBOT_PLATFORMS, Channel
from tocsin.channels.registry import PROVIDERS, provider_type, robot_provider
from tocsin.core.errors import NotFoundError

DOCS = Path(__file__).parents[2] / "docs" / "providers.md"
EVERY = sorted(PROVIDERS)
SIMULATED = sorted(name for name, kind in PROVIDERS.items() if kind.capabilities.is_simulated)
RUN_BY_THEIR_USERS = ("apprise", "mattermost")
"""At any public address."""
REAL = sorted(set(EVERY) - set(SIMULATED) - set(HEARD))
TO_GROUPS = [name for name in REAL if MESSAGES[name].channel in ROBOT_PLATFORMS]
LONG = ["a\\-b\\_c ", "\\[", "[](https://", "\n", "<" + " " * 1000]


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the simulated server's own


def attempt(
    provider: str, config: dict[str, str], caplog: pytest.LogCaptureFixture, *, within: float = 60
) -> SendResult:
    """One send; nothing that it leaves behind holds a secret, the text or the address."""
    message = MESSAGES[provider]
    result = send(provider, config, message, timeout=within)[0]
    assert SECRET not in repr(result) + caplog.text
    assert message.text not in repr(result) + caplog.text
    told = replace(result, provider_id="")  # of a message in a group, which its platform names by the group
    assert not message.to or message.to not in repr(told)
    return result


def test_every_provider_that_is_not_simulated_has_a_rig() -> None:
    assert sorted(MESSAGES) == REAL
    assert sorted([*OVER_HTTP, "smpp", "smtp"]) == REAL


@pytest.mark.parametrize("provider", REAL)
def test_a_message_arrives(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    with working(provider) as (config, texts):
        result = attempt(provider, config, caplog)

    assert result.outcome == Outcome.ACCEPTED
    assert len(texts) == 1
    assert MESSAGES[provider].text in texts[0]


@pytest.mark.parametrize("provider", REAL)
@pytest.mark.parametrize(
    "text", ["x" * 100_000, "磁盘 " * 30_000, "@all " * 20_000, "\r\n.\r\n" * 5000, "\0\x01\x7f", "\ud800"]
)
def test_any_text_is_made_to_fit(provider: str, text: str) -> None:
    with working(provider) as (config, texts):
        result = send(provider, config, replace(MESSAGES[provider], text=text, html="", subject=text[:300]))[0]

    assert result.outcome == Outcome.ACCEPTED
    assert len(texts) == 1


@pytest.mark.parametrize("provider", TO_GROUPS)
def test_a_megabyte_holds_up_nobody(provider: str) -> None:
    """What is made of it is made in the event loop that sends everything else as well."""
    for said in LONG:
        whole = said * (1_000_000 // len(said))
        with working(provider) as (config, texts):
            began = time.process_time()
            result = send(provider, config, replace(MESSAGES[provider], text=whole, markdown=whole))[0]

            assert time.process_time() - began < 1.5, said
        assert result.outcome == Outcome.ACCEPTED
        assert len(texts) == 1


@pytest.mark.parametrize("provider", REAL)
@pytest.mark.parametrize(
    ("how", "outcome"),
    [("refuses", Outcome.TRANSIENT), ("resets", Outcome.AMBIGUOUS)],
)
def test_what_was_sent_and_what_was_not_is_told_apart(
    provider: str, how: str, outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    with failing(provider, how) as config:
        assert attempt(provider, config, caplog).outcome == outcome


def test_who_takes_a_message_and_never_answers_leaves_it_in_doubt(caplog: pytest.LogCaptureFixture) -> None:
    """Several at a time: each is waited for for a second."""

    def outcome(provider: str) -> Outcome:
        with failing(provider, "hangs") as config:
            return attempt(provider, config, caplog, within=1).outcome

    with ThreadPoolExecutor(6) as pool:
        outcomes = dict(zip(REAL, pool.map(outcome, REAL), strict=True))

    assert outcomes == dict.fromkeys(REAL, Outcome.AMBIGUOUS)


@pytest.mark.parametrize("provider", OVER_HTTP)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (301, Outcome.PERMANENT_CONFIG),
        (302, Outcome.PERMANENT_CONFIG),
        (401, Outcome.PERMANENT_CONFIG),
        (403, Outcome.PERMANENT_CONFIG),
        (404, Outcome.PERMANENT_CONFIG),
        (429, Outcome.RATE_LIMITED),
        (500, Outcome.TRANSIENT),
        (502, Outcome.TRANSIENT),
        (503, Outcome.TRANSIENT),
        (504, Outcome.AMBIGUOUS),
    ],
)
def test_a_page_of_something_in_between_has_its_class(
    provider: str, status: int, outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    with answering(provider, status, b"<html>Bad gateway " + SECRET.encode() + b"</html>") as config:
        assert attempt(provider, config, caplog).outcome == outcome


CODES = (
    "errcode",
    "errmsg",
    "code",
    "Code",
    "msg",
    "message",
    "Message",
    "error",
    "error_code",
    "description",
    "id",
    "ok",
)
STATUSES = [200, 201, 202, 204, 400, 418, 500]
UNKNOWN = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"ok"',
    b"0",
    b'{"errcode":',
    b'{"errcode":null}',
    b'{"errcode":999999,"errmsg":"something new"}',
    b'{"code":0,"message":"ok"}',
    b"<html>Welcome to the hotel</html>",
    b"7: Something new",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    json.dumps(dict.fromkeys(CODES, SECRET)).encode(),
    json.dumps({"Response": {"Error": dict.fromkeys(CODES, SECRET)}, "error": dict.fromkeys(CODES, SECRET)}).encode(),
]


@pytest.mark.parametrize("provider", ANSWER_WITH_A_CODE)
def test_an_answer_that_is_not_known_is_never_success(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    for status, body in product(STATUSES, UNKNOWN):
        with answering(provider, status, body) as config:
            assert attempt(provider, config, caplog).outcome != Outcome.ACCEPTED, (status, body)
        caplog.clear()


@pytest.mark.parametrize("provider", OVER_HTTP)
def test_half_an_answer_is_ambiguous(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    status, body = GOOD_BODY[provider]
    whole = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body) + 10)
    with raw(provider, whole + body) as server:
        result = attempt(provider, http_config(provider, server.url), caplog)

    assert result.outcome == Outcome.AMBIGUOUS


@pytest.mark.parametrize("provider", REAL)
def test_an_open_account_does_not_show_its_secrets(provider: str) -> None:
    with working(provider) as (config, _texts):
        opened = open_provider(provider, config, HttpClient())

    assert SECRET not in repr(opened)
    assert SECRET not in repr(PROVIDERS[provider].masked(config))


@pytest.mark.parametrize("provider", [*REAL, *HEARD])
def test_a_wrong_configuration_is_named_without_its_values(provider: str) -> None:
    kind = PROVIDERS[provider]
    nonsense = {field.name: f"{SECRET}\n" for field in kind.fields if not field.is_multiline}

    problems = kind.problems({**nonsense, "colour": SECRET})

    assert set(problems) == {*nonsense, "colour"}
    assert SECRET not in repr(problems)


@pytest.mark.parametrize("provider", EVERY)
def test_a_row_of_the_registry_holds_together(provider: str) -> None:
    kind: ProviderType = PROVIDERS[provider]
    can = kind.capabilities

    assert re.fullmatch(r"[a-z][a-z0-9_]{1,31}", kind.name)
    assert len({field.name for field in kind.fields}) == len(kind.fields)
    assert not (can.accepted_is_delivered and can.has_receipts), "receipts would say nothing new"
    assert can.receipt_within is None or can.has_receipts
    receipts_come = [kind.read_callback is not None, kind.reports, can.has_receipts and can.is_simulated]
    assert receipts_come.count(True) == (can.has_receipts and not (can.can_be_asked and not any(receipts_come)))
    is_of_groups = kind.is_for_robots or kind.chat is not None
    assert is_of_groups == (kind.channel in (*ROBOT_PLATFORMS, Channel.WEBHOOK))
    assert not (kind.is_for_robots and kind.chat is not None)
    assert not can.has_buttons or kind.listens
    assert bool(can.mentions_by) == (can.mentions_channel is not None)
    if kind.is_for_robots and kind.channel in ROBOT_PLATFORMS:
        assert {"url", "api", "address"} & {field.name for field in kind.fields}
        assert kind.hosts or kind.name in RUN_BY_THEIR_USERS
        assert robot_provider(kind.channel, kind.name) is kind


def test_a_name_without_a_row_is_refused_with_those_there_are() -> None:
    with pytest.raises(NotFoundError, match="outbox_email, outbox_phone"):
        provider_type("pigeon")
    assert robot_provider("pigeon") is None


@pytest.mark.parametrize("provider", SIMULATED)
def test_the_outbox_accepts_everything_and_says_that_nobody_got_it(provider: str) -> None:
    result = send_one(provider, {}, replace(MESSAGES["http_sms"], text="x" * 100_000))

    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, "k3x9")
    assert "nobody" in result.detail


def test_the_docs_have_one_row_for_each_provider() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCS.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted((kind.name, kind.channel.value) for kind in PROVIDERS.values())
