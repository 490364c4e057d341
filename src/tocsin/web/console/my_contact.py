"""*My contact*: what a signed-in user sees and changes of the contact that it is, whatever its role."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _now

from tocsin.accounts.services import record_reveal
from tocsin.contacts.models import Contact
from tocsin.core.clock import utc_now
from tocsin.web.console.actors import actor_of, user_of
from tocsin.web.shared.own import Owner, own_message_page, own_page


def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    owner, contact = _owner(request, context)
    if request.method != "POST":
        record_reveal(by=owner.by, now=utc_now(), instance=contact, fields=("phone", "email"))
    return own_page(request, owner)


def message(request: HttpRequest, context: dict[str, Any], delivery_id: int) -> HttpResponse:
    owner, _contact = _owner(request, context)
    return own_message_page(request, owner, delivery_id)


def _owner(request: HttpRequest, context: dict[str, Any]) -> tuple[Owner, Contact]:
    contact = _own_contact(request)
    if contact is None:
        raise Http404

    def framed(template: str, values: dict[str, Any]) -> HttpResponse:
        frame = {"title": _now("My contact"), "own_template": template, "organisation": settings.ORGANISATION}
        return render(request, "console/my_contact.html", {**context, **values, **frame})

    owner = Owner(
        contact_id=contact.pk,
        by=actor_of(request),
        page=reverse("console:my-contact"),
        message_page=lambda delivery_id: reverse("console:my-message", args=[delivery_id]),
        render=framed,
    )
    return owner, contact


def _own_contact(request: HttpRequest) -> Contact | None:
    return Contact.objects.filter(sign_in=user_of(request)).defer("legacy_chatbot_url").first()
