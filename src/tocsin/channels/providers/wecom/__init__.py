"""Robots of WeCom groups. https://developer.work.weixin.qq.com/document/path/99110"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs

from tocsin.channels.base import Capabilities, Config, ConfigField, Limit, Provider, ProviderType
from tocsin.channels.groups import form_field, webhook_parts
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.wecom.app import WecomApp, app_fields, check_app
from tocsin.channels.providers.wecom.content import MAX_BYTES
from tocsin.channels.providers.wecom.robot import WecomRobot
from tocsin.core.sentences import Sentence

_WHOLE_URL = Sentence(
    "Paste the whole webhook URL that WeCom shows for the robot: "
    "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=..."
)

_CAPABILITIES = Capabilities(
    accepted_is_delivered=True,
    # WeCom takes 20 messages a minute of a robot: two are left for whoever else uses it.
    limit=Limit(18, timedelta(minutes=1)),
    max_bytes=MAX_BYTES,
    mentions_by=("user_id",),
    mentions_channel=Channel.WECOM,
    concurrency=4,
)


def _build(config: Config, http: HttpClient) -> Provider:
    return WecomRobot(http, url=config["url"], form=config["form"])


def _check(config: Config) -> dict[str, str]:
    parts = webhook_parts(config["url"])
    if parts is None or not parts.path.endswith("/webhook/send") or not parse_qs(parts.query).get("key"):
        return {"url": _WHOLE_URL}
    return {}


WECOM = ProviderType(
    name="wecom",
    title="WeCom robot",
    channel=Channel.WECOM,
    capabilities=_CAPABILITIES,
    fields=(
        ConfigField("url", "Webhook URL", is_secret=True),
        form_field("markdown", "card", "text"),
    ),
    build=_build,
    check=_check,
    is_for_robots=True,
    hosts=("qyapi.weixin.qq.com",),
)


WECOM_APP = ProviderType(
    name="wecom_app",
    title="WeCom app",
    channel=Channel.WECOM,
    capabilities=_CAPABILITIES,
    fields=app_fields(),
    build=WecomApp,
    check=check_app,
    looks_up=("phone", "email"),
    chat=ConfigField("chat_id", "Chat ID of WeCom", help="Of a group that the app made, as it named it."),
)
