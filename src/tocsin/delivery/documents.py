"""What an alert is to programs: Alertmanager's webhook payload, which many read, and a `tocsin` object beside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin.core.redact import redact_prose
from tocsin.delivery.rules import Cause

if TYPE_CHECKING:
    from tocsin.delivery.render import AlertSummary, EventSummary

_NEVER = "0001-01-01T00:00:00Z"
"""How Alertmanager says that something has not ended."""


def document(alert: AlertSummary, url: str) -> str:
    """JSON. `receiver` and the delivery's id are known when it is sent; credentials in annotations are masked."""
    events = [_event(event) for event in alert.events]
    payload = {
        "version": "4",
        "groupKey": str(alert.alert_id),
        "truncatedAlerts": max(alert.total - len(events), 0),
        "status": "resolved" if alert.cause is Cause.RECOVERED else "firing",
        "receiver": "",
        "groupLabels": dict(alert.group_labels),
        "commonLabels": _common([event["labels"] for event in events]),
        "commonAnnotations": _common([event["annotations"] for event in events]),
        "externalURL": url,
        "alerts": events,
        "tocsin": {
            "alert_id": alert.alert_id,
            "title": alert.title,
            "severity": f"P{alert.severity}",
            "cause": alert.cause.value,
            "policy": alert.policy,
            "opened_at": _moment(alert.opened_at),
        },
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def test_document(text: str, at: datetime) -> str:
    """The same shape, saying that it is a test."""
    labels = {"alertname": "TocsinTest", "severity": "none"}
    event = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": text},
        "startsAt": _moment(at),
        "endsAt": _NEVER,
        "generatorURL": "",
        "fingerprint": "",
    }
    payload = {
        "version": "4",
        "groupKey": "test",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "",
        "groupLabels": {"alertname": "TocsinTest"},
        "commonLabels": labels,
        "commonAnnotations": event["annotations"],
        "externalURL": "",
        "alerts": [event],
        "tocsin": {"title": "TocsinTest", "severity": "P6", "cause": "test", "policy": "", "opened_at": _moment(at)},
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def _event(event: EventSummary) -> dict[str, Any]:
    return {
        "status": "firing" if event.is_active else "resolved",
        "labels": dict(event.labels),
        "annotations": {key: redact_prose(value) for key, value in event.annotations.items()},
        "startsAt": _moment(event.starts_at),
        "endsAt": _NEVER if event.is_active or event.ends_at is None else _moment(event.ends_at),
        "generatorURL": redact_prose(event.generator_url),
        "fingerprint": event.fingerprint,
    }


def _common(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them have."""
    first, *others = maps or [{}]
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
