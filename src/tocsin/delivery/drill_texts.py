"""What a fire drill says, and the link that confirms it: put into the text when it is sent, and stored nowhere."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.base import CallKey
from tocsin.channels.kinds import Channel
from tocsin.core.tickets import read_ticket, ticket
from tocsin.delivery.models import Content
from tocsin.delivery.render import zone_named
from tocsin.delivery.speech import plain_speech

CONFIRM_KEY = "1"
_PURPOSE = "drill-link"
_PLACE = "{drill-link}"


def drill_content(channel: Channel, *, language: str, time_zone: str, deadline_at: datetime) -> Content:
    local = deadline_at.astimezone(zone_named(time_zone))
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        values = {"organisation": settings.ORGANISATION, "time": f"{local:%Y-%m-%d %H:%M} {local.tzname()}"}
        if channel is Channel.PHONE:
            said = _("This is %(organisation)s with a drill. Nothing is wrong.") % {
                "organisation": plain_speech(settings.ORGANISATION)
            }
            return Content(text=" ".join([said, _("Press 1 to confirm that this call reached you.")]))
        text = (
            _("%(organisation)s: a drill, nothing is wrong. Please confirm by %(time)s that this reached you:") % values
        )
        subject = _("%(organisation)s: please confirm that this reaches you") % values
        return Content(subject=subject if channel is Channel.EMAIL else "", text=f"{text} {_PLACE}")


def with_drill_link(text: str, delivery_id: int, *, carries_links: bool) -> str:
    """The text with the link of this very message; without any where the vendor forbids links."""
    if not settings.PUBLIC_URL or not carries_links:
        return text.replace(f" {_PLACE}", "")
    return text.replace(_PLACE, f"{settings.PUBLIC_URL}/d/{drill_token(delivery_id)}")


def drill_keys(language: str) -> dict[str, CallKey]:
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        return {CONFIRM_KEY: CallKey(_("Thank you. This is confirmed. Goodbye."))}


def drill_token(delivery_id: int) -> str:
    return ticket(settings.SECRET_KEYS[0], _PURPOSE, delivery_id)


def delivery_of_token(token: str) -> int | None:
    return read_ticket(settings.SECRET_KEYS, _PURPOSE, token)
