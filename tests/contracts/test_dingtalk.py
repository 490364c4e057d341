"""DingTalk robots against a server as strict as the vendor's: what arrives, who is rung, what each refusal is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from simulators.dingtalk import DingtalkSimulator
from tests.contracts.sending import ROBOT, TEXT, send, send_one
from tocsin.channels.base import Mention, Outcome, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.dingtalk.content import MAX_BYTES, payload, people
from tocsin.channels.providers.dingtalk.robot import signature
from tocsin.channels.registry import provider_type

MEMBERS = {"Wang": ("13800000000", "manager4220"), "Li": ("13900000001", "li01"), "Kwok": ("+852-91234567", "")}
WANG = Mention("王小明", phone="+8613800000000")


@pytest.fixture
def group() -> Iterator[DingtalkSimulator]:
    with DingtalkSimulator(secret="SECdemo0123456789", keyword="告警", members=MEMBERS) as running:
        yield running


def config_for(group: DingtalkSimulator, **more: str) -> dict[str, str]:
    return {"url": group.webhook, "secret": group.secret, "keyword": group.keyword, **more}


def test_a_signature_is_the_vendors() -> None:
    assert signature(1700000000000, "SECdemo0123456789") == "ww0uYz9hgC%2F%2Fla1LzHCxhiH8ja6t5XU0VlJXBRQKVAA%3D"


def test_a_text_arrives_signed_with_its_keyword(group: DingtalkSimulator) -> None:
    result = send_one("dingtalk", config_for(group), ROBOT)

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, "0")
    [message] = group.messages
    assert (message.kind, message.text) == ("text", f"[P1] Disk full\n{TEXT}\n告警")
    assert (message.mentioned, message.everybody) == ((), False)


def test_a_keyword_that_is_there_is_not_added(group: DingtalkSimulator) -> None:
    send_one("dingtalk", config_for(group), ROBOT, text="告警: disk full")

    assert group.messages[0].text == "[P1] Disk full\n告警: disk full"


def test_markdown_is_shown_as_markdown(group: DingtalkSimulator) -> None:
    send_one(
        "dingtalk", config_for(group), ROBOT, subject="[P1] a*b 告警", markdown="**firing**\n- one", mentions=[WANG]
    )

    [message] = group.messages
    assert message.kind == "markdown"
    assert message.title == "[P1] a*b 告警"
    assert message.text == "### \\[P1\\] a\\*b 告警\n\n**firing**  \n- one\n\n@13800000000"
    assert message.mentioned == ("Wang",)


@pytest.mark.parametrize("markdown", ["", "**firing**"])
@pytest.mark.parametrize(
    ("mention", "rung"),
    [
        (WANG, ("Wang",)),
        (Mention("王", user_id="manager4220"), ("Wang",)),
        (Mention("王", phone="+8613999999999", user_id="manager4220"), ("Wang",)),
        (Mention("Kwok", phone="+85291234567"), ("Kwok",)),
        (Mention("Somebody", phone="+8613700000000"), ()),
        (Mention("Somebody", user_id="ou_7d8a6e6df7621556ce0d21922b676706"), ()),
        (Mention("Nobody"), ()),
    ],
)
def test_who_is_mentioned_is_really_rung(
    group: DingtalkSimulator, markdown: str, mention: Mention, rung: tuple[str, ...]
) -> None:
    send_one("dingtalk", config_for(group), ROBOT, markdown=markdown, mentions=[mention])

    assert group.messages[0].mentioned == rung


def test_several_people_are_rung_once_each(group: DingtalkSimulator) -> None:
    send_one("dingtalk", config_for(group), ROBOT, mentions=[WANG, WANG, Mention("Li", user_id="li01")])

    assert group.messages[0].mentioned == ("Wang", "Li")
    assert group.messages[0].text.endswith("\n@13800000000 @li01\n\n告警")


@pytest.mark.parametrize("typed", ["@all", "@所有人", "@ everyone", "@All 请处理", "@全体成员", "@all请"])
def test_no_text_of_users_calls_everybody(group: DingtalkSimulator, typed: str) -> None:
    send_one(
        "dingtalk",
        config_for(group),
        ROBOT,
        subject=typed,
        text=f"disk {typed}",
        mentions=[Mention("x", user_id="all"), Mention("y", user_id="@all"), Mention("z", user_id="a b")],
    )

    [message] = group.messages
    assert typed not in message.text
    assert message.text.count("\uff20") == 2
    assert (message.mentioned, message.everybody) == ((), False)


def test_addresses_in_texts_stay_readable() -> None:
    message = replace(ROBOT, text="mail bob@allen.example and ops@example.org")

    assert "bob@allen.example and ops@example.org" in json.loads(payload(message, ""))["text"]["content"]


@pytest.mark.parametrize("letter", ["x", "磁", "\n", '"', "😀", "\\"])
@pytest.mark.parametrize("markdown", [False, True])
def test_a_long_text_is_cut_and_keeps_mentions_and_keyword(
    group: DingtalkSimulator, letter: str, markdown: bool
) -> None:
    text = "begin " + letter * 30_000
    message = replace(ROBOT, text=text, markdown=text if markdown else "", mentions=[WANG])

    result = send("dingtalk", config_for(group), message)[0]

    assert result.outcome == Outcome.ACCEPTED
    [arrived] = group.messages
    assert "begin" in arrived.text
    assert "..." in arrived.text
    assert arrived.text.endswith("@13800000000\n\n告警")
    assert arrived.mentioned == ("Wang",)
    size = len(payload(message, group.keyword))
    assert MAX_BYTES - 20 < size <= MAX_BYTES


def test_a_keyword_in_the_part_that_is_cut_is_added_again() -> None:
    content = json.loads(payload(replace(ROBOT, text="x" * 25_000 + "告警"), "告警"))["text"]["content"]

    assert content.endswith("...\n告警")


def test_more_mentions_than_fit_leave_a_message_that_fits() -> None:
    crowd = [Mention(f"p{number}", phone=f"+86138{number:08d}", user_id="u" * 100) for number in range(2000)]

    assert len(payload(replace(ROBOT, mentions=crowd), "")) <= MAX_BYTES
    assert 30 < len(people(crowd).mobiles) < 400


@pytest.mark.parametrize(
    ("errcode", "errmsg", "outcome", "pause"),
    [
        (130101, "send too fast, exceed 20 times per minute", Outcome.RATE_LIMITED, timedelta(minutes=10)),
        (410100, "发送速度太快而限流", Outcome.RATE_LIMITED, timedelta(minutes=1)),
        (90018, "qps limit", Outcome.RATE_LIMITED, timedelta(minutes=10)),
        (90030, "flow control", Outcome.RATE_LIMITED, timedelta(minutes=10)),
        (-1, "系统繁忙", Outcome.TRANSIENT, None),
        (310000, "keywords not in content, more: [https://ding-doc]", Outcome.PERMANENT_CONFIG, None),
        (310000, "sign not match", Outcome.PERMANENT_CONFIG, None),
        (310000, "ip 203.0.113.7 not in whitelist", Outcome.PERMANENT_CONFIG, None),
        (300001, "token is not exist", Outcome.PERMANENT_CONFIG, None),
        (300005, "token is not exist", Outcome.PERMANENT_CONFIG, None),
        (400101, "token", Outcome.PERMANENT_CONFIG, None),
        (400102, "robot stopped", Outcome.PERMANENT_CONFIG, None),
        (400106, "robot not in group", Outcome.PERMANENT_CONFIG, None),
        (400013, "group disbanded", Outcome.PERMANENT_CONFIG, None),
        (40035, "missing parameter", Outcome.PERMANENT_CONFIG, None),
        (43002, "need POST", Outcome.PERMANENT_CONFIG, None),
        (43004, "content-type", Outcome.PERMANENT_CONFIG, None),
        (400105, "unsupported msgtype", Outcome.PERMANENT_CONFIG, None),
        (88, "auth", Outcome.PERMANENT_CONFIG, None),
        (460101, "message too long, exceed 20000 bytes", Outcome.PERMANENT_TARGET, None),
        (777777, "something new", Outcome.TRANSIENT, None),
    ],
)
def test_every_refusal_has_its_class(
    group: DingtalkSimulator, errcode: int, errmsg: str, outcome: Outcome, pause: timedelta | None
) -> None:
    group.answer_next(errcode, errmsg)

    result = send_one("dingtalk", config_for(group), ROBOT)

    assert (result.outcome, result.code, result.retry_after) == (outcome, str(errcode), pause)
    assert group.messages == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"secret": "SECwrong"}, "signing secret again"),
        ({"secret": ""}, "enter the robot's signing secret"),
        ({"keyword": ""}, "enter it as the robot's keyword"),
    ],
)
def test_a_wrong_setting_is_named(group: DingtalkSimulator, change: dict[str, str], says: str) -> None:
    result = send_one("dingtalk", config_for(group, **change), ROBOT)

    assert result.outcome == Outcome.PERMANENT_CONFIG
    assert says in result.detail
    assert group.messages == []


def test_a_message_with_an_unsafe_link_goes_once_more_without_it(group: DingtalkSimulator) -> None:
    group.call_unsafe("https://bad.example")
    message = replace(ROBOT, text="see https://bad.example/x?y=1 now", markdown="[open](https://bad.example/a) 告警")

    results = send("dingtalk", config_for(group), message, replace(message, markdown=""))

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert "without its links" in results[0].detail
    assert [sent.text.split("\n\n")[1:] for sent in group.messages[:1]] == [["open 告警"]]
    assert group.messages[1].text.splitlines()[1] == "see (link removed) now"
    assert group.requests == 4


def test_content_that_stays_unsafe_is_not_tried_a_third_time(group: DingtalkSimulator) -> None:
    group.call_unsafe("disk")

    result = send_one("dingtalk", config_for(group), ROBOT, text="disk 告警")

    assert (result.outcome, result.code) == (Outcome.PERMANENT_TARGET, "430101")
    assert group.requests == 2


def test_the_21st_message_in_a_minute_mutes_the_robot() -> None:
    moments = iter(range(0, 10_000, 1))
    with DingtalkSimulator(clock=lambda: next(moments)) as group:
        results = send("dingtalk", {"url": group.webhook}, *[ROBOT] * 22)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 20 + [Outcome.RATE_LIMITED] * 2
    assert results[20].retry_after == timedelta(minutes=10)


def test_the_limit_stays_under_the_vendors() -> None:
    limit = provider_type("dingtalk").capabilities.limit

    assert limit is not None
    assert (limit.count, limit.per) == (18, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://oapi.dingtalk.com/robot/send?access_token=abc", True),
        ("https://ding.intranet.example/robot/send?access_token=abc", True),
        ("http://127.0.0.1:8080/robot/send?access_token=abc", True),
        ("http://oapi.dingtalk.com/robot/send?access_token=abc", False),
        ("https://oapi.dingtalk.com/robot/send", False),
        ("https://oapi.dingtalk.com/robot/send?access_token=", False),
        ("https://[oapi/robot/send?access_token=abc", False),
        ("oapi.dingtalk.com/robot/send?access_token=abc", False),
        ("", False),
    ],
)
def test_a_webhook_url_is_checked(url: str, is_good: bool) -> None:
    assert list(provider_type("dingtalk").problems({"url": url})) == ([] if is_good else ["url"])


def test_a_secret_that_cannot_be_one_is_refused() -> None:
    config = {"url": "https://oapi.dingtalk.com/robot/send?access_token=abc", "secret": "加签"}

    assert list(provider_type("dingtalk").problems(config)) == ["secret"]


def test_a_private_address_is_refused_when_it_is_connected_to(group: DingtalkSimulator) -> None:
    async def run() -> SendResult:
        http = HttpClient()
        try:
            return await provider_type("dingtalk").open(config_for(group), http).send(ROBOT)
        finally:
            await http.aclose()

    result = asyncio.run(run())

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "address")
    assert group.requests == 0
