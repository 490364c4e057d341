"""Choices that several forms offer, on every face."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.utils.translation import gettext as _

from tocsin.contacts.models import FALLBACK_LABELS, default_fallback_choices
from tocsin.contacts.queries import get_defaults
from tocsin.contacts.rules import Fallback


def language_choices() -> list[tuple[str, Any]]:
    return [("", _("Default")), *settings.LANGUAGES]


def zone_choices() -> list[tuple[str, Any]]:
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    return [("", _("Default (%(zone)s)") % {"zone": settings.TIME_ZONE}), *((zone, zone) for zone in zones)]


def fallback_choices() -> list[tuple[str, Any]]:
    """The global default says what it is now."""
    now_used = FALLBACK_LABELS[Fallback(get_defaults().fallback)]
    default = _("%(choice)s (currently: %(now)s)") % {
        "choice": FALLBACK_LABELS[Fallback.DEFAULT],
        "now": str(now_used).lower(),
    }
    return [(Fallback.DEFAULT.value, default), *default_fallback_choices()]
