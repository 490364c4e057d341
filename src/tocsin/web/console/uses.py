"""Names what uses a notification object, with a link to where that is edited."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.contacts.rules import Use
from tocsin.policies.queries import policies_left_empty

_KINDS = {
    "policy": (_("notification policy"), "policies_notificationpolicy_change"),
    "group": (_("contact group"), "contacts_contactgroup_change"),
}


def notes_on_deleting(ids: Collection[int], uses: Iterable[Use]) -> list[SafeString]:
    """What uses the notification objects, and which policies would tell nobody without them."""
    empty = _now("will tell nobody.")
    left = policies_left_empty(ids)
    named = uses_list(Use(object_id=policy.pk, kind="policy", id=policy.pk, name=policy.name) for policy in left)
    return [*uses_list(uses), *(format_html("{} <b>{}</b>", line, empty) for line in named)]


def uses_list(uses: Iterable[Use]) -> list[SafeString]:
    """One line for each user, however many of the objects it names."""
    lines = {}
    for use in uses:
        title, view = _KINDS[use.kind]
        lines[use.kind, use.id] = format_html(
            '{} <a class="text-link" href="{}">{}</a>', title, reverse(f"console:{view}", args=[use.id]), use.name
        )
    return list(lines.values())
