"""`/a/<token>`: the alerts that one message told of, for whoever got it, without sign-in. Looking changes nothing.

GET never acts, since message apps fetch links beforehand; a POST does, and leads back to the page by a redirect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from tocsin.alerts.common_labels import labels_in_common
from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.contacts.models import Contact
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError, TocsinError
from tocsin.delivery.acting import Act, Typed, act_on_alert
from tocsin.delivery.alert_links import AlertLink, alert_link, chosen_alert, others_told
from tocsin.delivery.render import alert_url
from tocsin.delivery.summaries import sample_events
from tocsin.delivery.timeline import timeline
from tocsin.web.public.opening import minutes_of, refused, token_in
from tocsin.web.public.who import ask_who, known_contact
from tocsin.web.shared.addresses import client_address
from tocsin.web.shared.csrf import csrf_by_token
from tocsin.web.shared.headers import secret_page

_LONGEST_TEXT = 4001
_ENTRIES = 60
_DONE = {
    Act.CLAIM: _("You have claimed this alert: messages that were still to go out about it are stopped."),
    Act.UNCLAIM: _("You gave the alert back."),
    Act.RESOLVE: _("The alert is resolved."),
    Act.REOPEN: _("The alert is open again."),
    Act.COMMENT: _("Your comment was added."),
    Act.ASSIGN: _("The alert was given away."),
    Act.SEVERITY: _("The severity was changed."),
    Act.MUTE: _("Nothing is sent about this alert for a while."),
    Act.UNMUTE: _("Messages about this alert go out again."),
    Act.ESCALATE: _("The next step of the escalation is told now."),
}
MUTES = (15, 60, 4 * 60, 24 * 60)
_STATES = {
    AlertState.PENDING: _("pending"),
    AlertState.HANDLING: _("being handled"),
    AlertState.RESOLVED: _("resolved"),
}


def _no_cookie(request: HttpRequest) -> HttpResponse:
    return _note(request, "cookie", status=403)


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_by_token(on_failure=_no_cookie)
def open_alert(request: HttpRequest, token: str) -> HttpResponse:
    """Whatever the link is worth, the status is 200: only who holds a real one learns more than from any other."""
    now = utc_now()
    response = refused(request, now, lambda wait: _note(request, "too_often", status=429, minutes=minutes_of(wait)))
    if response is not None:
        return response
    token = token_in(token)
    link = alert_link(token, now)
    if link is None:
        return _note(request, "unknown")
    contact = link.contact or known_contact(request)
    if contact is None:
        return ask_who(request, link, now)
    with translation.override(contact.language or translation.get_language()), timezone.override(_zone(contact)):
        alert = chosen_alert(link, request.GET.get("alert", ""), now)
        if alert is None:
            return _list(request, link, token)
        if request.method == "POST":
            return _act(request, alert, contact, token, now)
        return _page(request, alert, contact, link, token, now)


def _act(request: HttpRequest, alert: Alert, contact: Contact, token: str, now: datetime) -> HttpResponse:
    try:
        act = Act(request.POST.get("do", ""))
    except ValueError:
        return HttpResponseRedirect(_address(token, alert))
    by = Actor(ActorKind.CONTACT, contact.name, contact.pk, client_address(request))
    others = others_told(alert.pk, but=contact.pk) if act is Act.ASSIGN else []
    typed = _typed(request, [pk for pk, _name in others])
    try:
        act_on_alert(act, by=by, now=now, alert_id=alert.pk, how="link", typed=typed)
    except TocsinError as error:
        link = alert_link(token, now)
        if link is None:
            return _note(request, "unknown")
        again = chosen_alert(link, str(alert.pk), now)
        return _page(request, again or alert, contact, link, token, now, problem=_said(error), typed=typed.text)
    return HttpResponseRedirect(_address(token, alert, did=act))


def _page(
    request: HttpRequest,
    alert: Alert,
    contact: Contact,
    link: AlertLink,
    token: str,
    now: datetime,
    *,
    problem: str = "",
    typed: str = "",
) -> HttpResponse:
    did = request.GET.get("did", "") if request.method == "GET" else ""
    is_open = alert.state != AlertState.RESOLVED
    context = {
        "title": alert.title,
        "organisation": settings.ORGANISATION,
        "alert": alert,
        "name": contact.name,
        "state": _STATES[AlertState(alert.state)],
        "is_open": is_open,
        "is_claimed": alert.state == AlertState.HANDLING,
        "is_muted": alert.muted_until is not None and alert.muted_until > now,
        "has_escalation": is_open and alert.policy_version.escalation_id is not None,
        "labels": sorted((labels_in_common([alert.pk]).get(alert.pk) or alert.group_labels).items()),
        "summaries": list(dict.fromkeys(event.summary for event in sample_events([alert.pk])[alert.pk][:3])),
        "entries": list(reversed(timeline(alert.pk, limit=_ENTRIES))),
        "others": others_told(alert.pk, but=contact.pk) if is_open else [],
        "severities": range(1, 7),
        "may_reopen": not is_open and alert.active_count > 0,
        "mutes": [(minutes, _span(minutes)) for minutes in MUTES],
        "done": str(_DONE[Act(did)]) if did in list(Act) else "",
        "problem": problem,
        "typed": typed,
        "action": _address(token, alert),
        "console": alert_url(alert.pk),
        "list": reverse("open-alert", args=[token]) if link.count > 1 else "",
    }
    return render(request, "public/alert.html", context)


def _list(request: HttpRequest, link: AlertLink, token: str) -> HttpResponse:
    rows = [(alert, _STATES[AlertState(alert.state)], _address(token, alert)) for alert in link.alerts]
    title = _now("%(count)d alerts") % {"count": link.count}
    more = link.count - len(rows)
    rest = ngettext("... and %(count)d more", "... and %(count)d more", more) % {"count": more} if more else ""
    context = {"title": title, "organisation": settings.ORGANISATION, "rows": rows, "rest": rest}
    return render(request, "public/alerts.html", context)


def _note(request: HttpRequest, state: str, *, status: int = 200, **context: Any) -> HttpResponse:
    titles = {
        "unknown": _("This link is not valid"),
        "cookie": _("Please try again"),
        "too_often": _("Please wait a little"),
    }
    page = {"state": state, "title": titles[state], "organisation": settings.ORGANISATION, **context}
    return render(request, "public/alert_note.html", page, status=status)


def _address(token: str, alert: Alert, did: str = "") -> str:
    query = {"alert": alert.pk, **({"did": did} if did else {})}
    return f"{reverse('open-alert', args=[token])}?{urlencode(query)}"


def _typed(request: HttpRequest, others: Iterable[int]) -> Typed:
    """Only what the page offers."""
    return Typed(
        text=request.POST.get("text", "")[:_LONGEST_TEXT],
        minutes=_chosen(request, "minutes", MUTES) or MUTES[1],
        severity=_chosen(request, "severity", range(1, 7)),
        contact_id=_chosen(request, "contact", others),
        seen=_seen(request),
    )


def _chosen(request: HttpRequest, field: str, offered: Iterable[int]) -> int:
    """0 for what is not offered."""
    typed = request.POST.get(field, "")
    return next((number for number in offered if str(number) == typed), 0)


def _seen(request: HttpRequest) -> int | None:
    """How often the alert had been escalated when the page was made: its button takes one step, however often it is
    pressed. None on a page from before it said so.
    """
    typed = request.POST.get("seen", "")
    return int(typed) if re.fullmatch(r"[0-9]{1,9}", typed) else None


def _span(minutes: int) -> str:
    if minutes < 60:
        return _now("%(count)d minutes") % {"count": minutes}
    hours = minutes // 60
    return _now("1 hour") if hours == 1 else _now("%(count)d hours") % {"count": hours}


def _said(error: TocsinError) -> str:
    return " ".join(error.fields.values()) if isinstance(error, InvalidInputError) else str(error)


def _zone(contact: Contact) -> Any:
    try:
        return ZoneInfo(contact.time_zone) if contact.time_zone else timezone.get_default_timezone()
    except (ZoneInfoNotFoundError, ValueError):
        return timezone.get_default_timezone()
