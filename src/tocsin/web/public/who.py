"""Who opens a link that a whole group has: a code to a verified number, once, and a cookie that remembers it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _now

from tocsin.contacts.models import Contact
from tocsin.contacts.queries import phone_digest
from tocsin.contacts.rules import ASKING_FOR_TEXTS, ENTERING_CODES
from tocsin.contacts.services import count_request
from tocsin.delivery.alert_links import AlertLink
from tocsin.delivery.group_codes import contact_with_number, is_code_of, send_code
from tocsin.web.shared.addresses import client_address

COOKIE = "tocsin_who"
_PATH = "/a/"
_SALT = "tocsin.who"
_LASTS = timedelta(days=30)
_LONGEST = 64
_ANSWER_AFTER = 0.25
"""Seconds. Sending takes a little longer than not to send, and nobody shall learn from that who is a contact."""


def known_contact(request: HttpRequest) -> Contact | None:
    """Whom the cookie names, while the number that proved it is still theirs and verified."""
    try:
        said = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_LASTS)
        contact_id, digest = int(said["contact"]), str(said["number"])
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return None
    contact = Contact.objects.filter(pk=contact_id, phone_verified_at__isnull=False).first()
    return contact if contact is not None and phone_digest(contact.phone or "") == digest else None


def ask_who(request: HttpRequest, link: AlertLink, now: datetime) -> HttpResponse:
    """One and the same answer whether the number is a contact's or not."""
    typed = request.POST.get("number", "")[:_LONGEST]
    match request.POST.get("do", "") if request.method == "POST" else "":
        case "ask":
            return _send(request, link, typed, now)
        case "code":
            return _check(request, link, typed, now)
        case _:
            return _form(request, link)


def _send(request: HttpRequest, link: AlertLink, typed: str, now: datetime) -> HttpResponse:
    started = time.perf_counter()
    if count_request(limit=ASKING_FOR_TEXTS, address=client_address(request), now=now) is None:
        contact = contact_with_number(typed)
        if contact is not None:
            send_code(contact, now)
    time.sleep(max(0.0, _ANSWER_AFTER - (time.perf_counter() - started)))
    return _form(request, link, number=typed)


def _check(request: HttpRequest, link: AlertLink, typed: str, now: datetime) -> HttpResponse:
    if count_request(limit=ENTERING_CODES, address=client_address(request), now=now) is None:
        contact = contact_with_number(typed)
        if contact is not None and is_code_of(contact, request.POST.get("code", "")[:_LONGEST], now):
            return _remember(HttpResponseRedirect(request.get_full_path()), contact)
    return _form(request, link, number=typed, is_refused=True)


def _remember(response: HttpResponse, contact: Contact) -> HttpResponse:
    said = {"contact": contact.pk, "number": phone_digest(contact.phone or "")}
    response.set_cookie(
        COOKIE, signing.dumps(said, salt=_SALT), max_age=int(_LASTS.total_seconds()), path=settings.BASE_PATH + _PATH,
        secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax",
    )  # fmt: skip
    return response


def _form(request: HttpRequest, link: AlertLink, *, number: str = "", is_refused: bool = False) -> HttpResponse:
    context = {
        "title": _now("Who are you?"),
        "organisation": settings.ORGANISATION,
        "alerts": link.alerts[:5],
        "number": number,
        "is_refused": is_refused,
    }
    return render(request, "public/who.html", context)
