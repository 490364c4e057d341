"""Moving policies up and down in their list: buttons of the list's own form, so that they work without script."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tocsin.policies.models import NotificationPolicy


def place_buttons(policy: NotificationPolicy, place: str) -> SafeString:
    """The policy's place, and a button for each way."""
    ways = (
        ("policy_up", "arrow_upward", _("Move %(name)s up") % {"name": policy.name}),
        ("policy_down", "arrow_downward", _("Move %(name)s down") % {"name": policy.name}),
    )
    buttons = [
        format_html(
            '<button type="submit" class="tc-place-move" formaction="{}" formnovalidate aria-label="{}" title="{}">'
            '<span class="material-symbols-outlined" aria-hidden="true">{}</span></button>',
            reverse(f"console:{view}", args=[policy.pk]), title, title, icon,
        )
        for view, icon, title in ways
    ]  # fmt: skip
    return format_html('<span class="tc-place"><span>{}</span>{}{}</span>', place, *buttons)
