"""Robots of DingTalk groups, by webhook and of an app.

https://open.dingtalk.com/document/orgapp/custom-robot-access
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from urllib.parse import parse_qs

from tocsin.channels.base import Capabilities, Config, ConfigField, Limit, Provider, ProviderType
from tocsin.channels.groups import form_field, webhook_parts
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.dingtalk.account import app_fields, check_app
from tocsin.channels.providers.dingtalk.app import DingtalkApp
from tocsin.channels.providers.dingtalk.content import MAX_BYTES
from tocsin.channels.providers.dingtalk.ding import DingtalkDing
from tocsin.channels.providers.dingtalk.robot import DingtalkRobot
from tocsin.core.sentences import Sentence

_WHOLE_URL = Sentence(
    "Paste the whole webhook URL that DingTalk shows for the robot: "
    "https://oapi.dingtalk.com/robot/send?access_token=..."
)
_NO_SECRET = Sentence("A signing secret starts with SEC; leave it empty if the robot has none.")

_CAPABILITIES = Capabilities(
    accepted_is_delivered=True,
    # DingTalk mutes a robot for ten minutes after 20 messages in a minute: two are left for whoever else uses it.
    limit=Limit(18, timedelta(minutes=1)),
    max_bytes=MAX_BYTES,
    mentions_by=("phone", "user_id"),
    mentions_channel=Channel.DINGTALK,
    concurrency=4,
)


def _build(config: Config, http: HttpClient) -> Provider:
    return DingtalkRobot(
        http, url=config["url"], secret=config["secret"], keyword=config["keyword"], form=config["form"]
    )


def _check(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    parts = webhook_parts(config["url"])
    if parts is None or not parse_qs(parts.query).get("access_token"):
        found["url"] = _WHOLE_URL
    if config["secret"] and not config["secret"].isascii():
        found["secret"] = _NO_SECRET
    return found


DINGTALK = ProviderType(
    name="dingtalk",
    title="DingTalk robot",
    channel=Channel.DINGTALK,
    capabilities=_CAPABILITIES,
    fields=(
        ConfigField("url", "Webhook URL", is_secret=True),
        ConfigField("secret", "Signing secret", is_secret=True, is_required=False, help="Starts with SEC."),
        ConfigField("keyword", "Keyword", is_required=False, help="Added to messages that do not hold it."),
        form_field("markdown", "card", "text"),
    ),
    build=_build,
    check=_check,
    hosts=("oapi.dingtalk.com", "api.dingtalk.com"),
    is_for_robots=True,
)


DINGTALK_APP = ProviderType(
    name="dingtalk_app",
    title="DingTalk app",
    channel=Channel.DINGTALK,
    # A card has our id, so that a second one is refused. Cards ring people by their user IDs only.
    capabilities=replace(
        _CAPABILITIES, has_buttons=True, can_update=True, resend_is_safe=True, mentions_by=("user_id",)
    ),
    fields=app_fields(),
    build=DingtalkApp,
    check=check_app,
    listens=True,
    looks_up=("phone",),
    chat=ConfigField("chat_id", "Conversation ID", help="The group's openConversationId, like cidXXXXX==."),
)


# Whether a call was answered DingTalk does not say; who reads the DING was reached.
_DING = Capabilities(has_receipts=True, receipt_within=timedelta(minutes=3), can_be_asked=True, concurrency=4)

DINGTALK_DING_PHONE = ProviderType(
    name="dingtalk_ding_phone",
    title="DingTalk DING calls",
    channel=Channel.PHONE,
    capabilities=_DING,
    fields=app_fields(),
    build=partial(DingtalkDing, "phone"),
    check=check_app,
)

DINGTALK_DING_SMS = ProviderType(
    name="dingtalk_ding_sms",
    title="DingTalk DING text messages",
    channel=Channel.SMS,
    capabilities=replace(_DING, receipt_within=timedelta(minutes=15)),
    fields=app_fields(),
    build=partial(DingtalkDing, "sms"),
    check=check_app,
)
