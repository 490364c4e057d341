"""What a timeline says of what people did, and from where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from tocsin.alerts.rules import ActivityKind
from tocsin.channels.kinds import CHANNEL_TITLES

_BUTTON = "button-"


def act_title(kind: ActivityKind, actor: str, data: Mapping[str, Any]) -> str:
    """A sentence without a full stop."""
    said = _said(kind, actor, data)
    through = data.get("through")
    way = _("through %(name)s") % {"name": through} if through else _way(str(data.get("how", "")))
    return f"{said} ({way})" if way else said


def _way(how: str) -> str:
    if how.startswith(_BUTTON):
        return _("by a button in %(platform)s") % {"platform": _(CHANNEL_TITLES.get(how.removeprefix(_BUTTON), "?"))}
    known = {
        "link": _("by a link in a message"),
        "text": _("by a reply to a text message"),
        "card": _("in a group chat"),
    }
    return known.get(how, "")


def _said(kind: ActivityKind, actor: str, data: Mapping[str, Any]) -> str:
    name, by_key = {"name": actor}, data.get("how") == "key"
    match kind:
        case ActivityKind.CLAIMED if by_key:
            said = _("%(name)s claimed it by pressing a key") % name
            return f"{said}{_until(data)}"
        case ActivityKind.CLAIMED:
            said = _("%(name)s claimed it") % name
            return f"{said}{_until(data)}"
        case ActivityKind.UNCLAIMED:
            return _("%(name)s gave it back") % name
        case ActivityKind.CLAIM_LAPSED:
            return _("The claim of %(name)s lapsed") % name
        case ActivityKind.COMMENTED:
            return _("%(name)s commented") % name
        case ActivityKind.RESOLVED if by_key:
            return _("%(name)s resolved it by pressing a key") % name
        case ActivityKind.RESOLVED:
            return _("%(name)s resolved it") % name if actor else _("Resolved: all events recovered")
        case ActivityKind.REOPENED if actor:
            return _("%(name)s opened it again") % name
        case ActivityKind.REOPENED:
            return _("Opened again: %(active)d events still fire") % {"active": data.get("active", 0)}
        case ActivityKind.ASSIGNED:
            return _("%(name)s gave it to %(to)s") % {**name, "to": data.get("to", "")}
        case ActivityKind.SEVERITY_CHANGED:
            words = {**name, "before": f"P{data.get('from')}", "after": f"P{data.get('to')}"}
            return _("%(name)s changed the severity from %(before)s to %(after)s") % words
        case ActivityKind.MUTED:
            return _("%(name)s muted it until %(until)s") % {**name, "until": _moment(data.get("until", ""))}
        case ActivityKind.UNMUTED:
            return _("%(name)s ended the mute") % name
        case ActivityKind.ASKED if by_key:
            return _("%(name)s wants the next step of the escalation, by pressing a key") % name
        case ActivityKind.ASKED:
            return _("%(name)s wants the next step of the escalation") % name
        case ActivityKind.PASSED_OVER:
            return _("Step %(number)d of the escalation was passed over: it is outside its notification period") % {
                "number": data.get("step", 0)
            }
        case _:
            return kind.value


def _until(data: Mapping[str, Any]) -> str:
    return " " + _("until %(moment)s") % {"moment": _moment(data["lapses_at"])} if "lapses_at" in data else ""


def _moment(stored: str) -> str:
    try:
        return timezone.localtime(datetime.fromisoformat(stored)).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return stored
