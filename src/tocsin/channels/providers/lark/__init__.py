"""Robots of Lark (Feishu) groups, by webhook and of an app.

https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import partial

from tocsin.channels.base import Capabilities, Config, ConfigField, Limit, Provider, ProviderType
from tocsin.channels.groups import form_field, webhook_parts
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.lark.account import app_fields, check_app
from tocsin.channels.providers.lark.app import LarkApp
from tocsin.channels.providers.lark.content import MAX_BYTES
from tocsin.channels.providers.lark.robot import LarkRobot
from tocsin.channels.providers.lark.urgent import LarkUrgent
from tocsin.core.sentences import Sentence

_WHOLE_URL = Sentence(
    "Paste the whole webhook URL that Lark shows for the robot: "
    "https://open.feishu.cn/open-apis/bot/v2/hook/... (or open.larksuite.com)"
)
_NO_SECRET = Sentence("A signing secret has letters and digits only; leave it empty if the robot has none.")

_CAPABILITIES = Capabilities(
    accepted_is_delivered=True,
    # Lark takes 100 messages a minute and 5 a second of a robot; three at once and then 1.5 a second keep below both.
    limit=Limit(6, timedelta(seconds=2)),
    max_bytes=MAX_BYTES,
    mentions_by=("user_id",),
    mentions_channel=Channel.LARK,
    concurrency=4,
)
_PATH = re.compile(r"/bot/v2/hook/[\w-]+/?$")


def _build(config: Config, http: HttpClient) -> Provider:
    return LarkRobot(http, url=config["url"], secret=config["secret"], keyword=config["keyword"], form=config["form"])


def _check(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    parts = webhook_parts(config["url"])
    if parts is None or not _PATH.search(parts.path):
        found["url"] = _WHOLE_URL
    if config["secret"] and not config["secret"].isascii():
        found["secret"] = _NO_SECRET
    return found


LARK = ProviderType(
    name="lark",
    title="Lark robot",
    channel=Channel.LARK,
    capabilities=_CAPABILITIES,
    fields=(
        ConfigField("url", "Webhook URL", is_secret=True),
        ConfigField("secret", "Signing secret", is_secret=True, is_required=False),
        ConfigField("keyword", "Keyword", is_required=False, help="Added to messages that do not hold it."),
        form_field("card", "text"),
    ),
    build=_build,
    check=_check,
    is_for_robots=True,
    hosts=("open.feishu.cn", "open.larksuite.com"),
)


LARK_APP = ProviderType(
    name="lark_app",
    title="Lark app",
    channel=Channel.LARK,
    # A second message with the same uuid is dropped for an hour.
    capabilities=replace(_CAPABILITIES, has_buttons=True, can_update=True, resend_is_safe=True),
    fields=app_fields(),
    build=LarkApp,
    check=check_app,
    listens=True,
    looks_up=("phone", "email"),
    chat=ConfigField("chat_id", "Chat ID", help="Of the group, like oc_a0553eda9014c201e6969b478895c230."),
)


# Whether a call was answered Lark does not say; who reads the message was reached.
_URGENT = Capabilities(has_receipts=True, receipt_within=timedelta(minutes=3), can_be_asked=True, concurrency=4)


LARK_URGENT_PHONE = ProviderType(
    name="lark_urgent_phone",
    title="Lark urgent calls",
    channel=Channel.PHONE,
    capabilities=_URGENT,
    fields=app_fields(),
    build=partial(LarkUrgent, "phone"),
    check=check_app,
)

LARK_URGENT_SMS = ProviderType(
    name="lark_urgent_sms",
    title="Lark urgent text messages",
    channel=Channel.SMS,
    capabilities=replace(_URGENT, receipt_within=timedelta(minutes=15), resend_is_safe=True),
    fields=app_fields(),
    build=partial(LarkUrgent, "sms"),
    check=check_app,
)
