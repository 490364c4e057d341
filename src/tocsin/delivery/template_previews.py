"""What a policy's templates make of a real event, before anything is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.kinds import Channel
from tocsin.delivery.render import AlertSummary, EventSummary, Text, render
from tocsin.delivery.rules import Cause
from tocsin.events.models import Event
from tocsin.policies.lately import recent_events
from tocsin.policies.rules import Rule, rules_match, why_not_a_template

_CHANNELS = {"email": Channel.EMAIL, "sms": Channel.SMS, "phone": Channel.PHONE, "robot": Channel.DINGTALK}


@dataclass(frozen=True, slots=True)
class TemplatePreview:
    """`event` is None for a made-up one, when none of the last days matches. `problem`: why there is no text."""

    text: Text
    event: Event | None
    problem: str = ""


def preview_template(
    field: str, source: str, *, rules: Sequence[Rule], policy_name: str, language: str, now: datetime
) -> TemplatePreview:
    """By the newest event that the rules match. `field` is one of TEMPLATE_FIELDS."""
    event = _newest(rules, now)
    is_recovery = "_recover_" in field
    if source.strip() and (problem := why_not_a_template(source, is_recovery=is_recovery)):
        return TemplatePreview(Text("", ""), event, problem)
    templates = {field: source} if source.strip() else {}
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        summary = _summary(event, is_recovery, policy_name or _("a policy"), templates, now)
    text = render(summary, _CHANNELS[field.partition("_")[0]], language=language, time_zone="")
    return TemplatePreview(text, event, text.problem)


def _newest(rules: Sequence[Rule], now: datetime) -> Event | None:
    sample = recent_events(now).events
    found = next((item for item in sample if rules_match(rules, item.labels)), None)
    return Event.objects.filter(pk=found.id).first() if found is not None else None


def _summary(
    event: Event | None, is_recovery: bool, policy: str, templates: Mapping[str, str], now: datetime
) -> AlertSummary:
    if event is not None:
        shown = EventSummary(
            event.labels, event.annotations, not is_recovery, event.severity, event.starts_at, event.generator_url,
            str(event.fingerprint), now,
        )  # fmt: skip
    else:
        labels = {"alertname": "DiskFull", "instance": "db-7", "severity": "critical"}
        shown = EventSummary(labels, {"summary": _("The disk of db-7 is full")}, not is_recovery, 1, now, ends_at=now)
    return AlertSummary(
        alert_id=0,
        title=shown.name,
        severity=shown.severity,
        cause=Cause.RECOVERED if is_recovery else Cause.FIRED,
        policy=policy,
        group_labels={"alertname": shown.labels.get("alertname", "")},
        active=0 if is_recovery else 1,
        total=1,
        opened_at=shown.starts_at,
        events=[shown],
        templates=templates,
    )
