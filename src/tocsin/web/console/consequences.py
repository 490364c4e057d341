"""Consequences before they happen: what the dialogs of contacts and groups say that would be lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now

from tocsin.contacts import queries
from tocsin.contacts.rules import Use
from tocsin.oncall.queries import schedules_left_empty
from tocsin.policies.queries import policies_left_empty
from tocsin.web.console.uses import MOST_NAMED, notes_on_deleting, uses_list


def notes_on_emptying(groups: Collection[tuple[int, str]]) -> list[SafeString]:
    """Groups that would have no members left, each with what uses it."""
    if not groups:
        return []
    ids = [pk for pk, _name in groups]
    uses = queries.uses_of(ids)
    nobody = {policy.pk for policy in policies_left_empty(ids)}
    lines = []
    for pk, name in groups:
        mine = [use for use in uses if use.object_id == pk]
        text = format_html("{}", _now("The group %(name)s will have no members.") % {"name": name})
        if mine:
            told = format_html_join(", ", "{}", ((line,) for line in uses_list(mine)))
            text = format_html("{} {} {}", text, _now("It is used by:"), told)
        if any(use.kind == "policy" and use.id in nobody for use in mine):
            text = format_html("{} <b>{}</b>", text, _now("Nobody else is told there."))
        lines.append(text)
    return lines


def notes_on_change(found: queries.Consequences, has_number: bool) -> list[SafeString]:
    """What editing a contact costs."""
    lines = []
    if found.uses_losing_phone:
        why = (
            _now("The new number is not verified. Until it is, these tell the contact by neither call nor text:")
            if has_number
            else _now("Without a number, these tell the contact by neither call nor text:")
        )
        names = format_html_join(", ", "{}", ((line,) for line in uses_list(found.uses_losing_phone)))
        lines.append(format_html("{} {}", why, names))
    return [*lines, *notes_on_emptying(found.emptied_groups)]


def notes_on_deleting_contacts(ids: Collection[int]) -> list[SafeString]:
    """What is left empty without the contacts, and what uses them: groups that only grow smaller come last."""
    found = queries.groups_losing(ids, most=MOST_NAMED)
    uses = [*queries.registered_uses(ids), *(Use(0, "group", pk, name) for pk, name in found.named)]
    notes = notes_on_deleting(ids, uses, unnamed=found.total - len(found.named))
    lines = [_now("The group %(name)s will have no members.") % {"name": name} for _pk, name in found.emptied]
    if more := found.emptied_total - len(found.emptied):
        lines.append(_now("and %(count)d more groups will have no members.") % {"count": more})
    for _pk, name in schedules_left_empty(ids):
        lines.append(_now("The schedule %(name)s will have nobody in any layer.") % {"name": name})
    return [*(format_html("{}", line) for line in lines), *notes]


def confirmation(
    request: HttpRequest,
    context: Mapping[str, Any],
    *,
    title: str,
    text: str,
    notes: Collection[str] = (),
    names: Collection[str] = (),
    hidden: Collection[tuple[str, str]] = (),
    cancel_url: str = "",
    is_anew: bool = False,
) -> HttpResponse:
    """The question before an act; its form posts `confirmed` and what is `hidden` to the same address.

    `is_anew`: it was answered, but about others.
    """
    return TemplateResponse(
        request,
        "console/confirmation.html",
        {
            **context,
            "title": title,
            "text": text,
            "notes": notes,
            "names": names,
            "hidden": hidden,
            "cancel_url": cancel_url,
            "is_anew": is_anew,
        },
    )
