"""`/v/<token>` and `/v/`: where a contact confirms a number. Looking changes nothing, only pressing the button does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from tocsin.contacts.queries import verification_by_token
from tocsin.contacts.rules import (
    ASKING_FOR_TEXTS,
    ENTERING_CODES,
    OPENING_LINKS,
    PageLimit,
    VerificationMethod,
    VerificationView,
    VerifyOutcome,
)
from tocsin.contacts.services import verify_by_code, verify_by_link
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.clock import utc_now
from tocsin.core.phones import mask
from tocsin.delivery.verifications import SendOutcome, send_verifications
from tocsin.web.public.opening import minutes_of, refused, token_in
from tocsin.web.shared.addresses import client_address
from tocsin.web.shared.csrf import csrf_by_token
from tocsin.web.shared.headers import secret_page

_TITLES = {
    "open": _("Confirm your number"),
    "code": _("Enter your code"),
    "verified": _("Your number is verified"),
    "used": _("This number is already verified"),
    "already_verified": _("This number is already verified"),
    "expired": _("This link has expired"),
    "replaced": _("There is a newer message"),
    "unknown": _("This link is not valid"),
    "sent": _("A new message is on its way"),
    "called": _("We are calling you"),
    "limited": _("Please wait a little"),
    "refused": _("No message can be sent at the moment"),
    "too_often": _("Please wait a little"),
    "cookie": _("Please try again"),
}
"""By the page's state: an outcome's value, or what asking for a new text came to."""
_MAY_ASK_AGAIN = (VerifyOutcome.EXPIRED, VerifyOutcome.REPLACED)
_LONGEST_NUMBER, _LONGEST_CODE = 64, 32


def _no_cookie(request: HttpRequest) -> HttpResponse:
    return _page(request, "cookie", status=403)


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_by_token(on_failure=_no_cookie)
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Whatever the link is worth, the status is 200: only who holds a real one learns more than from any other."""
    now, address = utc_now(), client_address(request)
    if (response := _refused(request, OPENING_LINKS, now)) is not None:
        return response
    token = token_in(token)
    if request.method == "POST" and request.POST.get("do") == "verify":
        verified = verify_by_link(token=token, address=address, now=now)
        pressed_again = verified.outcome is VerifyOutcome.USED
        outcome = VerifyOutcome.VERIFIED if pressed_again else verified.outcome
        return _page(request, outcome, verified.view)
    outcome, view = verification_by_token(token, now)
    if request.method == "POST" and view is not None and outcome in _MAY_ASK_AGAIN:
        return _send_another(request, view, address, now)
    return _page(request, outcome, view)


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_by_token(on_failure=_no_cookie)
def enter_code(request: HttpRequest) -> HttpResponse:
    """One and the same refusal for unknown numbers, wrong, old and worn-out codes: nobody learns who is a contact."""
    if request.method != "POST":
        return _page(request, "code")
    now, address = utc_now(), client_address(request)
    if (response := _refused(request, ENTERING_CODES, now)) is not None:
        return response
    phone, code = request.POST.get("phone", "")[:_LONGEST_NUMBER], request.POST.get("code", "")[:_LONGEST_CODE]
    verified = verify_by_code(phone=phone, code=code, address=address, now=now)
    if verified.outcome in (VerifyOutcome.VERIFIED, VerifyOutcome.USED):
        return _page(request, VerifyOutcome.VERIFIED, verified.view)
    return _page(request, "code", typed=phone, is_refused=True)


def _send_another(request: HttpRequest, view: VerificationView, address: str, now: datetime) -> HttpResponse:
    """To the same number, within the number's limits."""
    if (response := _refused(request, ASKING_FOR_TEXTS, now)) is not None:
        return response
    by = Actor(ActorKind.CONTACT, view.contact_name, view.contact_id, address)
    (result,) = send_verifications(by=by, now=now, contact_ids=[view.contact_id])
    if result.outcome is SendOutcome.SENT:
        if result.method is VerificationMethod.CALL:
            return _page(request, "called", view, is_code=True)
        return _page(request, "sent", view, is_code=result.method is not VerificationMethod.LINK)
    if result.outcome is SendOutcome.LIMITED and result.retry_at is not None:
        return _page(request, "limited", view, minutes=minutes_of(result.retry_at - now))
    if result.outcome is SendOutcome.ALREADY_VERIFIED:
        return _page(request, VerifyOutcome.ALREADY_VERIFIED, view)
    return _page(request, "refused", view)


def _refused(request: HttpRequest, limit: PageLimit, now: datetime) -> HttpResponse | None:
    return refused(
        request, now, lambda wait: _page(request, "too_often", status=429, minutes=minutes_of(wait)), limit=limit
    )


def _page(
    request: HttpRequest, state: str, view: VerificationView | None = None, *, status: int = 200, **context: Any
) -> HttpResponse:
    known = {"name": view.contact_name, "number": mask(view.phone)} if view is not None else {}
    context |= {"state": state, "title": _TITLES[state], "organisation": settings.ORGANISATION, **known}
    template = state if state in ("open", "code") else "note"
    return render(request, f"public/{template}.html", context, status=status)
