"""The built-in texts: one for each channel and language, from what an alert is at this moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tocsin.channels.kinds import Channel
from tocsin.core.redact import redact_prose
from tocsin.delivery.dialects import escape_link, escape_markdown, on_one_line
from tocsin.delivery.documents import document
from tocsin.delivery.link_texts import link_in_text
from tocsin.delivery.notes import Note, because
from tocsin.delivery.overviews import made_of
from tocsin.delivery.own_texts import own_text
from tocsin.delivery.rules import Cause
from tocsin.delivery.speech import spoken_alert, spoken_digest

_EVENTS_IN_TEXT = 10
_SMS_SUMMARY = 160
_DESCRIPTION = 1000
_MAIL_FIELDS = ("summary", "description", "runbook", "labels", "since", "url")


@dataclass(frozen=True, slots=True)
class EventSummary:
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    is_active: bool
    severity: int
    starts_at: datetime
    generator_url: str = ""
    fingerprint: str = ""
    ends_at: datetime | None = None

    @property
    def name(self) -> str:
        return on_one_line(self.labels.get("alertname", "")) or _("(no alertname)")

    @property
    def summary(self) -> str:
        return self._first("summary", "message", "description")

    @property
    def description(self) -> str:
        """What there is to say beyond the summary."""
        text = self._first("description", "message")
        return "" if text == self.summary else text

    @property
    def runbook(self) -> str:
        """Where the rule's author says what to do; only web addresses."""
        url = self._first("runbook_url", "runbook")
        return url if url.startswith(("http://", "https://")) and not any(char.isspace() for char in url) else ""

    def _first(self, *keys: str) -> str:
        """Without credentials: the text is kept, and read by many."""
        return next((redact_prose(text) for key in keys if (text := self.annotations.get(key, "").strip())), "")


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """What a text is made from. `events` is a sample, active and worst first; the counts are of all."""

    alert_id: int
    title: str
    severity: int
    cause: Cause
    policy: str
    group_labels: Mapping[str, str]
    active: int
    total: int
    opened_at: datetime
    events: Sequence[EventSummary]
    note: Note | None = None
    templates: Mapping[str, str] = field(default_factory=dict)
    """The policy's own, by the names of `TEMPLATE_FIELDS`."""
    common: Mapping[str, str] = field(default_factory=dict)
    """What the events share beyond what groups them; told where not all of them are listed."""


@dataclass(frozen=True, slots=True)
class Text:
    subject: str
    text: str
    html: str = ""
    markdown: str = ""
    data: str = ""
    problem: str = ""
    """Why a template of the policy made no text, so that this is the built-in one."""


def alert_url(alert_id: int) -> str:
    """Built from TOCSIN_PUBLIC_URL only; "" when there is none."""
    return f"{settings.PUBLIC_URL}/console/alerts/alert/{alert_id}/change/" if settings.PUBLIC_URL else ""


def alerts_url() -> str:
    """The list of alerts; "" without TOCSIN_PUBLIC_URL."""
    return f"{settings.PUBLIC_URL}/console/alerts/alert/" if settings.PUBLIC_URL else ""


def render(alert: AlertSummary, channel: Channel, *, language: str, time_zone: str) -> Text:
    """The text of one notification for one channel. An unknown zone or language falls back to the installation's."""
    zone = zone_named(time_zone)
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        text = _built_in(alert, channel, zone)
        if not alert.templates:
            return text
        return own_text(alert, channel, zone, text, _headline(alert), _link(alert, channel))


def _built_in(alert: AlertSummary, channel: Channel, zone: ZoneInfo) -> Text:
    match channel:
        case Channel.EMAIL:
            return _email(alert, zone)
        case Channel.SMS:
            return Text("", _sms(alert), data=_variables(alert))
        case Channel.PHONE:
            return Text("", spoken_alert(alert, _headline(alert)), data=_variables(alert))
        case Channel.WEBHOOK:
            told = _group_message(alert, zone, _link(alert, channel))
            return Text(told.subject, told.text, data=document(alert, alert_url(alert.alert_id)))
        case _:
            return _group_message(alert, zone, _link(alert, channel))


def _link(alert: AlertSummary, channel: Channel) -> str:
    """People act by the link of their message; programs are led to the console."""
    return alert_url(alert.alert_id) if channel is Channel.WEBHOOK else link_in_text()


def render_digest(
    alerts: Sequence[AlertSummary],
    channel: Channel,
    *,
    language: str,
    time_zone: str,
    common: Mapping[str, str] | None = None,
) -> Text:
    """One text that stands for the notifications of several alerts, newest first. `common`: labels they all share."""
    if len(alerts) == 1:
        return render(alerts[0], channel, language=language, time_zone=time_zone)
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        if channel is Channel.PHONE:
            return Text("", spoken_digest(alerts), data=_digest_variables(alerts))
        subject = _("%(count)d notifications in one message") % {"count": len(alerts)}
        told = made_of(alerts, common or {}, headline=_headline, escape_markdown=escape_markdown)
        if channel is Channel.SMS:
            named = [told.counts, *told.groups[:2]] if told.groups else told.named[:3]
            text = f"{subject}: " + "; ".join(named)
            return Text("", f"{text} {link_in_text()}".strip(), data=_digest_variables(alerts))
        lines, page = told.plain(), told.html()
        marked = "\n".join(told.markdown())
        if channel is Channel.EMAIL and (url := link_in_text()):
            said = _("Claim, resolve and see the timeline: %(url)s")
            lines += ["", said % {"url": url}]
            page += "<p>" + escape(said) % {"url": f'<a href="{escape(url)}">{escape(url)}</a>'} + "</p>"
        if channel is Channel.EMAIL and (url := alerts_url()):
            said = _("All alerts: %(url)s")
            lines.append(said % {"url": url})
            page += "<p>" + escape(said) % {"url": f'<a href="{escape(url)}">{escape(url)}</a>'} + "</p>"
        return Text(subject, "\n".join(lines), page if channel is Channel.EMAIL else "", marked)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _headline(alert: AlertSummary) -> str:
    match alert.cause:
        case Cause.RECOVERED:
            return _("recovered")
        case Cause.ADDED:
            return ngettext(
                "more events: %(count)d is active now", "more events: %(count)d are active now", alert.active
            ) % {"count": alert.active}
        case Cause.REPEATED:
            return ngettext("still firing: %(count)d event", "still firing: %(count)d events", alert.active) % {
                "count": alert.active
            }
        case Cause.ESCALATED | Cause.ASSIGNED:
            return because(alert.cause, alert.note, alert.active)
        case _:
            return ngettext("firing: %(count)d event", "firing: %(count)d events", alert.active) % {
                "count": alert.active
            }


def _sms(alert: AlertSummary) -> str:
    summary = next((event.summary for event in alert.events if event.summary), "")
    summary = _cut(on_one_line(summary), _SMS_SUMMARY)
    parts = [f"[P{alert.severity}] {alert.title}: {_headline(alert)}.", summary, link_in_text()]
    return " ".join(filter(None, parts))


def _variables(alert: AlertSummary) -> str:
    """The same for vendors that put variables into an approved template and take no free text."""
    summary = next((event.summary for event in alert.events if event.summary), "")
    return json.dumps(
        {
            "severity": str(alert.severity),
            "title": on_one_line(alert.title),
            "state": _headline(alert),
            "summary": _cut(on_one_line(summary), _SMS_SUMMARY),
            "count": str(alert.active),
            "organisation": settings.ORGANISATION,
        },
        ensure_ascii=False,
    )


def _digest_variables(alerts: Sequence[AlertSummary]) -> str:
    return json.dumps(
        {
            "severity": str(min((alert.severity for alert in alerts), default=6)),
            "title": "; ".join(on_one_line(alert.title) for alert in alerts[:3]),
            "state": _("%(count)d notifications in one message") % {"count": len(alerts)},
            "summary": "; ".join(f"{on_one_line(alert.title)}: {_headline(alert)}" for alert in alerts[:3]),
            "count": str(len(alerts)),
            "organisation": settings.ORGANISATION,
        },
        ensure_ascii=False,
    )


def _event_lines(alert: AlertSummary, zone: ZoneInfo) -> list[dict[str, str]]:
    return [
        {
            "state": _("firing") if event.is_active else _("recovered"),
            "name": event.name,
            "summary": event.summary,
            "since": event.starts_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z"),
            "description": _cut(event.description, _DESCRIPTION),
            "runbook": event.runbook,
            "labels": ", ".join(
                f"{key}={on_one_line(value)}" for key, value in event.labels.items() if key != "alertname"
            ),
            "url": redact_prose(event.generator_url) if event.generator_url.startswith(("http://", "https://")) else "",
        }
        for event in alert.events[:_EVENTS_IN_TEXT]
    ]


def _more(alert: AlertSummary, shown: int) -> str:
    rest = alert.total - shown
    if rest <= 0:
        return ""
    return ngettext("... and %(count)d more event", "... and %(count)d more events", rest) % {"count": rest}


def _shared(alert: AlertSummary) -> str:
    labels = ", ".join(f"{key}={on_one_line(value)}" for key, value in sorted(alert.common.items()))
    return _("All of them: %(labels)s") % {"labels": labels} if labels else ""


def _group_message(alert: AlertSummary, zone: ZoneInfo, url: str) -> Text:
    subject = f"[P{alert.severity}] {alert.title}"
    events = _event_lines(alert, zone)
    plain, marked = [_headline(alert), ""], [f"**{escape_markdown(_headline(alert))}**", ""]
    for event in events:
        line = f"{event['name']} {event['labels']}".rstrip()
        plain.append(f"- {event['state']}: {line}")
        marked.append(f"- {event['state']}: **{escape_markdown(event['name'])}** {escape_markdown(event['labels'])}")
        for text in (event["summary"], event["description"]):
            if text:
                plain.append(f"  {text}")
                marked.append(f"  {escape_markdown(text)}")
        if event["runbook"]:
            plain.append(f"  {event['runbook']}")
            marked.append(f"  [{_('What to do')}]({escape_link(event['runbook'])})")
    for more in filter(None, (_more(alert, len(events)), _shared(alert))):
        plain.append(more)
        marked.append(escape_markdown(more))
    if url:
        plain.append(url)
        marked += ["", f"[{_('Open the alert')}]({url})"]
    return Text(subject, "\n".join(plain), markdown="\n".join(marked))


def _email(alert: AlertSummary, zone: ZoneInfo) -> Text:
    subject = f"[P{alert.severity}] {alert.title} (#{alert.alert_id})"
    if alert.cause is not Cause.FIRED:
        subject = f"Re: {subject}"
    events = _event_lines(alert, zone)
    more = ". ".join(filter(None, (_more(alert, len(events)), _shared(alert))))
    lines = [f"{alert.title}: {_headline(alert)}", ""]
    for event in events:
        lines.append(f"* {event['state']}: {event['name']}")
        lines += [f"  {event[key]}" for key in _MAIL_FIELDS if event[key]]
    lines += [line for line in (more,) if line]
    lines += ["", _("Policy: %(name)s") % {"name": alert.policy}]
    if url := link_in_text():
        lines.append(_("Claim, resolve and see the timeline: %(url)s") % {"url": url})
    html = render_to_string(
        "delivery/email.html",
        {
            "alert": alert,
            "headline": _headline(alert),
            "events": events,
            "more": more,
            "url": link_in_text(),
            "organisation": settings.ORGANISATION,
            "is_recovery": alert.cause is Cause.RECOVERED,
        },
    )
    return Text(subject, "\n".join(lines), html)


def zone_named(name: str) -> ZoneInfo:
    """The installation's for none, UTC for one that is not known."""
    try:
        return ZoneInfo(name or settings.TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
