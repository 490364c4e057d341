"""Moving policies in their list: by buttons of the list's own form, which work without script, or by dragging."""

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
    return format_html(
        '<span class="tc-place" data-place="{}" data-position="{}" data-order-url="{}">'
        '<span class="tc-place-grip material-symbols-outlined" data-grip hidden aria-hidden="true" title="{}">'
        "drag_indicator</span><span>{}</span>{}{}</span>",
        str(policy.pk), str(policy.position), reverse("console:policy_order"), _("Drag to another place"), place,
        *buttons,
    )  # fmt: skip


def typed_ids(text: str) -> list[int]:
    """ "3,1,2" -> ids; what is none is left out, so that it is no order of the list."""
    return [int(word) for word in text.split(",") if word.isascii() and word.isdecimal() and len(word) < 19]
