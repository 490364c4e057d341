"""Verify Mobile Numbers: before, how many texts or calls go out; after, a result for each contact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.accounts.rules import Permission
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import VerificationMethod
from tocsin.core.clock import utc_now
from tocsin.core.phones import mask
from tocsin.delivery.verifications import SendOutcome, VerificationResult, preview_verifications, send_verifications
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.display import clock

CONFIRMED = "confirmed"
_SHOWN = 200
_BEFORE: Mapping[SendOutcome, str | Promise] = {
    SendOutcome.SENT: _("gets a text message"),
    SendOutcome.ALREADY_VERIFIED: _("is verified already"),
    SendOutcome.NO_NUMBER: _("has no number"),
    SendOutcome.LIMITED: _("got too many texts; the next one may go at %(time)s"),
    SendOutcome.REFUSED: _("cannot be sent one: %(detail)s"),
    SendOutcome.UNKNOWN: _("no longer exists"),
}
_CALLED = _("is called and hears a code")
_AFTER: Mapping[SendOutcome, str | Promise] = {**_BEFORE, SendOutcome.SENT: _("sent")}
_TOLD: Mapping[SendOutcome, str | Promise] = {
    SendOutcome.SENT: _("A verification text to %(number)s is on its way."),
    SendOutcome.LIMITED: _(
        "No verification text was sent: this number got too many of them. The next one may go at %(time)s."
    ),
    SendOutcome.REFUSED: _("No verification text was sent: %(detail)s"),
}
_CODE_SENT = _("A text with a code to %(number)s is on its way; it is to be entered at %(address)s")
_CALL_PLACED = _("%(number)s is called and hears a code; it is to be entered at %(address)s")
_BY_CODE: Mapping[VerificationMethod | None, Promise | str] = {
    VerificationMethod.CODE: _CODE_SENT,
    VerificationMethod.CALL: _CALL_PLACED,
}
_RANKS = {outcome: rank for rank, outcome in enumerate(SendOutcome)}
_COLOURS = {SendOutcome.SENT: "success", SendOutcome.ALREADY_VERIFIED: "default"}


def verification_page(
    request: HttpRequest,
    context: Mapping[str, Any],
    ids: Collection[int],
    hidden: Collection[tuple[str, str]] = (),
    *,
    by_call: bool = False,
) -> HttpResponse:
    """The question, or after a POST that confirms it the results. `hidden` are fields that the POST must carry."""
    require(request, Permission.MANAGE)
    now = utc_now()
    is_sent = request.method == "POST" and CONFIRMED in request.POST
    if is_sent:
        results = send_verifications(by=actor_of(request), now=now, contact_ids=ids, by_call=by_call)
    else:
        results = preview_verifications(now=now, contact_ids=ids, by_call=by_call)
    counts = Counter(result.outcome for result in results)
    methods = {result.method for result in results}
    words = _AFTER if is_sent else _BEFORE
    ranked = sorted(results, key=lambda result: _RANKS[result.outcome])
    return TemplateResponse(
        request,
        "console/verify.html",
        {
            **context,
            "title": _now("Call with a code") if by_call else _now("Verify Mobile Numbers"),
            "are_calls": by_call or VerificationMethod.CALL in methods,
            "are_codes": VerificationMethod.CODE in methods,
            "is_sent": is_sent,
            "code_page": f"{settings.PUBLIC_URL}/v/",
            "texts": counts[SendOutcome.SENT],
            "rows": [_row(result, words) for result in ranked[:_SHOWN]],
            "more": max(0, len(ranked) - _SHOWN),
            "hidden": hidden,
            "confirmed": CONFIRMED,
            "nobody": not counts[SendOutcome.SENT],
        },
    )


def send_and_tell(request: HttpRequest, contact: Contact) -> None:
    """A verification to the number that was just saved; a message says what came of it."""
    (result,) = send_verifications(by=actor_of(request), now=utc_now(), contact_ids=[contact.pk])
    text = str(_BY_CODE.get(result.method) or _TOLD[result.outcome]) % {
        "address": f"{settings.PUBLIC_URL}/v/",
        "number": mask(contact.phone or ""),
        "time": clock(result.retry_at) if result.retry_at else "",
        "detail": result.detail,
    }
    if result.delivery_id is None:
        messages.warning(request, text)
        return
    url = reverse("console:delivery_delivery_change", args=[result.delivery_id])
    link = format_html('<a class="text-link" href="{}">{}</a>', url, _now("What became of it"))
    messages.success(request, format_html("{} {}", text, link))


def _row(result: VerificationResult, words: Mapping[SendOutcome, str | Promise]) -> tuple[VerificationResult, str, str]:
    """The result, its words and its colour."""
    time = clock(result.retry_at) if result.retry_at else ""
    is_call = result.outcome is SendOutcome.SENT and result.method is VerificationMethod.CALL
    text = str(_CALLED if is_call and words is _BEFORE else words[result.outcome])
    text %= {"time": time, "detail": result.detail}
    return result, text, _COLOURS.get(result.outcome, "warning")
