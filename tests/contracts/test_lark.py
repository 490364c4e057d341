"""Lark robots against a server as strict as the vendor's: what arrives, who is rung, what each refusal is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from simulators.lark import LarkSimulator
from tests.contracts.sending import ROBOT, TEXT, send, send_one
from tocsin.channels.base import Mention, Outcome, SendResult
from tocsin.channels.groups import as_json
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.lark.content import MAX_BYTES, card_of, people, text_of
from tocsin.channels.providers.lark.robot import signature
from tocsin.channels.registry import provider_type

WANG_ID = "ou_7d8a6e6df7621556ce0d21922b676706"
MEMBERS = {"Wang": WANG_ID, "Li": "ou_li"}
WANG = Mention("王小明", phone="+8613800000000", user_id=WANG_ID)
MESSAGE = replace(ROBOT, channel=Channel.LARK)


@pytest.fixture
def group() -> Iterator[LarkSimulator]:
    with LarkSimulator(secret="demo", keyword="告警", members=MEMBERS) as running:
        yield running


def config_for(group: LarkSimulator, **more: str) -> dict[str, str]:
    return {"url": group.webhook, "secret": group.secret, "keyword": group.keyword, **more}


def test_a_signature_is_the_vendors() -> None:
    assert signature(100, "demo") == "jquNHnVOwmDRfw+vqTIrY5dooJAgi5EcRtLsQE4wfXg="
    assert signature(1599360473, "demo") == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="


def test_a_text_arrives_signed_with_its_keyword(group: LarkSimulator) -> None:
    result = send_one("lark", config_for(group), MESSAGE)

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, "0")
    [message] = group.messages
    assert (message.kind, message.text) == ("text", f"[P1] Disk full\n{TEXT}\n告警")
    assert (message.mentioned, message.everybody) == ((), False)


def test_a_keyword_that_is_there_is_not_added(group: LarkSimulator) -> None:
    send_one("lark", config_for(group), MESSAGE, text="告警: disk full")

    assert group.messages[0].text == "[P1] Disk full\n告警: disk full"


def test_markdown_becomes_a_card_in_which_what_users_typed_stays_text(group: LarkSimulator) -> None:
    send_one(
        "lark",
        config_for(group),
        MESSAGE,
        subject="[P1] a*b",
        markdown="**firing**\n- a\\*b \\[x\\]\\(http://evil\\)",
        mentions=[WANG],
        urgent=True,
    )

    [message] = group.messages
    assert (message.kind, message.title) == ("interactive", "[P1] a*b")
    assert message.raw == f"**firing**\n- a&#42;b &#91;x&#93;&#40;http://evil&#41;\n<at id={WANG_ID}></at>"
    assert "a*b [x](http://evil)" in message.text
    assert message.text.endswith("\n告警")
    assert message.mentioned == ("Wang",)


@pytest.mark.parametrize("markdown", ["", "**firing**"])
@pytest.mark.parametrize(
    ("mention", "rung"),
    [
        (WANG, ("Wang",)),
        (Mention('W"<a>&', user_id=WANG_ID), ("Wang",)),
        (Mention("Somebody", user_id="ou_nobody"), ()),
        (Mention("Staff ID", user_id="manager4220"), ()),
        (Mention("Only a number", phone="+8613800000000"), ()),
        (Mention("Everybody", user_id="all"), ()),
        (Mention("Nobody"), ()),
    ],
)
def test_who_is_mentioned_is_really_rung(
    group: LarkSimulator, markdown: str, mention: Mention, rung: tuple[str, ...]
) -> None:
    send_one("lark", config_for(group), MESSAGE, markdown=markdown, mentions=[mention])

    assert (group.messages[0].mentioned, group.messages[0].everybody) == (rung, False)


def test_several_people_are_rung_once_each(group: LarkSimulator) -> None:
    send_one("lark", config_for(group), MESSAGE, mentions=[WANG, WANG, Mention("Li", user_id="ou_li")])

    assert group.messages[0].mentioned == ("Wang", "Li")
    assert group.messages[0].raw.count("<at ") == 2


@pytest.mark.parametrize(
    "typed",
    [
        '<at user_id="all">所有人</at>',
        "<at id=all></at>",
        "< AT id=all></at>",
        '<at\tuser_id="all">x</at>',
        "@all",
        "@所有人",
        "&lt;at id=all&gt;&lt;/at&gt;",
        f'<at user_id="{WANG_ID}">x</at>',
    ],
)
@pytest.mark.parametrize("is_card", [False, True])
def test_no_text_of_users_calls_anybody(group: LarkSimulator, typed: str, is_card: bool) -> None:
    message = replace(MESSAGE, subject=typed, text=f"disk {typed}", markdown=f"disk {typed}" if is_card else "")

    send("lark", config_for(group), message)

    [arrived] = group.messages
    assert (arrived.mentioned, arrived.everybody) == ((), False)
    assert "<at" not in arrived.raw.lower().replace(" ", "")
    assert "&lt;" not in arrived.raw or not is_card


@pytest.mark.parametrize("letter", ["x", "磁", "\n", '"', "😀", "\\", "\\*", "<at id=all></at>"])
@pytest.mark.parametrize("is_card", [False, True])
def test_a_long_text_is_cut_and_keeps_mentions_and_keyword(group: LarkSimulator, letter: str, is_card: bool) -> None:
    text = "begin " + letter * 30_000
    message = replace(MESSAGE, text=text, markdown=text if is_card else "", mentions=[WANG])

    result = send("lark", config_for(group), message)[0]

    assert result.outcome == Outcome.ACCEPTED
    [arrived] = group.messages
    assert "begin" in arrived.text
    assert "..." in arrived.text
    assert arrived.text.endswith("告警")
    assert (arrived.kind, arrived.mentioned) == ("interactive" if is_card else "text", ("Wang",))
    build = card_of if is_card else text_of
    assert MAX_BYTES - 500 < len(as_json(build(message, group.keyword))) <= MAX_BYTES


def test_a_crowd_leaves_a_message_that_fits() -> None:
    crowd = [Mention(f"Person {number}", user_id=f"ou_{number:032d}") for number in range(2000)]

    assert len(people(crowd)) == 100
    assert len(as_json(card_of(replace(MESSAGE, markdown="x" * 30_000, mentions=crowd), "k"))) <= MAX_BYTES


@pytest.mark.parametrize("code", [9499, 11246, 11310, 230099, 230025, 777777])
def test_a_card_that_is_refused_goes_once_more_as_a_text(group: LarkSimulator, code: int) -> None:
    group.refuses_cards = code

    result = send_one("lark", config_for(group), MESSAGE, markdown="**firing**", mentions=[WANG])

    assert result.outcome == Outcome.ACCEPTED
    assert f"refused the card ({code})" in result.detail
    [message] = group.messages
    assert (message.kind, message.mentioned) == ("text", ("Wang",))
    assert TEXT in message.text
    assert group.requests == 2


@pytest.mark.parametrize("markdown", ["", "**firing**"])
@pytest.mark.parametrize(
    ("code", "msg", "outcome", "pause"),
    [
        (11232, "frequency limited", Outcome.RATE_LIMITED, timedelta(seconds=15)),
        (11247, "frequency limited", Outcome.RATE_LIMITED, timedelta(seconds=15)),
        (19001, "param invalid: incoming webhook access token invalid", Outcome.PERMANENT_CONFIG, None),
        (19021, "sign match fail", Outcome.PERMANENT_CONFIG, None),
        (19022, "Ip Not Allowed", Outcome.PERMANENT_CONFIG, None),
        (19024, "Key Words Not Found", Outcome.PERMANENT_CONFIG, None),
        (230002, "bot not in chat", Outcome.PERMANENT_CONFIG, None),
        (230013, "not in availability range", Outcome.PERMANENT_CONFIG, None),
        (230027, "no permission", Outcome.PERMANENT_CONFIG, None),
        (232009, "chat dissolved", Outcome.PERMANENT_CONFIG, None),
        (230022, "sensitive", Outcome.PERMANENT_TARGET, None),
        (230028, "dlp", Outcome.PERMANENT_TARGET, None),
    ],
)
def test_every_refusal_has_its_class_and_is_not_tried_as_a_text(
    group: LarkSimulator, markdown: str, code: int, msg: str, outcome: Outcome, pause: timedelta | None
) -> None:
    group.answer_next(code, msg)

    result = send_one("lark", config_for(group), MESSAGE, markdown=markdown)

    assert (result.outcome, result.code, result.retry_after) == (outcome, str(code), pause)
    assert (group.messages, group.requests) == ([], 1)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (9499, Outcome.PERMANENT_CONFIG),
        (230025, Outcome.PERMANENT_TARGET),
        (777777, Outcome.TRANSIENT),
    ],
)
def test_a_text_that_is_refused_has_its_class(group: LarkSimulator, code: int, outcome: Outcome) -> None:
    group.answer_next(code, "no")

    assert send_one("lark", config_for(group), MESSAGE).outcome == outcome


def test_lark_says_how_long_to_wait(group: LarkSimulator) -> None:
    group.answer_next(99991400, "request trigger frequency limit", **{"x-ogw-ratelimit-reset": "42"})

    result = send_one("lark", config_for(group), MESSAGE)

    assert (result.outcome, result.retry_after) == (Outcome.RATE_LIMITED, timedelta(seconds=42))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"secret": "wrong"}, "signing secret again"),
        ({"secret": ""}, "signing secret again"),
        ({"keyword": ""}, "enter it as the robot's keyword"),
    ],
)
def test_a_wrong_setting_is_named(group: LarkSimulator, change: dict[str, str], says: str) -> None:
    result = send_one("lark", config_for(group, **change), MESSAGE, markdown="**firing**")

    assert result.outcome == Outcome.PERMANENT_CONFIG
    assert says in result.detail
    assert group.messages == []


def test_the_limit_stays_under_both_of_the_vendors() -> None:
    limit = provider_type("lark").capabilities.limit
    assert limit is not None
    burst = limit.count // 2
    rate = (limit.count - burst) / limit.per.total_seconds()

    assert burst + rate * 1 <= 5
    assert burst + rate * 60 <= 100


def test_the_sixth_message_in_a_second_is_too_fast() -> None:
    with LarkSimulator(clock=lambda: 1000.0) as group:
        results = send("lark", {"url": group.webhook}, *[MESSAGE] * 6)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 5 + [Outcome.RATE_LIMITED]


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://open.feishu.cn/open-apis/bot/v2/hook/abc-123", True),
        ("https://open.larksuite.com/open-apis/bot/v2/hook/abc-123", True),
        ("https://proxy.example/lark/bot/v2/hook/abc-123", True),
        ("http://127.0.0.1:8080/open-apis/bot/v2/hook/abc-123", True),
        ("http://open.feishu.cn/open-apis/bot/v2/hook/abc-123", False),
        ("https://open.feishu.cn/open-apis/bot/hook/abc-123", False),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/", False),
        ("https://oapi.dingtalk.com/robot/send?access_token=abc", False),
        ("https://[open/open-apis/bot/v2/hook/abc", False),
        ("", False),
    ],
)
def test_a_webhook_url_is_checked(url: str, is_good: bool) -> None:
    assert list(provider_type("lark").problems({"url": url})) == ([] if is_good else ["url"])


def test_a_secret_that_cannot_be_one_is_refused() -> None:
    config = {"url": "https://open.feishu.cn/open-apis/bot/v2/hook/abc", "secret": "加签"}

    assert list(provider_type("lark").problems(config)) == ["secret"]


def test_a_private_address_is_refused_when_it_is_connected_to(group: LarkSimulator) -> None:
    async def run() -> SendResult:
        http = HttpClient()
        try:
            return await provider_type("lark").open(config_for(group), http).send(MESSAGE)
        finally:
            await http.aclose()

    result = asyncio.run(run())

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "address")
    assert group.requests == 0
