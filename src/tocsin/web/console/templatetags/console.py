"""Template tags of the console: the same chips and times as in lists."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django import template
from django.db.models import Model
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from tocsin.web.console import display
from tocsin.web.console.words import ALERT_STATES, EVENT_STATES, reason_text

_BETWEEN_CHINESE = re.compile(r"(?<=[\u4e00-\u9fff])[ \n]+(?=[\u4e00-\u9fff])")
register = template.Library()


@register.simple_tag
def chip(text: str, colour: str = "default") -> SafeString:
    return display.chip(text, colour)


@register.simple_tag
def severity(number: int) -> SafeString:
    return display.severity_chip(number)


@register.simple_tag
def alert_state(state: str) -> SafeString:
    return display.state_chip(state, ALERT_STATES)


@register.simple_tag
def event_state(state: str) -> SafeString:
    return display.state_chip(state, EVENT_STATES)


@register.simple_tag
def moment(at: datetime | None, now: datetime) -> SafeString | str:
    return display.moment(at, now)


@register.filter
def is_recent(at: datetime, now: datetime) -> bool:
    """Near enough that `moment` says how long ago it was, not the date once more."""
    return display.is_recent(at, now)


@register.simple_tag
def labels(pairs: dict[str, str], limit: int = 6) -> SafeString:
    return display.label_list(pairs, limit)


@register.filter
def heading(title: object) -> str:
    """Begins with a capital letter, unless it is a name that somebody gave a row."""
    text = str(title)
    is_given = text in {getattr(title, field, None) for field in ("name", "username", "title")}
    return text if isinstance(title, Model) and is_given else capfirst(text)


@register.filter
def clock(at: datetime) -> str:
    return display.clock(at)


@register.filter
def span(length: timedelta) -> str:
    return display.span(length.total_seconds())


@register.filter
def reason(word: str) -> str:
    return reason_text(word)


@register.filter
def closed_up(html: SafeString) -> SafeString:
    """Without the blanks that a template leaves between two Chinese words."""
    return mark_safe(_BETWEEN_CHINESE.sub("", html))  # noqa: S308 (nothing but blanks is taken away)
