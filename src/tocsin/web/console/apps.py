from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

_GROUPS = {
    "alerts": _("Alert Management"),
    "events": _("Alert Management"),
    "policies": _("Alert Management"),
    "contacts": _("Notification Objects"),
    "delivery": _("Delivery"),
    "channels": _("Settings"),
    "accounts": _("Settings"),
    "auditlog": _("Settings"),
}
"""App -> the group of the sidebar in which its tables stand: what the path above a page says."""


class ConsoleConfig(AppConfig):
    name = "tocsin.web.console"
    label = "console"

    def ready(self) -> None:
        for label, group in _GROUPS.items():
            apps.get_app_config(label).verbose_name = group
