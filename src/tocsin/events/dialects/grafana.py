"""The webhook contact point of Grafana's alerting.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/

Beside Alertmanager's fields an alert has links and the values of its queries; they become annotations.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.events.dialects.alertmanager import WebhookAlert, alerts_of, report_of
from tocsin.events.dialects.base import Post, Read, collect
from tocsin.events.rules import Report

_LINKS = {
    "dashboard_url": "dashboardURL",
    "panel_url": "panelURL",
    "image_url": "imageURL",
    "silence_url": "silenceURL",
}


class _Alert(WebhookAlert, rename={**_LINKS, "value_string": "valueString"}):
    dashboard_url: str | None = None
    panel_url: str | None = None
    image_url: str | None = None
    silence_url: str | None = None
    value_string: str | None = None
    values: dict[str, Any] | None = None


def read(post: Post) -> Read:
    def report(item: Any) -> Report:
        alert = msgspec.convert(item, _Alert)
        links = {name: getattr(alert, name) or "" for name in _LINKS}
        return report_of(post, alert, **links, values=_values(alert))

    items, cut_off = alerts_of(post, "1")
    return collect(items, "alerts", report, cut_off=cut_off)


def _values(alert: _Alert) -> str:
    """`A=14.2, C=1`, or the longer text that older versions send."""
    numbers = [f"{name}={value}" for name, value in (alert.values or {}).items() if isinstance(value, int | float)]
    return ", ".join(numbers) or (alert.value_string or "").strip()
