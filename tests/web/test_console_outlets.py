"""The tabs of robots and webhooks: forms, the test and its answer explained, and what nobody gets to see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from simulators.dingtalk import DingtalkSimulator
from simulators.lark import LarkSimulator
from simulators.webhook import WebhookReceiver
from simulators.wecom import WecomSimulator
from tests.stories.harness import Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Robot, Webhook
from tocsin.contacts.queries import robot_config
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Delivery

pytestmark = pytest.mark.django_db
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=verysecret"
WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=verysecret"
ROBOT = {"name": "Ops", "platform": "dingtalk", "url": DINGTALK, "is_enabled": "on"}
HOOK = "https://tickets.example/hook?key=verysecret"
WEBHOOK = {"name": "Tickets", "url": HOOK, "method": "POST", "is_enabled": "on"}


@pytest.fixture
def story() -> Story:
    return begin(utc_now())


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


def post(page: str, typed: dict[str, Any], *args: Any, role: Role = Role.MANAGER) -> Any:
    return signed_in(role).post(reverse(f"console:contacts_{page}", args=args), typed)


def get(page: str, *args: Any, role: Role = Role.MANAGER, **query: Any) -> str:
    reply = signed_in(role).get(reverse(f"console:contacts_{page}", args=args), query)
    assert reply.status_code == 200
    content: str = reply.content.decode()
    return content


def errors(reply: Any) -> dict[str, list[str]]:
    return dict(reply.context["adminform"].form.errors)


def page_after_testing(story: Story, outlet: Robot | Webhook) -> str:
    """The page after a test that the worker has sent."""
    kind = "webhook" if isinstance(outlet, Webhook) else "robot"
    reply = post(f"{kind}_test_{kind}", {}, outlet.pk)
    story.now = utc_now()
    story.passes()
    story.expected |= set(Delivery.objects.filter(attempts__isnull=False).values_list("attempts__pk", flat=True))
    page = signed_in(Role.MANAGER).get(reply["Location"])
    content: str = page.content.decode()
    return content


def test_a_robot_is_made_with_all_that_it_can_have(story: Story) -> None:
    more = {"secret": "SECx", "keyword": "alert", "language": "zh-hans", "time_zone": "Asia/Shanghai"}

    reply = post("robot_add", ROBOT | more | {"sends_daily": "on", "daily_times": "17:00，9:30"})

    assert reply.status_code == 302
    robot = Robot.objects.get()
    assert (robot.url, robot.secret, robot.keyword, robot.language) == (DINGTALK, "SECx", "alert", "zh-hans")
    assert (robot.sends_daily, robot.daily_times, robot.time_zone) == (True, ["09:30", "17:00"], "Asia/Shanghai")
    assert robot.daily_due_at is not None
    assert "17:00 (Asia/Shanghai)" in get("robot_changelist")


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"url": ""}, "url", "Give the whole webhook address"),
        ({"url": "https://10.1.1.1/robot/send?access_token=a"}, "url", "TOCSIN_OUTGOING_ALLOW"),
        ({"url": WECOM}, "url", "whole webhook URL that DingTalk shows"),
        ({"url": "https://ding.example/robot/send?access_token=a"}, "url", "not at ding.example"),
        ({"platform": "wecom", "url": WECOM, "secret": "SECx"}, "secret", "no such field"),
        ({"platform": "wecom", "url": WECOM, "keyword": "alert"}, "keyword", "no such field"),
        ({"daily_times": "25:00"}, "daily_times", "25:00 is no time of day"),
        ({"sends_daily": "on"}, "daily_times", "Name the times of day"),
    ],
)
def test_what_a_robot_cannot_have_is_refused_at_its_field(
    story: Story, typed: dict[str, str], field: str, says: str
) -> None:
    found = errors(post("robot_add", ROBOT | typed))

    assert list(found) == [field]
    assert says in found[field][0]
    assert "verysecret" not in str(found)


def test_a_robot_is_changed_without_typing_its_secrets_again(story: Story) -> None:
    robot = story.robot(DINGTALK, secret="SECx", keyword="alert", sends_daily=True, daily_times=["09:30"])
    page = get("robot_change", robot.pk)
    kept = {"name": "Ops 2", "url": "", "secret": "", "keyword": "alert", "is_enabled": "on", "version": "1",
            "sends_daily": "on", "daily_times": "09:30"}  # fmt: skip

    post("robot_change", kept, robot.pk)

    assert "verysecret" not in page
    assert "SECx" not in page
    robot.refresh_from_db()
    assert (robot.name, robot.url, robot.secret, robot.daily_times) == ("Ops 2", DINGTALK, "SECx", ["09:30"])


def test_a_bot_is_made_with_what_its_kind_needs_and_its_token_is_never_shown(story: Story) -> None:
    typed = {
        "name": "Ops",
        "platform": "slack_bot",
        "token": "xoxb-verysecret",
        "channel": "C0123ABCD",
        "is_enabled": "on",
    }

    refused = errors(post("robot_add", typed | {"channel": "#ops"}))
    reply = post("robot_add", typed)

    assert list(refused) == ["channel"]
    assert reply.status_code == 302
    robot = Robot.objects.get()
    assert (robot.platform, robot.provider, robot.url) == ("slack", "slack_bot", "")
    assert robot_config(robot)["token"] == "xoxb-verysecret"
    page = get("robot_change", robot.pk)
    assert "verysecret" not in page
    assert 'value="C0123ABCD"' in page
    assert 'name="chat"' not in page
    assert "Slack bot" in get("robot_changelist")


def test_a_bot_is_changed_without_typing_its_token_again(story: Story) -> None:
    kept = {"token": "xoxb-verysecret", "channel": "C0123ABCD"}
    robot = story.robot(name="Ops", platform="slack", provider="slack_bot", settings=kept)

    post("robot_change", {"name": "Ops", "token": "", "channel": "C0NEW", "is_enabled": "on", "version": "1"}, robot.pk)

    robot.refresh_from_db()
    config = robot_config(robot)
    assert (config["token"], config["channel"]) == ("xoxb-verysecret", "C0NEW")
    assert post("robot_change", {"name": "Ops", "channel": "", "version": "2"}, robot.pk).status_code == 200


def test_what_another_kind_has_is_not_kept(story: Story) -> None:
    post("robot_add", ROBOT | {"token": "xoxb-1", "channel": "C0123ABCD", "chat": "-1"})

    assert Robot.objects.get().settings == ""


def test_a_wecom_robots_form_has_neither_secret_nor_keyword(story: Story) -> None:
    robot = story.robot(WECOM, platform="wecom")

    page = get("robot_change", robot.pk)

    assert 'name="secret"' not in page
    assert 'name="keyword"' not in page
    assert post("robot_change", {"name": "Renamed", "version": "1"}, robot.pk).status_code == 302
    robot.refresh_from_db()
    assert robot.name == "Renamed"


def test_lists_say_what_uses_a_robot_and_how_it_has_fared(story: Story) -> None:
    with DingtalkSimulator(secret="SECx") as group:
        good, bad = story.robot(group.webhook, secret="SECx"), story.robot(group.webhook, secret="SECwrong")
        policy = story.policy({good: [], bad: []}, name="Databases")
        story.fires("Disk full")
        story.passes(5)
    story.expect_group_message(good)

    page = get("robot_changelist", role=Role.VIEWER)

    assert page.count(reverse("console:policies_notificationpolicy_change", args=[policy.pk])) == 2
    assert "310000: The signature was refused: enter the robot&#x27;s signing secret again." in page
    assert reverse("console:contacts_robot_test_robot", args=[good.pk]) not in page
    assert reverse("console:contacts_robot_test_robot", args=[good.pk]) in get("robot_changelist")
    assert "Databases" in get("robot_delete", good.pk)
    assert page.count("tc-level-bad") == 1


def test_the_daily_statistics_are_switched_and_timed_on_the_tab(story: Story) -> None:
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    typed = {"sends_daily": "on", "daily_times": "17:00, 9:30", "version": robot.version}

    without_times = post("robot_daily", {**typed, "daily_times": ""}, robot.pk)
    without_version = post("robot_daily", {**typed, "version": ""}, robot.pk)
    refused = post("robot_daily", typed, robot.pk, role=Role.RESPONDER)
    saved = post("robot_daily", typed, robot.pk)

    robot.refresh_from_db()
    assert without_times.context["form"].errors == {
        "daily_times": ["Name the times of day at which the statistics are sent."]
    }
    assert "__all__" in without_version.context["form"].errors
    assert refused.status_code == 403
    assert saved.status_code == 302
    assert robot.daily_times == ["09:30", "17:00"]
    assert robot.daily_due_at is not None
    link = reverse("console:contacts_robot_daily", args=[robot.pk])
    assert link in get("robot_changelist")
    assert link not in get("robot_changelist", role=Role.VIEWER)
    assert "09:30, 17:00" in get("robot_changelist", role=Role.VIEWER)


def test_the_tab_and_the_dialog_of_webhooks_lead_to_how_a_signature_is_checked() -> None:
    anchor = reverse("console:help") + "#webhooks"

    assert anchor in get("webhook_changelist", role=Role.VIEWER)
    assert anchor in get("webhook_add")
    assert "whsec_" in signed_in(Role.VIEWER).get(reverse("console:help")).text


@pytest.mark.parametrize(
    ("change", "verdict", "advice"),
    [
        ({}, "It arrived", ""),
        ({"secret": "SECwrong"}, "It does not work as it is set up", "Copy the signing secret again"),
        ({"keyword": "other"}, "It does not work as it is set up", "Look the keyword up in the group"),
    ],
)
def test_a_dingtalk_robots_test_shows_its_answer_explained(
    story: Story, change: dict[str, str], verdict: str, advice: str
) -> None:
    with DingtalkSimulator(secret="SECx", keyword="alert") as group:
        robot = story.robot(group.webhook, **{"secret": "SECx", "keyword": "alert"} | change)
        page = page_after_testing(story, robot)

    assert verdict in page
    assert advice in page
    assert ("310000" in page) == bool(advice)
    assert "hx-get" not in page.partition('id="outlet-answer"')[2].partition(">")[0]


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        (19001, "param invalid", "copy the webhook URL"),
        (19022, "Ip Not Allowed", "Add the public address of this server"),
        (19024, "Key Words Not Found", "Look the keyword up in the group"),
    ],
)
def test_larks_answers_are_explained(story: Story, code: int, message: str, advice: str) -> None:
    with LarkSimulator() as group:
        robot = story.robot(group.webhook, platform="lark")
        group.answer_next(code, message)
        page = page_after_testing(story, robot)

    assert message in page
    assert advice in page


def test_a_test_over_the_platforms_limit_says_when_it_is_tried_again(story: Story) -> None:
    with WecomSimulator() as group:
        robot = story.robot(group.webhook, platform="wecom")
        group.answer_next(45009, "api freq out of limit")
        page = page_after_testing(story, robot)

    assert "Too many messages just now" in page
    assert "limit is reached" in page
    assert "Next try:" in page


def test_a_test_that_no_worker_has_sent_yet_is_followed(story: Story) -> None:
    robot = story.robot(DINGTALK)

    reply = post("robot_test_robot", {}, robot.pk)
    page = signed_in(Role.MANAGER).get(reply["Location"]).content.decode()

    assert "no worker is running" in page
    assert 'hx-trigger="every 1s"' in page
    Delivery.objects.update(next_at=None)


def test_only_a_test_of_this_robot_is_shown(story: Story) -> None:
    robot, other = story.robot(DINGTALK), story.robot(DINGTALK)
    post("robot_test_robot", {}, other.pk)
    delivery = Delivery.objects.get()
    Delivery.objects.update(next_at=None)
    url = reverse("console:contacts_robot_test_robot", args=[robot.pk])

    for asked in (delivery.pk, "x", "9" * 30, "-1"):
        assert signed_in(Role.MANAGER).get(url, {"delivery": asked}).status_code == 404
    assert post("robot_test_robot", {}, robot.pk, role=Role.RESPONDER).status_code == 403


def test_a_webhook_is_made_with_headers_and_templates(story: Story) -> None:
    typed = {"headers": "X-Token: verysecret\r\n\r\nX-Team: a:b", "parameters": "channel: ops", "secret": "0123456789"}

    reply = post(
        "webhook_add", WEBHOOK | typed | {"body": '{"text": "$content"}', "recovery_body": '{"over": "$title"}'}
    )

    assert reply.status_code == 302
    webhook = Webhook.objects.get()
    assert webhook.headers == '{"X-Token": "verysecret", "X-Team": "a:b"}'
    assert (webhook.parameters, webhook.body, webhook.secret) == (
        '{"channel": "ops"}', '{"text": "$content"}', "0123456789",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"url": ""}, "url", "starting with https://"),
        ({"url": "http://192.168.1.2/hook"}, "url", "TOCSIN_OUTGOING_ALLOW"),
        ({"headers": "no colon"}, "headers", "Write one a line"),
        ({"headers": "A: 1\nA: 2"}, "headers", "A stands there twice"),
        ({"headers": "webhook-id: 1"}, "headers", "set by Tocsin"),
        ({"body": '{"text": $content'}, "body", "this is not JSON"),
        ({"secret": "short"}, "secret", "at least 8 characters"),
    ],
)
def test_what_a_webhook_cannot_have_is_refused_at_its_field(
    story: Story, typed: dict[str, str], field: str, says: str
) -> None:
    found = errors(post("webhook_add", WEBHOOK | typed))

    assert list(found) == [field]
    assert says in found[field][0]


def test_a_webhook_is_changed_without_typing_its_secrets_again_and_shows_an_example(story: Story) -> None:
    webhook = story.webhook(HOOK, headers={"X-Token": "verysecret"}, secret="verysecret-2", name="Tickets")
    page = get("webhook_change", webhook.pk)
    kept = {"name": "Tickets 2", "url": "", "method": "POST", "headers": "X-Token: ***\nX-New: 1", "version": "1"}

    post("webhook_change", kept, webhook.pk)

    assert "verysecret" not in page
    assert "X-Token: ***" in page
    assert "POST tickets.example" in page
    assert "&quot;alertname&quot;: &quot;DiskFull&quot;" in page
    assert "&quot;status&quot;: &quot;resolved&quot;" in page
    webhook.refresh_from_db()
    assert webhook.headers == '{"X-Token": "verysecret", "X-New": "1"}'
    assert (webhook.url, webhook.secret, webhook.is_enabled) == (HOOK, "verysecret-2", False)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_those_who_only_look_see_the_host_and_nothing_else_of_a_webhook(story: Story, role: Role) -> None:
    webhook = story.webhook(HOOK, headers={"X-Token": "verysecret"}, body="my template")

    page = get("webhook_change", webhook.pk, role=role)

    assert "POST tickets.example" in page
    assert "verysecret" not in page
    assert "my template" not in page
    assert post("webhook_change", {"name": "x", "version": "1"}, webhook.pk, role=role).status_code == 403


def test_a_webhooks_test_shows_status_answer_and_duration(story: Story, receiver: WebhookReceiver) -> None:
    webhook = story.webhook(receiver.webhook)
    receiver.answer_next(201, "ticket <b>42</b> opened")

    page = page_after_testing(story, webhook)

    assert "It arrived" in page
    assert "<dd>201</dd>" in page
    assert "ticket &lt;b&gt;42&lt;/b&gt; opened" in page
    assert " ms</dd>" in page


def test_a_webhooks_refusal_says_what_to_do(story: Story, receiver: WebhookReceiver) -> None:
    webhook = story.webhook(receiver.webhook)
    receiver.answer_next(405, "use GET")

    page = page_after_testing(story, webhook)

    assert "It does not work as it is set up" in page
    assert "choose POST or GET" in page


def test_answers_are_told_in_the_readers_language(story: Story) -> None:
    with LarkSimulator() as group:
        robot = story.robot(group.webhook, platform="lark")
        group.answer_next(19021, "sign match fail")
        page_after_testing(story, robot)
    url = reverse("console:contacts_robot_test_robot", args=[robot.pk])

    page = signed_in(Role.MANAGER).get(
        url, {"delivery": Delivery.objects.get().pk}, headers={"accept-language": "zh-hans"}
    )

    assert "请从机器人的安全设置中重新复制签名密钥" in page.content.decode()


def test_a_failure_of_long_ago_is_told_whole_in_the_readers_language(story: Story) -> None:
    with DingtalkSimulator(secret="SECx") as group:
        robot = story.robot(group.webhook, secret="SECwrong")
        page_after_testing(story, robot)

    page = signed_in(Role.VIEWER).get(
        reverse("console:contacts_robot_changelist"), headers={"accept-language": "zh-hans"}
    )

    assert "310000: 签名" in page.content.decode()
