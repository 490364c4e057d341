"""The channels that exist. What a provider can do on one is data on the provider (base.Capabilities)."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    PHONE = "phone"
    SMS = "sms"
    EMAIL = "email"
    DINGTALK = "dingtalk"
    LARK = "lark"
    WECOM = "wecom"
    WEBHOOK = "webhook"


PERSONAL_CHANNELS = (Channel.PHONE, Channel.SMS, Channel.EMAIL)
"""Channels that reach one person; a notification object of a person selects among these."""

ROBOT_PLATFORMS = (Channel.DINGTALK, Channel.LARK, Channel.WECOM)
"""Channels that reach an IM group through a robot."""
