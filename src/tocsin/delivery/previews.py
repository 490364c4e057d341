"""What a webhook would be sent, shown to people before anything fires."""

from __future__ import annotations

import json
from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.base import Message
from tocsin.channels.kinds import Channel
from tocsin.channels.registry import PROVIDERS
from tocsin.contacts.models import Webhook
from tocsin.contacts.queries import webhook_config
from tocsin.delivery.render import AlertSummary, EventSummary, render
from tocsin.delivery.rules import Cause


def webhook_preview(webhook: Webhook, now: datetime, *, is_recovery: bool = False) -> str:
    """Method, content type and body of a made-up alert's message; JSON is set in lines. No secret is in it."""
    kind = PROVIDERS["webhook"]
    if kind.preview is None:
        return ""
    with translation.override(webhook.language or settings.DEFAULT_LANGUAGE):
        summary = _("The disk of db-7 is full")
    labels = {"alertname": "DiskFull", "instance": "db-7", "severity": "critical"}
    event = EventSummary(
        labels, {"summary": summary}, not is_recovery, 1, now, fingerprint="0f8fad5b-d9cb-469f-a165-70867728950e",
        ends_at=now,
    )  # fmt: skip
    alert = AlertSummary(
        alert_id=12, title=labels["alertname"], severity=1, cause=Cause.RECOVERED if is_recovery else Cause.FIRED,
        policy="Databases", group_labels={"alertname": "DiskFull"}, active=0 if is_recovery else 1, total=1,
        opened_at=now, events=[event],
    )  # fmt: skip
    text = render(alert, Channel.WEBHOOK, language=webhook.language, time_zone="")
    message = Message(
        reference="k3x9", channel=Channel.WEBHOOK, to="", to_name=webhook.name, subject=text.subject, text=text.text,
        data=text.data,
    )  # fmt: skip
    return _in_lines(kind.preview(kind.complete(webhook_config(webhook)), message))


def _in_lines(shown: str) -> str:
    head, gap, body = shown.partition("\n\n")
    try:
        return head + gap + json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return shown
