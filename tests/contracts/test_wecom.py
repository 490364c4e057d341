"""WeCom robots against a server as strict as the vendor's: what arrives, who is rung, what each refusal is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from simulators.wecom import WecomSimulator
from tests.contracts.sending import ROBOT, TEXT, send, send_one
from tocsin.channels.base import Mention, Outcome, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.wecom.content import MAX_BYTES, MAX_TEXT_BYTES, markdown_of, people, text_of
from tocsin.channels.registry import provider_type

MEMBERS = {"Wang": "WangXiaoMing", "Li": "li.01"}
WANG = Mention("王小明", phone="+8613800000000", user_id="WangXiaoMing")
MESSAGE = replace(ROBOT, channel=Channel.WECOM)


@pytest.fixture
def group() -> Iterator[WecomSimulator]:
    with WecomSimulator(members=MEMBERS) as running:
        yield running


def test_a_text_arrives(group: WecomSimulator) -> None:
    result = send_one("wecom", {"url": group.webhook}, MESSAGE)

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, "0")
    [message] = group.messages
    assert (message.kind, message.text) == ("text", f"[P1] Disk full\n{TEXT}")
    assert (message.mentioned, message.everybody) == ((), False)


def test_markdown_is_written_as_wecom_reads_it(group: WecomSimulator) -> None:
    send_one(
        "wecom",
        {"url": group.webhook},
        MESSAGE,
        subject="[P1] a*b <c>",
        markdown="**firing**\n- a\\_b \\> 9 \\< 10\n[Open](https://tocsin.example/a)",
        mentions=[WANG],
    )

    [message] = group.messages
    assert message.kind == "markdown"
    assert message.text == (
        "### [P1]\u200b a*\u200bb \uff1cc>\n**firing**\n- a_b > 9 < 10\n[Open](https://tocsin.example/a)\n<@WangXiaoMing>"
    )
    assert message.mentioned == ("Wang",)


@pytest.mark.parametrize(
    "typed",
    [
        "\\[x\\]\\(http://evil\\)",
        '\\<font color="warning"\\>x',
        "\\`code\\`",
        "\\*\\*loud\\*\\*",
        "\\# title",
        "\\> quote",
    ],
)
def test_what_users_typed_stays_text(group: WecomSimulator, typed: str) -> None:
    send_one("wecom", {"url": group.webhook}, MESSAGE, subject="", markdown=f"begin\n{typed}")

    [message] = group.messages
    line = message.text.splitlines()[1]
    assert message.links == ()
    assert not line.startswith((">", "#"))
    assert not any(mark in line for mark in ("**", "`", "<font", "\\"))


@pytest.mark.parametrize("markdown", ["", "**firing**"])
@pytest.mark.parametrize(
    ("mention", "rung"),
    [
        (WANG, ("Wang",)),
        (Mention("Li", user_id="li.01"), ("Li",)),
        (Mention("Somebody", user_id="nobody"), ()),
        (Mention("Lark", user_id="ou_7d8a6e6df7621556ce0d21922b676706"), ()),
        (Mention("Only a number", phone="+8613800000000"), ()),
        (Mention("Everybody", user_id="all"), ()),
        (Mention("Everybody", user_id="@all"), ()),
        (Mention("Two", user_id="a> <@b"), ()),
    ],
)
def test_who_is_mentioned_is_really_rung(
    group: WecomSimulator, markdown: str, mention: Mention, rung: tuple[str, ...]
) -> None:
    send_one("wecom", {"url": group.webhook}, MESSAGE, markdown=markdown, mentions=[mention])

    assert (group.messages[0].mentioned, group.messages[0].everybody) == (rung, False)


def test_several_people_are_rung_once_each(group: WecomSimulator) -> None:
    mentions = [WANG, WANG, Mention("Li", user_id="li.01")]

    send_one("wecom", {"url": group.webhook}, MESSAGE, markdown="**firing**", mentions=mentions)

    assert group.messages[0].mentioned == ("Wang", "Li")
    assert group.messages[0].text.count("<@") == 2


@pytest.mark.parametrize("typed", ["<@all>", "@all", "@所有人", "<@WangXiaoMing>", "< @all>", "\\<@all\\>"])
@pytest.mark.parametrize("is_markdown", [False, True])
def test_no_text_of_users_calls_anybody(group: WecomSimulator, typed: str, is_markdown: bool) -> None:
    message = replace(MESSAGE, subject=typed, text=f"disk {typed}", markdown=f"disk {typed}" if is_markdown else "")

    send("wecom", {"url": group.webhook}, message)

    [arrived] = group.messages
    assert (arrived.mentioned, arrived.everybody) == ((), False)
    assert "<@" not in arrived.text.replace(" ", "")
    assert "@all" not in arrived.text


@pytest.mark.parametrize("letter", ["x", "磁", "\n", '"', "😀", "\\", "\\*", "<@all>"])
@pytest.mark.parametrize("is_markdown", [False, True])
def test_a_long_text_is_cut_by_its_bytes_and_keeps_its_mentions(
    group: WecomSimulator, letter: str, is_markdown: bool
) -> None:
    text = "begin " + letter * 9000
    message = replace(MESSAGE, text=text, markdown=text if is_markdown else "", mentions=[WANG])

    result = send("wecom", {"url": group.webhook}, message)[0]

    assert result.outcome == Outcome.ACCEPTED
    [arrived] = group.messages
    assert "begin" in arrived.text
    assert "..." in arrived.text
    assert (arrived.kind, arrived.mentioned) == ("markdown" if is_markdown else "text", ("Wang",))
    most = MAX_BYTES if is_markdown else MAX_TEXT_BYTES
    assert most - 30 < len(arrived.text.encode()) <= most


def test_a_crowd_leaves_a_message_that_fits() -> None:
    crowd = [Mention(f"p{number}", user_id=f"user-{number:050d}") for number in range(2000)]
    message = replace(MESSAGE, markdown="x" * 9000, mentions=crowd)

    assert 10 < len(people(crowd)) < 100
    assert len(json.loads(markdown_of(message))["markdown"]["content"].encode()) <= MAX_BYTES
    assert len(json.loads(text_of(message))["text"]["mentioned_list"]) == len(people(crowd))


@pytest.mark.parametrize("code", [40008, 40058, 45002, 44004, 777777])
def test_markdown_that_is_refused_goes_once_more_as_a_text(group: WecomSimulator, code: int) -> None:
    group.refuses_markdown = code

    result = send_one("wecom", {"url": group.webhook}, MESSAGE, markdown="**firing**", mentions=[WANG])

    assert result.outcome == Outcome.ACCEPTED
    assert f"refused the form of the message ({code})" in result.detail
    [message] = group.messages
    assert (message.kind, message.mentioned) == ("text", ("Wang",))
    assert TEXT in message.text
    assert group.requests == 2


@pytest.mark.parametrize("markdown", ["", "**firing**"])
@pytest.mark.parametrize(
    ("errcode", "errmsg", "outcome", "pause"),
    [
        (45009, "api freq out of limit", Outcome.RATE_LIMITED, timedelta(minutes=1)),
        (-1, "system busy", Outcome.TRANSIENT, None),
        (93000, "invalid webhook url", Outcome.PERMANENT_CONFIG, None),
        (93004, "robot removed", Outcome.PERMANENT_CONFIG, None),
        (93008, "not allowed", Outcome.PERMANENT_CONFIG, None),
    ],
)
def test_every_refusal_has_its_class_and_is_not_tried_as_a_text(
    group: WecomSimulator, markdown: str, errcode: int, errmsg: str, outcome: Outcome, pause: timedelta | None
) -> None:
    group.answer_next(errcode, errmsg)

    result = send_one("wecom", {"url": group.webhook}, MESSAGE, markdown=markdown)

    assert (result.outcome, result.code, result.retry_after) == (outcome, str(errcode), pause)
    assert (group.messages, group.requests) == ([], 1)


@pytest.mark.parametrize(
    ("errcode", "outcome"),
    [
        (40008, Outcome.PERMANENT_CONFIG),
        (40058, Outcome.PERMANENT_CONFIG),
        (44004, Outcome.PERMANENT_CONFIG),
        (45002, Outcome.PERMANENT_CONFIG),
        (777777, Outcome.TRANSIENT),
    ],
)
def test_a_text_that_is_refused_has_its_class(group: WecomSimulator, errcode: int, outcome: Outcome) -> None:
    group.answer_next(errcode, "no")

    assert send_one("wecom", {"url": group.webhook}, MESSAGE).outcome == outcome


def test_what_wecom_says_is_kept_without_its_hint(group: WecomSimulator) -> None:
    result = send_one("wecom", {"url": group.webhook.replace(group.key, "wrong")}, MESSAGE)

    assert result.detail.endswith("paste the webhook URL again. (WeCom: 93000 invalid webhook url)")


def test_the_21st_message_in_a_minute_is_too_fast() -> None:
    moments = iter(range(10_000))
    with WecomSimulator(clock=lambda: next(moments)) as group:
        results = send("wecom", {"url": group.webhook}, *[MESSAGE] * 21)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 20 + [Outcome.RATE_LIMITED]


def test_the_limit_stays_under_the_vendors() -> None:
    limit = provider_type("wecom").capabilities.limit

    assert limit is not None
    assert (limit.count, limit.per) == (18, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc", True),
        ("https://proxy.example/cgi-bin/webhook/send?key=abc", True),
        ("http://127.0.0.1:8080/cgi-bin/webhook/send?key=abc", True),
        ("http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc", False),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send", False),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", False),
        ("https://qyapi.weixin.qq.com/cgi-bin/message/send?key=abc", False),
        ("https://[qyapi/cgi-bin/webhook/send?key=abc", False),
        ("", False),
    ],
)
def test_a_webhook_url_is_checked(url: str, is_good: bool) -> None:
    assert list(provider_type("wecom").problems({"url": url})) == ([] if is_good else ["url"])


@pytest.mark.parametrize("field", ["secret", "keyword"])
def test_what_wecom_robots_do_not_have_is_refused(field: str) -> None:
    url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc"

    assert list(provider_type("wecom").problems({"url": url, field: "x"})) == [field]


def test_a_private_address_is_refused_when_it_is_connected_to(group: WecomSimulator) -> None:
    async def run() -> SendResult:
        http = HttpClient()
        try:
            return await provider_type("wecom").open({"url": group.webhook}, http).send(MESSAGE)
        finally:
            await http.aclose()

    result = asyncio.run(run())

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "address")
    assert group.requests == 0
