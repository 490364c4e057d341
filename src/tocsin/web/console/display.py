"""Small pieces of HTML that several pages show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, wraps
from typing import Any, TypeVar

from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tocsin.web.console.words import COLOURS, SEVERITY_COLOURS, Words

NOTHING = "–"
_Shown = TypeVar("_Shown")


def chip(text: object, colour: str = "default", title: str = "", href: str = "") -> SafeString:
    """A small coloured label, or a link that looks like one."""
    shown = text if isinstance(text, SafeString) else str(text)
    return _label(shown, colour, title, href)


@lru_cache(maxsize=1024, typed=True)
def _label(text: str, colour: str, title: str, href: str) -> SafeString:
    """Rendered once: a list shows the same few labels hundreds of times."""
    return render_to_string(
        "unfold/helpers/label.html", {"text": text, "type": colour, "label_title": title, "href": href}
    )


def state_chip(state: str, words: Words) -> SafeString:
    return chip(words.get(state, state), COLOURS.get(state, "default"))


def severity_chip(severity: int) -> SafeString:
    return chip(f"P{severity}", SEVERITY_COLOURS.get(severity, "default"))


def moment(at: datetime | None, now: datetime) -> SafeString | str:
    """How long ago, with the whole time in the reader's zone as its title."""
    if at is None:
        return NOTHING
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), clock(at), ago(at, now))


def clock(at: datetime) -> str:
    """`2026-11-23 20:00:05 CST`, in the reader's zone."""
    local = timezone.localtime(at)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def is_recent(at: datetime, now: datetime) -> bool:
    return abs(now - at) < timedelta(hours=48)


def ago(at: datetime, now: datetime) -> str:
    """`12 s ago`, `5 min ago`, `3 h 20 min ago`, then the date; `in 5 min` for what is to come."""
    seconds = int((now - at).total_seconds())
    if not is_recent(at, now):
        return formats.date_format(timezone.localtime(at), "SHORT_DATE_FORMAT")
    text = span(abs(seconds) if abs(seconds) < 60 else abs(seconds) // 60 * 60)
    return _("in %(time)s") % {"time": text} if seconds < 0 else _("%(time)s ago") % {"time": text}


def span(seconds: float) -> str:
    """A length of time in its one or two largest units."""
    whole = int(seconds)
    if whole < 60:
        return _("%(n)d s") % {"n": whole}
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return (
            _("%(m)d min %(s)d s") % {"m": minutes, "s": rest}
            if rest and minutes < 10
            else _("%(m)d min") % {"m": minutes}
        )
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _("%(h)d h %(m)d min") % {"h": hours, "m": minutes} if minutes else _("%(h)d h") % {"h": hours}
    days = hours // 24
    return ngettext("%(d)d day", "%(d)d days", days) % {"d": days}


def label_list(labels: Mapping[str, str], limit: int = 6, without: Iterable[str] = ()) -> SafeString:
    """`key=value` pieces, the first `limit` of them, each kept from turning the direction of what stands beside it."""
    hidden = set(without)
    items = [(key, value) for key, value in sorted(labels.items()) if key not in hidden]
    pieces = format_html_join(
        " ",
        '<span class="tc-label"><b><bdi>{}</bdi></b>=<bdi>{}</bdi></span>',
        ((key, value) for key, value in items[:limit]),
    )
    more = len(items) - limit
    rest = format_html(' <span class="tc-quiet">+{}</span>', more) if more > 0 else ""
    return format_html('<span class="tc-labels">{}{}</span>', pieces, rest)


def read_once(method: Callable[[Any, Any], _Shown]) -> Callable[[Any, Any], _Shown]:
    """For fields that cost statements: a page's template asks for each of its fields several times."""

    @wraps(method)
    def shown(admin: Any, row: Any) -> _Shown:
        known = row.__dict__.setdefault("_read_once", {})
        if method.__name__ not in known:
            known[method.__name__] = method(admin, row)
        found: _Shown = known[method.__name__]
        return found

    return shown
