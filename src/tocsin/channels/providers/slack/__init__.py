"""Slack: an incoming webhook of a channel, or a bot that also changes what it has posted. https://docs.slack.dev"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from tocsin.channels.base import Capabilities, Config, ConfigField, Limit, LimitScope, Provider, ProviderType
from tocsin.channels.groups import webhook_parts
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.slack.app import SlackApp
from tocsin.channels.providers.slack.bot import SlackBot
from tocsin.channels.providers.slack.content import MAX_BYTES
from tocsin.channels.providers.slack.robot import SlackRobot
from tocsin.core.sentences import Sentence

_WHOLE_URL = Sentence(
    "Paste the whole webhook URL that Slack shows for the channel: https://hooks.slack.com/services/T.../B.../..."
)
_NO_TOKEN = Sentence("A bot's token starts with xoxb-; it stands on the page OAuth & Permissions of the Slack app.")
_NO_CHANNEL = Sentence(
    "Give the channel's ID, which starts with C or G: it stands at the end of the channel's details."
)
_NO_APP_TOKEN = Sentence(
    "An app's own token starts with xapp-; it stands on the page Basic Information of the Slack app, with the scope "
    "connections:write."
)
_NO_API = Sentence("Give the whole address, starting with https://.")

_PATH = re.compile(r"/services/[\w-]+/[\w-]+/[\w-]+/?$|/triggers/|/workflows/")
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,30}")
# Slack takes one message a second in a channel, and short bursts.
_LIMIT = Limit(2, timedelta(seconds=2))


def _build(config: Config, http: HttpClient) -> Provider:
    return SlackRobot(http, url=config["url"])


def _build_bot(config: Config, http: HttpClient) -> Provider:
    return SlackBot(http, api=config["api"], token=config["token"], channel=config["channel"])


def _check_app(config: Config) -> dict[str, str]:
    found = _check_token(config)
    if not config["app_token"].startswith("xapp-") or not config["app_token"].isascii():
        found["app_token"] = _NO_APP_TOKEN
    return found


def _check_token(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not config["token"].startswith("xoxb-") or not config["token"].isascii():
        found["token"] = _NO_TOKEN
    if webhook_parts(config["api"]) is None:
        found["api"] = _NO_API
    return found


def _check(config: Config) -> dict[str, str]:
    parts = webhook_parts(config["url"])
    return {} if parts is not None and _PATH.search(parts.path) else {"url": _WHOLE_URL}


def _check_bot(config: Config) -> dict[str, str]:
    found = _check_token(config)
    if not _CHANNEL_ID.fullmatch(config["channel"]):
        found["channel"] = _NO_CHANNEL
    return found


_TOKEN_FIELD = ConfigField("token", "Bot token", is_secret=True, help="Of a bot that is in the group.")
_CHANNEL_FIELD = ConfigField("channel", "Channel ID", help="Like C0123ABCD, from the channel's details.")
_API_FIELD = ConfigField(
    "api",
    "API address",
    is_required=False,
    default="https://slack.com/api",
    help="Only for a proxy or a server of your own; empty for the platform's.",
)

SLACK = ProviderType(
    name="slack",
    title="Slack webhook",
    channel=Channel.SLACK,
    capabilities=Capabilities(
        accepted_is_delivered=True,
        limit=_LIMIT,
        max_bytes=MAX_BYTES,
        mentions_by=("user_id",),
        mentions_channel=Channel.SLACK,
        concurrency=4,
    ),
    fields=(ConfigField("url", "Webhook URL", is_secret=True),),
    build=_build,
    check=_check,
    is_for_robots=True,
    hosts=("hooks.slack.com", "hooks.slack-gov.com"),
)
SLACK_BOT = ProviderType(
    name="slack_bot",
    title="Slack bot",
    channel=Channel.SLACK,
    capabilities=replace(SLACK.capabilities, can_update=True),
    fields=(_TOKEN_FIELD, _CHANNEL_FIELD, _API_FIELD),
    build=_build_bot,
    check=_check_bot,
    is_for_robots=True,
    hosts=("slack.com", "slack-gov.com"),
)
SLACK_APP = ProviderType(
    name="slack_app",
    title="Slack app with buttons",
    channel=Channel.SLACK,
    capabilities=replace(SLACK_BOT.capabilities, has_buttons=True, limit=replace(_LIMIT, scope=LimitScope.TARGET)),
    fields=(
        _TOKEN_FIELD,
        ConfigField("app_token", "App token", is_secret=True, help="For Socket Mode, starts with xapp-."),
        _API_FIELD,
    ),
    build=SlackApp,
    check=_check_app,
    listens=True,
    chat=replace(_CHANNEL_FIELD, name="chat_id"),
)
