"""Reads of robots and webhooks: how they are opened, and how they have fared."""

from __future__ import annotations

import json
from collections.abc import Collection

from tocsin.channels.base import Config
from tocsin.contacts.models import ObjectReach, Robot, Webhook

ROBOT_CONFIG = ("url", "secret", "keyword")
ROBOT_SECRETS = ("url", "secret", "settings")
"""Encrypted: what need not read them does not decrypt them."""
WEBHOOK_CONFIG = ("url", "method", "headers", "parameters", "body", "recovery_body", "secret")


def robot_config(robot: Robot) -> Config:
    """Secrets included: for opening it, never for showing it."""
    return {**robot_settings(robot), **{field: getattr(robot, field) for field in ROBOT_CONFIG}}


def robot_settings(robot: Robot) -> dict[str, str]:
    """What its kind is set up with beyond the columns of the row, secrets included."""
    found: dict[str, str] = json.loads(robot.settings or "{}")
    return found


def webhook_config(webhook: Webhook) -> Config:
    """Secrets included: for opening it, never for showing it."""
    return {field: getattr(webhook, field) for field in WEBHOOK_CONFIG}


def pair_names(text: str) -> list[str]:
    """Of headers or parameters as they are stored: the names alone, since values may be secrets."""
    return list(json.loads(text or "{}"))


def outlet_reach(ids: Collection[int]) -> dict[int, ObjectReach]:
    """Of those that a message was ever sent to."""
    return ObjectReach.objects.in_bulk(list(ids))
