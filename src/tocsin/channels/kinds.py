"""The channels that exist. What a provider can do on one is data on the provider (base.Capabilities)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tocsin.core.sentences import Sentence


class Channel(StrEnum):
    PHONE = "phone"
    SMS = "sms"
    EMAIL = "email"
    DINGTALK = "dingtalk"
    LARK = "lark"
    WECOM = "wecom"
    SLACK = "slack"
    TELEGRAM = "telegram"
    MATTERMOST = "mattermost"
    TEAMS = "teams"
    APPRISE = "apprise"
    WEBHOOK = "webhook"


CHANNEL_TITLES: Mapping[str, Sentence] = {
    Channel.PHONE: Sentence("Phone call"),
    Channel.SMS: Sentence("Text message"),
    Channel.EMAIL: Sentence("Email"),
    Channel.DINGTALK: Sentence("DingTalk"),
    Channel.LARK: Sentence("Lark"),
    Channel.WECOM: Sentence("WeCom"),
    Channel.SLACK: Sentence("Slack"),
    Channel.TELEGRAM: Sentence("Telegram"),
    Channel.MATTERMOST: Sentence("Mattermost"),
    Channel.TEAMS: Sentence("Microsoft Teams"),
    Channel.APPRISE: Sentence("Apprise"),
    Channel.WEBHOOK: Sentence("Webhook"),
}


PERSONAL_CHANNELS = (Channel.PHONE, Channel.SMS, Channel.EMAIL)
"""Channels that reach one person; a notification object of a person selects among these."""

ROBOT_PLATFORMS = (
    Channel.DINGTALK,
    Channel.LARK,
    Channel.WECOM,
    Channel.SLACK,
    Channel.TELEGRAM,
    Channel.MATTERMOST,
    Channel.TEAMS,
    Channel.APPRISE,
)
"""Channels that reach an IM group through a robot."""
