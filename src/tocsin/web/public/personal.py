"""`/c/<token>`, `/c/` and `/c/my/`: a contact's own page by a personal link. Opening a link uses it up only by a press.

The link is exchanged for a cookie of 30 minutes that opens this contact's page and nothing else; it is no session of
the console.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from tocsin.contacts.models import Contact
from tocsin.contacts.queries import PersonalSession, personal_link_by_token, session_by_secret
from tocsin.contacts.rules import (
    ASKING_FOR_LINKS,
    OPENING_LINKS,
    SESSION_LIFETIME,
    LinkOutcome,
    PageLimit,
    PersonalLinkView,
)
from tocsin.contacts.services import close_personal_session, masked_address, open_personal_link
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.clock import utc_now
from tocsin.delivery.personal_links import LinkSendOutcome, send_links, send_requested_link
from tocsin.web.public.opening import minutes_of, refused, token_in
from tocsin.web.shared.addresses import client_address
from tocsin.web.shared.csrf import csrf_by_token
from tocsin.web.shared.headers import secret_page
from tocsin.web.shared.own import Owner, own_message_page, own_page

COOKIE = "tocsin_contact"
_PATH = "/c/"
_LONGEST_ADDRESS = 254
_ANSWER_AFTER = 0.25
"""Seconds. Sending takes a little longer than not to send, and nobody shall learn from that who is a contact."""
_TITLES = {
    LinkOutcome.OPEN: _("Your page"),
    LinkOutcome.USED: _("This link was used already"),
    LinkOutcome.EXPIRED: _("This link has expired"),
    LinkOutcome.REPLACED: _("There is a newer message"),
    LinkOutcome.UNKNOWN: _("This link is not valid"),
    "ask": _("Your page"),
    "asked": _("Look into your messages"),
    "sent": _("A new message is on its way"),
    "limited": _("Please wait a little"),
    "refused": _("No message can be sent at the moment"),
    "too_often": _("Please wait a little"),
    "cookie": _("Please try again"),
    "closed": _("Your page is closed"),
}
_MAY_ASK_AGAIN = (LinkOutcome.USED, LinkOutcome.EXPIRED, LinkOutcome.REPLACED)

View = Callable[..., HttpResponse]


def _no_cookie(request: HttpRequest) -> HttpResponse:
    return _note(request, "cookie", status=403)


def _door(view: View) -> View:
    """What every page here shares: the headers of a secret page, the check of forms, the limit of an address."""

    @secret_page
    @require_http_methods(["GET", "HEAD", "POST"])
    @csrf_by_token(on_failure=_no_cookie)
    @wraps(view)
    def opened(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        now = utc_now()
        refused = _limited(request, OPENING_LINKS, now)
        return refused or view(request, now, *args, **kwargs)

    return opened


@_door
def ask_for_link(request: HttpRequest, now: datetime) -> HttpResponse:
    """The same answer, after the same time, whoever's the address is."""
    if request.method != "POST":
        return _ask(request)
    if (refused := _limited(request, ASKING_FOR_LINKS, now)) is not None:
        return refused
    started = time.perf_counter()
    send_requested_link(
        typed=request.POST.get("address", "")[:_LONGEST_ADDRESS], address=client_address(request), now=now
    )
    time.sleep(max(0.0, _ANSWER_AFTER - (time.perf_counter() - started)))
    return _note(request, "asked")


@_door
def open_own_link(request: HttpRequest, now: datetime, token: str) -> HttpResponse:
    """Whatever the link is worth, the status is 200: only who holds a real one learns more than from any other."""
    token, address = token_in(token), client_address(request)
    do = request.POST.get("do")
    outcome, view = personal_link_by_token(token, now)
    if do == "continue":
        opened = open_personal_link(token=token, address=address, now=now)
        if opened.outcome is LinkOutcome.OPEN:
            return _with_cookie(HttpResponseRedirect(reverse("own-page")), opened.secret)
        if opened.outcome is LinkOutcome.USED and _session(request, now) is not None:
            return HttpResponseRedirect(reverse("own-page"))
        outcome, view = opened.outcome, opened.view
    if view is None:
        return _note(request, outcome)
    with _as(view.language, view.time_zone):
        if do == "send" and outcome in _MAY_ASK_AGAIN:
            return _send_another(request, view, address, now)
        return _note(request, outcome, view)


@_door
def own(request: HttpRequest, now: datetime) -> HttpResponse:
    session = _session(request, now)
    if session is None:
        return _over(request)
    if request.method == "POST" and request.POST.get("do") == "close":
        close_personal_session(link_id=session.link_id, now=now)
        return _with_cookie(_note(request, "closed"), "")
    return _for_owner(request, session, now, own_page)


@_door
def own_message(request: HttpRequest, now: datetime, delivery_id: int) -> HttpResponse:
    session = _session(request, now)
    if session is None:
        return _over(request)
    try:
        return _for_owner(request, session, now, lambda request, owner: own_message_page(request, owner, delivery_id))
    except Http404:  # somebody else's, or forgotten: as if there were none
        return HttpResponseRedirect(reverse("own-page"))


def _for_owner(
    request: HttpRequest,
    session: PersonalSession,
    now: datetime,
    view: Callable[[HttpRequest, Owner], HttpResponse],
) -> HttpResponse:
    """In the contact's language and time zone."""
    contact = Contact.objects.only("language", "time_zone").get(pk=session.contact_id)

    def framed(template: str, context: dict[str, Any]) -> HttpResponse:
        left = minutes_of(session.expires_at - now)
        page = {
            "title": _now("How alerts reach you"),
            "organisation": settings.ORGANISATION,
            "own_template": template,
            "minutes_left": left,
            "is_by_link": True,
        }
        return render(request, "public/own.html", {**context, **page})

    owner = Owner(
        contact_id=session.contact_id,
        by=Actor(ActorKind.CONTACT, session.contact_name, session.contact_id, client_address(request)),
        page=reverse("own-page"),
        message_page=lambda delivery_id: reverse("own-message", args=[delivery_id]),
        render=framed,
        link_id=session.link_id,
    )
    with _as(contact.language, contact.time_zone):
        return view(request, owner)


def _send_another(request: HttpRequest, view: PersonalLinkView, address: str, now: datetime) -> HttpResponse:
    """To the same address, within its limits."""
    if (refused := _limited(request, ASKING_FOR_LINKS, now)) is not None:
        return refused
    by = Actor(ActorKind.CONTACT, view.contact_name, view.contact_id, address)
    (result,) = send_links(by=by, now=now, contact_ids=[view.contact_id], channels=[view.channel])
    if result.outcome is LinkSendOutcome.SENT:
        return _note(request, "sent", view)
    if result.outcome is LinkSendOutcome.LIMITED and result.retry_at is not None:
        return _note(request, "limited", view, minutes=minutes_of(result.retry_at - now))
    return _note(request, "refused", view)


def _session(request: HttpRequest, now: datetime) -> PersonalSession | None:
    return session_by_secret(request.COOKIES.get(COOKIE, ""), now)


def _over(request: HttpRequest) -> HttpResponse:
    return _with_cookie(_ask(request, is_over=True), "")


def _with_cookie(response: HttpResponse, secret: str) -> HttpResponse:
    """Sets it, or with "" takes it away."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_LIFETIME.total_seconds()) if secret else 0,
        path=settings.BASE_PATH + _PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _limited(request: HttpRequest, limit: PageLimit, now: datetime) -> HttpResponse | None:
    return refused(
        request, now, lambda wait: _note(request, "too_often", status=429, minutes=minutes_of(wait)), limit=limit
    )


def _ask(request: HttpRequest, *, is_over: bool = False) -> HttpResponse:
    context = {"title": _TITLES["ask"], "organisation": settings.ORGANISATION, "is_over": is_over}
    return render(request, "public/ask.html", context)


def _note(
    request: HttpRequest, state: str, view: PersonalLinkView | None = None, *, status: int = 200, **context: Any
) -> HttpResponse:
    known = {"name": view.contact_name, "sent_to": masked_address(view.channel, view.address)} if view else {}
    context |= {"state": state, "title": _TITLES[state], "organisation": settings.ORGANISATION, **known}
    template = "link" if state == LinkOutcome.OPEN else "link_note"
    return render(request, f"public/{template}.html", context, status=status)


@contextmanager
def _as(language: str, time_zone: str) -> Iterator[None]:
    """The contact's own, or what the browser asks for and the installation has."""
    zone = ZoneInfo(time_zone) if time_zone else timezone.get_default_timezone()
    with translation.override(language or translation.get_language()), timezone.override(zone):
        yield
