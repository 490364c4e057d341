"""Names what uses a notification object, with a link to where that is edited."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tocsin.contacts.rules import Use

_KINDS = {
    "policy": (_("notification policy"), "policies_notificationpolicy_change"),
    "group": (_("contact group"), "contacts_contactgroup_change"),
}


def uses_list(uses: Iterable[Use]) -> list[SafeString]:
    """One line for each user, however many of the objects it names."""
    lines = {}
    for use in uses:
        title, view = _KINDS[use.kind]
        lines[use.kind, use.id] = format_html(
            '{} <a class="text-link" href="{}">{}</a>', title, reverse(f"console:{view}", args=[use.id]), use.name
        )
    return list(lines.values())
