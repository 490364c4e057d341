"""ARMS custom integrations: one event, or an array of them, as `POST https://alerts.aliyuncs.com/api/v1/events/<token>`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.core.labels import without_empty
from tocsin.events.dialects.base import ItemError, Post, Read, collect, decoded
from tocsin.events.dialects.paths import as_text, moment_of
from tocsin.events.rules import Report


def read(post: Post) -> Read:
    content = decoded(post.body)
    if isinstance(content, list):
        return collect(content, "events", _report)
    return collect([content], "", _report)


def _report(item: Any) -> Report:
    if not isinstance(item, dict):
        raise ItemError("", "an event is an object with labels and annotations")
    labels = _texts(item, "labels")
    if not labels.get("alertname"):
        raise ItemError("labels.alertname", "name the event")
    return Report(
        labels=without_empty(labels),
        annotations=_texts(item, "annotations"),
        generator_url=as_text(item.get("generatorUrl") or item.get("generatorURL")),
        starts_at=_moment(item, "startsAt"),
        ends_at=_moment(item, "endsAt"),
    )


def _texts(item: dict[str, Any], name: str) -> dict[str, str]:
    """Numbers are taken as they are written."""
    pairs = item.get(name) or {}
    if not isinstance(pairs, dict):
        raise ItemError(name, "must be an object")
    return {key: as_text(value) for key, value in pairs.items()}


def _moment(item: dict[str, Any], name: str) -> datetime | None:
    """Milliseconds since 1970, as the answer has them, or a time as text."""
    try:
        return moment_of(item.get(name))
    except ValueError as error:
        raise ItemError(name, str(error)) from error
