"""Text, Markdown or card, as a robot is set up: what arrives, what is refused, and what users type calls nobody."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulators.dingtalk import DingtalkSimulator
from simulators.lark import LarkSimulator
from simulators.wecom import WecomSimulator
from tests.contracts.sending import ROBOT, TEXT, send_one
from tocsin.channels.base import Mention, Outcome
from tocsin.channels.groups import Note
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.dingtalk.content import payload
from tocsin.channels.providers.lark.content import card_of as lark_card
from tocsin.channels.providers.lark.content import text_of as lark_text
from tocsin.channels.providers.wecom.content import card_of, markdown_of, text_of
from tocsin.channels.registry import provider_type
from tocsin.delivery.dialects import escape_markdown

LINK = "https://alerts.example/a/x1"
MARKED = f"**firing**\n- db\\*1\n\n[Open the alert]({LINK})"
ANN = Mention("Ann", phone="+8613800000001", user_id="ann-id")
TYPED = st.text(alphabet=st.sampled_from("<>@ /=\"'\\&;#[]()*_`~!{}|\n:.ATallatievryhomn所有人全体13800"), max_size=60)


@pytest.mark.parametrize(("form", "kind"), [("markdown", "markdown"), ("card", "actionCard"), ("text", "text")])
def test_a_dingtalk_robot_writes_as_it_is_set_up(form: str, kind: str) -> None:
    with DingtalkSimulator(secret="SECx", keyword="alert", members={"Ann": ("13800000001", "ann-id")}) as group:
        config = {"url": group.webhook, "secret": "SECx", "keyword": "alert", "form": form}
        result = send_one("dingtalk", config, ROBOT, markdown=MARKED, mentions=[ANN])

    assert result.outcome == Outcome.ACCEPTED
    [message] = group.messages
    assert (message.kind, message.mentioned, message.everybody) == (kind, ("Ann",), False)
    assert "alert" in message.text
    assert message.button == (LINK if form == "card" else "")
    assert (LINK in message.text) == (form == "markdown")


@pytest.mark.parametrize(("form", "kind"), [("card", "interactive"), ("text", "text")])
def test_a_lark_robot_writes_as_it_is_set_up(form: str, kind: str) -> None:
    with LarkSimulator() as group:
        send_one("lark", {"url": group.webhook, "form": form}, replace(ROBOT, channel=Channel.LARK), markdown=MARKED)

    assert [message.kind for message in group.messages] == [kind]


@pytest.mark.parametrize(
    ("form", "kinds"), [("markdown", ["markdown"]), ("card", ["template_card", "text"]), ("text", ["text"])]
)
def test_a_wecom_robot_writes_as_it_is_set_up_and_mentions_beside_a_card(form: str, kinds: list[str]) -> None:
    with WecomSimulator(members={"Ann": "ann-id"}) as group:
        message = replace(ROBOT, channel=Channel.WECOM)
        send_one("wecom", {"url": group.webhook, "form": form}, message, markdown=MARKED, mentions=[ANN])

    assert [message.kind for message in group.messages] == kinds
    assert group.messages[-1].mentioned == ("Ann",)
    if form == "card":
        assert group.messages[0].links == (f"[Open the alert]({LINK})",)
        assert group.messages[0].text.startswith("[P1] Disk full\nfiring\n- db*1")


@pytest.mark.parametrize("form", ["markdown", "card"])
@pytest.mark.parametrize("code", [400105, 40035])
def test_what_dingtalk_refuses_as_it_is_goes_out_as_a_text(form: str, code: int) -> None:
    with DingtalkSimulator() as group:
        group.refuses_form = code
        result = send_one("dingtalk", {"url": group.webhook, "form": form}, ROBOT, markdown=MARKED)

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, Note.AS_TEXT)
    assert f"refused the form of the message ({code})" in result.detail
    assert [message.kind for message in group.messages] == ["text"]
    assert TEXT in group.messages[0].text


def test_a_card_that_wecom_refuses_goes_out_as_a_text() -> None:
    with WecomSimulator() as group:
        group.refuses_markdown = 40058
        message = replace(ROBOT, channel=Channel.WECOM)
        result = send_one("wecom", {"url": group.webhook, "form": "card"}, message, markdown=MARKED)

    assert (result.outcome, result.code) == (Outcome.ACCEPTED, Note.AS_TEXT)
    assert [message.kind for message in group.messages] == ["text"]


@pytest.mark.parametrize("platform", ["dingtalk", "lark", "wecom"])
def test_a_form_that_the_platform_has_not_is_refused(platform: str) -> None:
    assert "form" in provider_type(platform).problems({"form": "poem", "url": "https://x.example"})


@given(TYPED)
@settings(max_examples=200)
def test_whatever_is_typed_dingtalk_rings_nobody(typed: str) -> None:
    message = replace(ROBOT, subject=typed, text=typed, markdown=f"{escape_markdown(typed)}\n\n[Open]({LINK})")

    for form in ("markdown", "card", "text"):
        sent = json.loads(payload(message, "", form=form))
        assert sent["at"] == {"atMobiles": [], "atUserIds": [], "isAtAll": False}
        shown = "\n".join(map(str, sent[sent["msgtype"]].values()))
        assert not re.search(r"@\s*(?:all\b|everyone\b|所有人|全体)", shown, re.IGNORECASE)


@example("<AT0")
@example("at<")
@given(TYPED)
@settings(max_examples=200)
def test_whatever_is_typed_lark_rings_nobody(typed: str) -> None:
    message = replace(ROBOT, subject=typed, text=typed, markdown=escape_markdown(typed) or "x")

    card = lark_card(message, "")["card"]
    marked = "".join(element["content"] for element in card["elements"])
    plain = lark_text(message, "")["content"]["text"]
    assert not re.search(r"<\s*/?\s*at", marked + plain, re.IGNORECASE)


@example("< @all")
@example("@<")
@given(TYPED)
@settings(max_examples=200)
def test_whatever_is_typed_wecom_rings_nobody(typed: str) -> None:
    message = replace(ROBOT, subject=typed, text=typed, markdown=f"{escape_markdown(typed)}\n\n[Open]({LINK})")

    text, card = json.loads(text_of(message))["text"], card_of(message)
    assert text["mentioned_list"] == []
    marked = json.loads(markdown_of(message))["markdown"]["content"]
    assert card is not None
    for shown in (text["content"], marked, card.decode()):
        assert not re.search(r"<\s*@", shown)
