"""Choices that several forms offer."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.utils.translation import gettext as _


def language_choices() -> list[tuple[str, Any]]:
    return [("", _("Default")), *settings.LANGUAGES]


def zone_choices() -> list[tuple[str, Any]]:
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    return [("", _("Default (%(zone)s)") % {"zone": settings.TIME_ZONE}), *((zone, zone) for zone in zones)]
