"""Alertmanager's webhook, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

A firing alert holds until its recovery comes (`send_resolved` is on unless switched off) or nothing comes for 25 hours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.labels import without_empty
from tocsin.events.dialects.base import Post, Read, UnreadableError, aware, collect, decoded, lasting
from tocsin.events.rules import Report

_MOST_CUT_OFF = 1_000_000
"""What is more is no count."""


class WebhookAlert(
    msgspec.Struct, rename={"generator_url": "generatorURL", "starts_at": "startsAt", "ends_at": "endsAt"}
):
    """One of `alerts`; Grafana's begin the same."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str | None = None


def read(post: Post) -> Read:
    items, cut_off = alerts_of(post, "4")

    def report(item: Any) -> Report:
        return report_of(post, msgspec.convert(item, WebhookAlert))

    return collect(items, "alerts", report, cut_off=cut_off)


def alerts_of(post: Post, version: str) -> tuple[list[Any], int]:
    """And how many more there are, which the sender's `max_alerts` cut off."""
    content = decoded(post.body)
    if not isinstance(content, dict):
        raise UnreadableError("The body must be a JSON object with `alerts`.")
    if str(content.get("version", version)) != version:
        raise UnreadableError(f"version: only {version!r} is read here.")
    items = content.get("alerts")
    if not isinstance(items, list):
        raise UnreadableError("alerts: must be an array.")
    cut_off = content.get("truncatedAlerts")
    return items, cut_off if isinstance(cut_off, int) and 0 < cut_off < _MOST_CUT_OFF else 0


def report_of(post: Post, alert: WebhookAlert, **annotations: str) -> Report:
    is_over = alert.status.strip().lower() == "resolved"
    starts_at, ends_at = lasting(post, is_over=is_over, starts_at=aware(alert.starts_at), ends_at=aware(alert.ends_at))
    return Report(
        labels=without_empty(alert.labels),
        annotations={**{name: text for name, text in annotations.items() if text}, **(alert.annotations or {})},
        generator_url=alert.generator_url or "",
        starts_at=starts_at,
        ends_at=ends_at,
        is_known_by_start=True,
    )
