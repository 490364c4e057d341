"""Bots in Telegram groups and channels. https://core.telegram.org/bots/api"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from tocsin.channels.base import Capabilities, Config, ConfigField, Limit, LimitScope, Provider, ProviderType
from tocsin.channels.groups import webhook_parts
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.telegram.app import TelegramApp
from tocsin.channels.providers.telegram.bot import TelegramBot
from tocsin.core.sentences import Sentence

_NO_TOKEN = Sentence("Paste the whole token that @BotFather gave: digits, a colon, and 35 letters or so.")
_NO_CHAT = Sentence("Give the number of the group, like -1001234567890, or the @name of a public one.")
_NO_TOPIC = Sentence("Give the number of the topic: the last but one in a message's link.")
_NO_API = Sentence("Give the whole address, starting with https://.")
_TOKEN = re.compile(r"\d{3,20}:[\w-]{10,100}", re.ASCII)
_CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z]\w{3,31}", re.ASCII)


def _build(config: Config, http: HttpClient) -> Provider:
    return TelegramBot(http, api=config["api"], token=config["token"], chat=config["chat"], topic=config["topic"])


def _check_app(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not _TOKEN.fullmatch(config["token"]):
        found["token"] = _NO_TOKEN
    if webhook_parts(config["api"]) is None:
        found["api"] = _NO_API
    return found


def _check(config: Config) -> dict[str, str]:
    found = _check_app(config)
    if not _CHAT.fullmatch(config["chat"]):
        found["chat"] = _NO_CHAT
    if config["topic"] and not re.fullmatch(r"[0-9]{1,15}", config["topic"]):
        found["topic"] = _NO_TOPIC
    return found


_CAPABILITIES = Capabilities(
    accepted_is_delivered=True,
    # Telegram takes 20 messages a minute in a group: two are left for others of this bot.
    limit=Limit(18, timedelta(minutes=1)),
    max_bytes=4096,
    can_update=True,
    concurrency=4,
)
_TOKEN_FIELD = ConfigField("token", "Bot token", is_secret=True, help="Of a bot that is in the group.")
_API_FIELD = ConfigField(
    "api",
    "API address",
    is_required=False,
    default="https://api.telegram.org",
    help="Only for a proxy or a server of your own; empty for the platform's.",
)

TELEGRAM = ProviderType(
    name="telegram",
    title="Telegram bot",
    channel=Channel.TELEGRAM,
    capabilities=_CAPABILITIES,
    fields=(
        _TOKEN_FIELD,
        ConfigField("chat", "Chat ID", help="Like -1001234567890."),
        ConfigField("topic", "Topic", is_required=False, help="The number of a topic, where the group has topics."),
        _API_FIELD,
    ),
    build=_build,
    check=_check,
    is_for_robots=True,
    hosts=("api.telegram.org",),
)
TELEGRAM_APP = ProviderType(
    name="telegram_app",
    title="Telegram bot with buttons",
    channel=Channel.TELEGRAM,
    capabilities=replace(_CAPABILITIES, has_buttons=True, limit=Limit(18, timedelta(minutes=1), LimitScope.TARGET)),
    fields=(_TOKEN_FIELD, _API_FIELD),
    build=TelegramApp,
    check=_check_app,
    listens=True,
    chat=ConfigField("chat_id", "Chat ID", help="Like -1001234567890; the number of a topic follows a slash."),
)
