"""Coverage: what would leave an alert untold, each with the way to where it is mended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from tocsin.accounts.rules import Permission
from tocsin.core.clock import utc_now
from tocsin.delivery.coverage import coverage
from tocsin.delivery.rules.coverage import CURES, TITLES, DeadEnd, Item, Section, count_broken
from tocsin.policies.queries import is_any_enabled
from tocsin.web.console.actors import may
from tocsin.web.console.display import clock
from tocsin.web.console.outlets import failure_text
from tocsin.web.console.words import said

PAGES = {
    "policy": "policies_notificationpolicy_change",
    "group": "contacts_contactgroup_change",
    "schedule": "oncall_schedule_change",
    "robot": "contacts_robot_change",
    "webhook": "contacts_webhook_change",
    "contact": "contacts_contact_overview",
}


@require_safe
def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    found = coverage(utc_now())
    sections = [_shown(section, may_manage=may(request, Permission.MANAGE)) for section in found if section.total]
    more = {
        "title": _("Coverage"),
        "sections": sections,
        "broken": count_broken(found),
        "is_any_enabled": is_any_enabled(),
    }
    return TemplateResponse(request, "console/coverage.html", {**context, **more})


def address_of(kind: str, pk: int) -> str:
    """Where the object is changed; "" where this console has no page for it."""
    try:
        return reverse(f"console:{PAGES[kind]}", args=[pk])
    except (KeyError, NoReverseMatch):
        return ""


def _shown(section: Section, *, may_manage: bool) -> dict[str, Any]:
    return {
        "title": said(TITLES[section.dead_end]),
        "cure": said(CURES[section.dead_end]),
        "total": f"{section.total}+" if section.is_more else str(section.total),
        "rows": list(_rows(section.items)),
        "unshown": section.total - len(section.items),
        "to_verify": section.dead_end is DeadEnd.UNVERIFIED and may_manage,
        "to_drill": section.dead_end is DeadEnd.UNPROVED and may_manage,
    }


def _rows(items: tuple[Item, ...]) -> Iterator[dict[str, str | int]]:
    for item in items:
        note = failure_text(item.failure) if item.failure else ""
        if item.since is not None and item.until is not None:
            note = _now("nobody from %(since)s to %(until)s") % {"since": clock(item.since), "until": clock(item.until)}
        yield {"id": item.id, "name": item.name, "url": address_of(item.kind, item.id), "note": note}
