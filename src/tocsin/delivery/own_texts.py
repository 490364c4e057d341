"""Texts by the templates of a policy. What is wrong with one at the moment of sending costs nobody a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape, unescape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.html import strip_tags

from tocsin.alerts.rules import ActivityKind
from tocsin.alerts.services import NewActivity
from tocsin.channels.kinds import ROBOT_PLATFORMS, Channel
from tocsin.core.redact import redact_prose
from tocsin.core.storable import storable
from tocsin.delivery.dialects import escape_markdown, on_one_line
from tocsin.delivery.rules import Cause
from tocsin.delivery.speech import keys_said, plain_speech
from tocsin.policies.rules import EMPTY_TEXT, Record, TemplateFault, is_blank, written

if TYPE_CHECKING:
    from tocsin.delivery.render import AlertSummary, EventSummary, Text

_LONGEST = {Channel.SMS: 500, Channel.PHONE: 800, Channel.EMAIL: 50_000}
_LONGEST_MESSAGE = 8_000
_LONGEST_TITLE = 200
_LONGEST_PROBLEM = 500


def own_text(alert: AlertSummary, channel: Channel, zone: ZoneInfo, built_in: Text, headline: str, url: str) -> Text:
    """The built-in text with what the policy's templates put in its place. A fault leaves the built-in one, and is
    named by `problem`.
    """
    named = _templates_for(alert, channel)
    if not named:
        return built_in
    values = variables(alert, zone, headline, url)
    try:
        return _written(alert, channel, named, values, built_in)
    except TemplateFault as fault:
        return replace(built_in, problem=storable(str(fault), _LONGEST_PROBLEM))  # it may quote the template


def template_failed(alert_id: int, channel: Channel, why: str) -> NewActivity:
    """The message went out with the built-in text."""
    return NewActivity(alert_id, ActivityKind.TEMPLATE_FAILED, data={"channel": channel.value, "problem": why})


def variables(alert: AlertSummary, zone: ZoneInfo, headline: str, url: str) -> Mapping[str, Any]:
    """What a template can show; times are text in the reader's zone."""
    events = [_event(event, zone) for event in alert.events]
    first: Mapping[str, Any] = events[0] if events else _event(None, zone)
    return {
        "title": alert.title,
        "severity": f"P{alert.severity}",
        "status": "resolved" if alert.cause is Cause.RECOVERED else "firing",
        "headline": headline,
        "policy": alert.policy,
        "organisation": settings.ORGANISATION,
        "url": url,
        "active": alert.active,
        "total": alert.total,
        "opened_at": _clock(alert.opened_at, zone),
        "group_labels": dict(alert.group_labels),
        "common_labels": _common([event["labels"] for event in events]),
        "labels": first["labels"],
        "annotations": first["annotations"],
        "summary": first["summary"],
        "description": first["description"],
        "events": events,
        "go": _go_variables(alert, zone),
    }


def _go_variables(alert: AlertSummary, zone: ZoneInfo) -> Mapping[str, Any]:
    """The same under the names that templates of ARMS know."""
    annotations = [{key: redact_prose(text) for key, text in event.annotations.items()} for event in alert.events]
    alerts = [
        {
            "labels": dict(event.labels),
            "annotations": {**noted, "message": noted.get("message") or event.summary},
            "status": "firing" if event.is_active else "resolved",
            "startsAt": _go_clock(event.starts_at, zone),
            "endsAt": _go_clock(event.ends_at, zone) if event.ends_at is not None and not event.is_active else "",
            "fingerprint": event.fingerprint,
            "generatorURL": _web_address(event.generator_url),
        }
        for event, noted in zip(alert.events, annotations, strict=True)
    ]
    is_over = alert.cause is Cause.RECOVERED
    ends = [event.ends_at for event in alert.events if event.ends_at is not None]
    return {
        "alerts": alerts,
        "commonLabels": _common([event.labels for event in alert.events]),
        "commonAnnotations": _common(annotations),
        "groupLabels": dict(alert.group_labels),
        "status": "resolved" if is_over else "firing",
        "level": f"P{alert.severity}",
        "dispatchRuleName": alert.policy,
        "startTime": _go_clock(alert.opened_at, zone),
        "endTime": _go_clock(max(ends), zone) if is_over and ends else "",
    }


def _written(
    alert: AlertSummary, channel: Channel, named: Mapping[str, str], values: Mapping[str, Any], built_in: Text
) -> Text:
    def text_of(name: str, dialect: Callable[[str], str]) -> str:
        return written(named[name], values, dialect) if name in named else ""

    if channel is Channel.EMAIL:
        title = on_one_line(text_of("title", on_one_line))[:_LONGEST_TITLE] or built_in.subject
        if "content" not in named:
            return replace(built_in, subject=title)
        page = text_of("content", _html)
        if "<" not in named["content"]:
            page = page.replace("\n", "<br>\n")
        plain = unescape(strip_tags(page.replace("<br>", ""))).strip()
        if is_blank(plain) and "<img" not in page.lower():
            raise TemplateFault(EMPTY_TEXT)
        return replace(built_in, subject=title, html=_page(page), text=plain[: _LONGEST[channel]])
    if channel is Channel.SMS:
        return replace(built_in, text=_cut(text_of("content", on_one_line), _LONGEST[channel]))
    if channel is Channel.PHONE:
        said = on_one_line(text_of("content", plain_speech))
        if not any(char.isalnum() for char in said):  # no voice says the rest
            raise TemplateFault(EMPTY_TEXT)
        return replace(built_in, text=" ".join([_cut(said, _LONGEST[channel]), *keys_said(alert)]))
    url = str(values["url"])
    marked = text_of("content", escape_markdown).replace(escape_markdown(url), url) if url else ""
    return replace(
        built_in,
        text=_cut(text_of("content", _line_by_line), _LONGEST_MESSAGE),
        markdown=_cut(marked or text_of("content", escape_markdown), _LONGEST_MESSAGE),
    )


def _templates_for(alert: AlertSummary, channel: Channel) -> dict[str, str]:
    """`title` and `content` of this channel, firing or recovered."""
    kind = "robot" if channel in ROBOT_PLATFORMS else channel.value
    moment = "recover_" if alert.cause is Cause.RECOVERED else ""
    wanted = {part: f"{kind}_{moment}{part}" for part in ("title", "content")}
    return {part: alert.templates[name] for part, name in wanted.items() if name in alert.templates}


def _event(event: EventSummary | None, zone: ZoneInfo) -> Record:
    if event is None:
        return Record(name="", status="", severity="", summary="", description="", runbook="", labels={},
                      annotations={}, starts_at="", ends_at="", url="")  # fmt: skip
    return Record(
        name=event.name,
        status="firing" if event.is_active else "resolved",
        severity=f"P{event.severity}",
        summary=event.summary,
        description=event.description,
        runbook=event.runbook,
        labels=dict(event.labels),
        annotations={key: redact_prose(text) for key, text in event.annotations.items()},
        starts_at=_clock(event.starts_at, zone),
        ends_at=_clock(event.ends_at, zone) if event.ends_at is not None and not event.is_active else "",
        url=_web_address(event.generator_url),
    )


def _web_address(url: str) -> str:
    return redact_prose(url) if url.startswith(("http://", "https://")) else ""


def _go_clock(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _common(found: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The labels that all events of the sample share."""
    if not found:
        return {}
    return {key: value for key, value in found[0].items() if all(labels.get(key) == value for labels in found)}


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _html(text: str) -> str:
    return escape(text, quote=True)


def _line_by_line(text: str) -> str:
    return "\n".join(map(on_one_line, text.splitlines()))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _page(body: str) -> str:
    return (
        '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>'
        f"<body style=\"font:15px/1.5 -apple-system,'Segoe UI',Roboto,'Noto Sans SC',sans-serif\">{body}</body></html>"
    )
