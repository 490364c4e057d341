"""What a policy's page says beside its form: its rules read aloud, its alerts of the last days, what stops with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import ngettext

from tocsin.alerts.models import Alert
from tocsin.policies.lately import LATELY
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.rules import Rule
from tocsin.web.console.display import NOTHING, moment, state_chip
from tocsin.web.console.policy_matching import OPERATORS
from tocsin.web.console.words import ALERT_STATES

_SHOWN = 5


def with_alerts(policies: QuerySet[NotificationPolicy], now: datetime) -> QuerySet[NotificationPolicy]:
    """`alerts_lately`: opened in the last days; `last_alert_at`."""
    of_policy = Alert.objects.filter(policy=OuterRef("pk")).order_by()
    lately = of_policy.filter(opened_at__gte=now - LATELY).values("policy").annotate(total=Count("pk")).values("total")
    return policies.annotate(
        alerts_lately=Subquery(lately),
        last_alert_at=Subquery(of_policy.order_by("-opened_at").values("opened_at")[:1]),
    )


def rules_read(rules: Sequence[Rule]) -> SafeString | str:
    """A sentence for each condition; rules are alternatives."""
    if not rules:
        return _now("every event")
    pieces = []
    for number, rule in enumerate(rules):
        lines = format_html_join(
            "",
            "<div>{} <code>{}</code> {} <code>{}</code></div>",
            (
                (_now("and") if at else "", condition.key, OPERATORS[condition.operator], condition.value or "\u2009")
                for at, condition in enumerate(rule)
            ),
        )
        before = format_html('<div class="tc-quiet">{}</div>', _now("or")) if number else ""
        pieces.append(format_html('{}<div class="tc-rule-read">{}</div>', before, lines))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def alerts_of(policy: NotificationPolicy, now: datetime) -> SafeString | str:
    """The newest few."""
    found = Alert.objects.filter(policy=policy).order_by("-pk")[:_SHOWN]
    rows = [(_url(alert), alert.title, state_chip(alert.state, ALERT_STATES), moment(alert.opened_at, now))
            for alert in found]  # fmt: skip
    line = '<a class="text-link" href="{}"><bdi>{}</bdi></a> {} <span class="tc-quiet">{}</span>'
    return format_html_join("", f'<div class="tc-received">{line}</div>', rows) if rows else NOTHING


def open_alerts(ids: Iterable[int]) -> list[SafeString]:
    """A line for each of the first few open alerts of the policies, which nobody would be told of any more."""
    real = Alert.objects.filter(is_shadow=False, resolved_at__isnull=True)
    found = real.filter(policy_id__in=list(ids)).order_by("severity", "-pk")
    shown = list(found[: _SHOWN + 1])
    lines = [
        format_html(
            '<a class="text-link" href="{}"><bdi>{}</bdi></a> {} {}',
            _url(alert),
            alert.title,
            state_chip(alert.state, ALERT_STATES),
            _now("stays open and sends nothing more."),
        )
        for alert in shown[:_SHOWN]
    ]
    if len(shown) > _SHOWN:
        lines.append(format_html("{}", _now("and more open alerts of it")))
    return lines


def disabling_text(policy: NotificationPolicy) -> str:
    """What disabling does now, in a sentence or two; names the first open alerts."""
    titles = list(
        Alert.objects.filter(policy=policy, is_shadow=False, resolved_at__isnull=True)
        .order_by("severity", "-pk")
        .values_list("title", flat=True)[: _SHOWN + 1]
    )
    text = _now("New events are no longer told by it.")
    if not titles:
        return f"{text} {_now('It has no open alert.')}"
    names = ", ".join(titles[:_SHOWN]) + (", ..." if len(titles) > _SHOWN else "")
    stops = ngettext(
        "This open alert sends nothing more, not even its recovery: %(names)s.",
        "These open alerts send nothing more, not even their recovery: %(names)s.",
        len(titles),
    )
    return f"{text} {stops % {'names': names}}"


def _url(alert: Alert) -> str:
    return reverse("console:alerts_alert_change", args=[alert.pk])
