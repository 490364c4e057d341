"""Template tags of the console: the same chips and times as in lists."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django import template
from django.utils.safestring import SafeString, mark_safe

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


@register.simple_tag
def labels(pairs: dict[str, str], limit: int = 6) -> SafeString:
    return display.label_list(pairs, limit)


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
