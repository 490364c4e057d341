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
    "escalation": (_("escalation policy"), "policies_escalationpolicy_change"),
    "schedule": (_("on-call schedule"), "oncall_schedule_page"),
    "group": (_("contact group"), "contacts_contactgroup_change"),
    "subscription": (_("life-cycle subscription"), "delivery_lifecyclesubscription_change"),
}
MOST_NAMED = 200


def notes_on_deleting(ids: Collection[int], uses: Iterable[Use], *, unnamed: int = 0) -> list[SafeString]:
    """What uses the notification objects, itself or by a group that is left empty; first, and bold, which tells nobody.

    `unnamed`: how many users there are beside these.
    """
    left = [Use(policy.pk, "policy", policy.pk, policy.name) for policy in policies_left_empty(ids)]
    empty = {(use.kind, use.id) for use in left}
    nobody = format_html(" <b>{}</b>", _now("will tell nobody."))
    found = {(use.kind, use.id): use for use in [*left, *uses]}
    lines = _lines(list(found.values())[:MOST_NAMED])
    notes = [format_html("{}{}", line, nobody) if key in empty else line for key, line in lines.items()]
    if more := len(found) - len(lines) + unnamed:
        notes.append(format_html("{}", _now("and %(count)d more") % {"count": more}))
    return notes


def uses_list(uses: Iterable[Use]) -> list[SafeString]:
    """One line for each user, however many of the objects it names."""
    return list(_lines(uses).values())


def _lines(uses: Iterable[Use]) -> dict[tuple[str, int], SafeString]:
    lines = {}
    for use in uses:
        title, view = _KINDS[use.kind]
        lines[use.kind, use.id] = format_html(
            '{} <a class="text-link" href="{}">{}</a>', title, reverse(f"console:{view}", args=[use.id]), use.name
        )
    return lines
