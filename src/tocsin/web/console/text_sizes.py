"""How long a text is as its channel counts: parts of a text message, bytes of a group message."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tocsin.channels.kinds import ROBOT_PLATFORMS, Channel
from tocsin.channels.registry import robot_provider
from tocsin.channels.texts import is_gsm7, sms_parts, to_gsm7_if_possible
from tocsin.web.console.words import CHANNELS


def said_size(channel: str, text: str) -> str:
    """For people; "" where nothing counts. `channel` may be "robot", for chatbots of any platform."""
    if channel == Channel.SMS:
        return _parts(to_gsm7_if_possible(text))
    if channel == "robot" or channel in ROBOT_PLATFORMS:
        return _bytes(text, [Channel(channel)] if channel in ROBOT_PLATFORMS else ROBOT_PLATFORMS)
    return ""


def _parts(text: str) -> str:
    parts = sms_parts(text)
    values = {"parts": parts, "characters": len(text), "alphabet": "GSM-7" if is_gsm7(text) else "UCS-2"}
    return (
        ngettext(
            "%(parts)d part, %(characters)d characters of %(alphabet)s",
            "%(parts)d parts, %(characters)d characters of %(alphabet)s",
            parts,
        )
        % values
    )


def _bytes(text: str, platforms: tuple[Channel, ...] | list[Channel]) -> str:
    size = len(text.encode("utf-8", "replace"))
    limits = {
        platform: kind.capabilities.max_bytes
        for platform in platforms
        if (kind := robot_provider(platform)) is not None and kind.capabilities.max_bytes
    }
    cut = sorted((most, platform) for platform, most in limits.items() if most < size)
    if not cut:
        return _("%(bytes)d bytes") % {"bytes": size}
    most, platform = cut[0]
    values = {"bytes": size, "platform": CHANNELS.get(platform, platform), "most": most}
    return _("%(bytes)d bytes; %(platform)s takes %(most)d, so the text is cut there") % values
