"""What people and groups are told when a turn on an on-call schedule begins, or when nobody checks in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tocsin.channels.kinds import Channel
from tocsin.delivery.dialects import escape_markdown
from tocsin.delivery.render import Text, zone_named
from tocsin.delivery.speech import plain_speech

CHECK_IN_LINK = "{check-in link}"
"""Stands in a stored text where the link goes when it is sent."""


@dataclass(frozen=True, slots=True)
class Turn:
    """`keeps`: who stays on duty until the new person checks in, or "". `minutes`: within which, or None."""

    schedule: str
    who: str
    at: datetime
    until: datetime | None
    keeps: str = ""
    minutes: int | None = None


def turn_text(turn: Turn, channel: Channel, *, language: str, time_zone: str) -> Text:
    """To the person whose turn it is."""
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        what = _first_sentence(turn, zone_named(time_zone))
        asked = _asked(turn, channel)
        subject = _("You are on duty: %(schedule)s") % {"schedule": turn.schedule}
        match channel:
            case Channel.PHONE:
                said = _("%(org)s: you are on duty for %(schedule)s.") % {
                    "org": plain_speech(settings.ORGANISATION),
                    "schedule": plain_speech(turn.schedule),
                }
                return Text("", " ".join([said, *asked]), data=_variables(turn, subject, what))
            case Channel.SMS:
                return Text("", " ".join([what, *asked]), data=_variables(turn, subject, what))
            case _:
                return Text(subject, "\n\n".join([what, *asked]))


def group_text(turn: Turn, *, language: str, time_zone: str) -> Text:
    """To the group of a robot."""
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        zone = zone_named(time_zone)
        subject = _("On duty: %(schedule)s") % {"schedule": turn.schedule}
        values = {"name": turn.who, "until": _time(turn.until, zone)}
        if not turn.who:
            text = _("Nobody is on duty until %(until)s.") if turn.until else _("Nobody is on duty from now on.")
        else:
            text = _("%(name)s is on duty until %(until)s.") if turn.until else _("%(name)s is on duty from now on.")
        lines = [text % values]
        if turn.keeps:
            lines.append(_("Until the check-in %(name)s stays on duty.") % {"name": turn.keeps})
        return Text(subject, "\n".join(lines), markdown="\n\n".join(map(escape_markdown, lines)))


def silence_text(turn: Turn, *, stays: bool, channel: Channel, language: str) -> Text:
    """That nobody checked in. `stays`: to the person who stays on duty for it."""
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        values = {"name": turn.who, "schedule": turn.schedule, "keeps": turn.keeps}
        text = _("%(name)s has not checked in for %(schedule)s.") % values
        if stays:
            text += " " + _("You stay on duty.")
        elif turn.keeps:
            text += " " + _("%(keeps)s stays on duty until somebody does.") % values
        if channel is Channel.PHONE:
            return Text("", plain_speech(text) + ".", data=_variables(turn, text, text))
        subject = _("Nobody checked in: %(schedule)s") % values
        if channel is Channel.SMS:
            return Text("", text, data=_variables(turn, text, text))
        return Text(subject, text, markdown=escape_markdown(text))


def _variables(turn: Turn, state: str, summary: str) -> str:
    """For vendors that put variables into an approved template and take no free text: the names of alerts' ones."""
    said = {"title": turn.schedule, "state": state, "summary": summary, "organisation": settings.ORGANISATION}
    return json.dumps(said, ensure_ascii=False)


def _first_sentence(turn: Turn, zone: ZoneInfo) -> str:
    values = {"schedule": turn.schedule, "since": _time(turn.at, zone), "until": _time(turn.until, zone)}
    if turn.until is None:
        return _("You are on duty for %(schedule)s since %(since)s.") % values
    return _("You are on duty for %(schedule)s from %(since)s until %(until)s.") % values


def _asked(turn: Turn, channel: Channel) -> list[str]:
    if turn.minutes is None:
        return []
    within = ngettext(
        "Please check in within %(count)d minute.", "Please check in within %(count)d minutes.", turn.minutes
    ) % {"count": turn.minutes}
    if channel is Channel.PHONE:
        return [_("Press 1 to check in."), _("Press 9 to hear this again.")]
    stays = [_("Until then %(name)s stays on duty.") % {"name": turn.keeps}] if turn.keeps else []
    return [" ".join([within, *stays]), CHECK_IN_LINK]


def _time(at: datetime | None, zone: ZoneInfo) -> str:
    if at is None:
        return ""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"
