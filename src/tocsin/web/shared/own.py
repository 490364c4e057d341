"""A contact's own page, the same on every face: for who signed in and for who came by a personal link.

A face says who it is, where the page is and how it is framed; what happens is here and in delivery.own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import Readiness, readiness, uses_lost_with
from tocsin.contacts.rules import VerificationMethod
from tocsin.core.actors import Actor
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError, LimitedError, TocsinError
from tocsin.core.phones import display
from tocsin.core.phones import mask as mask_phone
from tocsin.delivery.own import OwnDelivery, change_own_contact, own_deliveries, own_delivery, send_own_test
from tocsin.delivery.queries import last_unconfirmed
from tocsin.delivery.rules import DeliveryState
from tocsin.delivery.verifications import (
    SendOutcome,
    VerificationResult,
    may_call_with_code,
    send_verifications,
)
from tocsin.web.shared.choices import fallback_choices, language_choices, zone_choices
from tocsin.web.shared.words import CHANNELS, OUTCOMES, PURPOSES, reason_text

_FIELDS = (
    "phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id", "language",
    "time_zone",
)  # fmt: skip
_LOOK_AGAIN_SECONDS = 3
_GOOD = (DeliveryState.DELIVERED,)
_BAD = (DeliveryState.FAILED, DeliveryState.AMBIGUOUS)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose page it is, who acts, and how the face frames a template. `link_id`: the personal link it came by."""

    contact_id: int
    by: Actor
    page: str
    """Address of the page."""
    message_page: Callable[[int], str]
    """Address of the page that follows one message."""
    render: Callable[[str, dict[str, Any]], HttpResponse]
    """From a template's name and its values."""
    link_id: int | None = None


class OwnForm(forms.Form):
    phone = forms.CharField(
        label=_("Phone number"),
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "maxlength": 64}),
        help_text=_("For calls and text messages. A changed number has to be verified again; we write to it at once."),
    )
    email = forms.CharField(
        label=pgettext_lazy("field", "Email"),
        required=False,
        widget=forms.TextInput(attrs={"type": "email", "autocomplete": "email", "maxlength": 254}),
        help_text=_("When it changes, we tell the old address."),
    )
    fallback = forms.ChoiceField(
        label=_("If a call does not reach you"),
        choices=fallback_choices,
    )
    user_id = forms.CharField(
        label=_("User ID"),
        required=False,
        help_text=_(
            "In DingTalk, Lark or WeCom: needed to be mentioned in Lark and WeCom groups, optional in DingTalk."
        ),
    )
    dingtalk_user_id = forms.CharField(label=_("DingTalk user ID"), required=False)
    lark_user_id = forms.CharField(
        label=_("Lark open ID"), required=False, help_text=_("Starts with ou_; Lark silently ignores any other ID.")
    )
    wecom_user_id = forms.CharField(label=_("WeCom user ID"), required=False)
    language = forms.ChoiceField(label=_("Language of messages"), choices=language_choices, required=False)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=zone_choices, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)


def own_page(request: HttpRequest, owner: Owner) -> HttpResponse:
    """GET shows; POST saves, verifies or tests, as its field `do` says."""
    contact = Contact.objects.filter(pk=owner.contact_id).defer("legacy_chatbot_url").first()
    if contact is None:
        raise Http404
    form = OwnForm(initial=_initial(contact), label_suffix="")
    if request.method != "POST":
        return _page(owner, contact, form)
    match request.POST.get("do"):
        case "save":
            return _save(request, owner, contact)
        case "verify":
            return _verify(request, owner, contact)
        case "call":
            return _verify(request, owner, contact, by_call=True)
        case "test":
            return _test(request, owner)
        case _:
            return HttpResponseRedirect(owner.page)


def own_message_page(request: HttpRequest, owner: Owner, delivery_id: int) -> HttpResponse:
    """What became of one message. Looks again by itself, without script, while something may still come."""
    delivery = own_delivery(owner.contact_id, delivery_id)
    if delivery is None:
        raise Http404
    response = owner.render("own/message.html", {"message": _row(delivery, owner), "page": owner.page})
    if delivery.is_under_way:
        response.headers["Refresh"] = str(_LOOK_AGAIN_SECONDS)
    return response


def _save(request: HttpRequest, owner: Owner, contact: Contact) -> HttpResponse:
    form = OwnForm(request.POST, label_suffix="")
    if not form.is_valid():
        return _page(owner, contact, form)
    values = dict(form.cleaned_data)
    lost = uses_lost_with(contact.pk, values["phone"])
    if lost and request.POST.get("is_warned") != values["phone"]:
        return _page(owner, contact, form, lost=sorted({use.name for use in lost}), warned_of=values["phone"])
    version = values.pop("version")
    try:
        change = change_own_contact(
            by=owner.by, now=utc_now(), contact_id=contact.pk, version=version, link_id=owner.link_id, **values
        )
    except TocsinError as error:
        _refuse(form, error)
        return _page(owner, contact, form)
    messages.success(request, _now("Your changes are saved."))
    if change.verification is not None:
        _tell(request, change.verification, change.contact)
    if change.told:
        messages.info(request, _now("We have told %(address)s of this change.") % {"address": change.told})
    return HttpResponseRedirect(owner.page)


def _verify(request: HttpRequest, owner: Owner, contact: Contact, *, by_call: bool = False) -> HttpResponse:
    (result,) = send_verifications(by=owner.by, now=utc_now(), contact_ids=[contact.pk], by_call=by_call)
    _tell(request, result, contact)
    return HttpResponseRedirect(owner.page)


def _test(request: HttpRequest, owner: Owner) -> HttpResponse:
    name = request.POST.get("channel", "")
    if name not in set(Channel):
        return HttpResponseRedirect(owner.page)
    try:
        sent = send_own_test(by=owner.by, now=utc_now(), contact_id=owner.contact_id, channel=Channel(name))
    except LimitedError as error:
        wait = error.retry_at - utc_now() if isinstance(error.retry_at, datetime) else None
        minutes = max(1, -(-int(wait.total_seconds()) // 60)) if wait else 1
        messages.warning(
            request,
            _now("These were several tests in a short time. Try again in %(minutes)d min.") % {"minutes": minutes},
        )
        return HttpResponseRedirect(owner.page)
    except TocsinError as error:
        messages.warning(request, str(error))
        return HttpResponseRedirect(owner.page)
    return HttpResponseRedirect(owner.message_page(sent.pk))


def _tell(request: HttpRequest, result: VerificationResult, contact: Contact) -> None:
    number = mask_phone(contact.phone or "")
    match result.outcome:
        case SendOutcome.SENT if result.method is VerificationMethod.LINK:
            text = _now("A message with a link is on its way to %(number)s; open it to verify the number.")
            messages.success(request, text % {"number": number})
        case SendOutcome.SENT if result.method is VerificationMethod.CALL:
            text = _now("We are calling %(number)s. Enter the code that you hear at %(address)s")
            messages.success(request, text % {"number": number, "address": f"{settings.PUBLIC_URL}/v/"})
        case SendOutcome.SENT:
            text = _now("A message with a code is on its way to %(number)s; enter it at %(address)s")
            messages.success(request, text % {"number": number, "address": f"{settings.PUBLIC_URL}/v/"})
        case SendOutcome.LIMITED if result.retry_at is not None:
            text = _now("No message was sent: this number got too many of them. The next one may go at %(time)s.")
            messages.warning(request, text % {"time": f"{timezone.localtime(result.retry_at):%H:%M}"})
        case SendOutcome.ALREADY_VERIFIED:
            messages.info(request, _now("This number is already verified"))
        case _:
            text = _now("No message can be sent at the moment. Please tell whoever manages alerts at %(organisation)s.")
            messages.warning(request, text % {"organisation": settings.ORGANISATION})


def _page(owner: Owner, contact: Contact, form: OwnForm, **context: Any) -> HttpResponse:
    now = utc_now()
    ready = readiness([contact.pk]).get(contact.pk, {})
    sent = last_unconfirmed(contact.pk)
    return owner.render(
        "own/page.html",
        {
            "contact": contact,
            "form": form,
            "may_call": may_call_with_code(),
            "is_number_unverified": bool(contact.phone) and contact.phone_verified_at is None,
            "number": _number(contact),
            "channels": [_channel(contact, channel, item, sent.get(channel)) for channel, item in ready.items()],
            "deliveries": [_row(item, owner) for item in own_deliveries(contact.pk, now)],
            "organisation": settings.ORGANISATION,
            "page": owner.page,
            "is_by_link": owner.link_id is not None,
            **context,
        },
    )


def _channel(contact: Contact, channel: Channel, item: Readiness, sent_at: datetime | None) -> Mapping[str, Any]:
    """What the line of a channel shows."""
    has_failed = item.failed_at and (item.delivered_at is None or item.failed_at > item.delivered_at)
    return {
        "name": channel.value,
        "title": CHANNELS[channel],
        "address": contact.email if channel is Channel.EMAIL else _number(contact),
        "is_ready": item.is_ready,
        "why": capfirst(reason_text(item.reason)) if item.reason else "",
        "delivered_at": item.delivered_at,
        "failed_at": item.failed_at if has_failed else None,
        "failure": reason_text(item.failure) if has_failed else "",
        "sent_at": sent_at if sent_at and (item.delivered_at is None or sent_at > item.delivered_at) else None,
    }


def _row(delivery: OwnDelivery, owner: Owner) -> Mapping[str, Any]:
    what = delivery.title or PURPOSES[delivery.purpose]
    return {
        "channel": CHANNELS[delivery.channel],
        "what": _now("Resolved: %(alert)s") % {"alert": what} if delivery.is_recovery else what,
        "address": delivery.address,
        "at": delivery.planned_at,
        "outcome": OUTCOMES[delivery.state],
        "why": reason_text(delivery.reason) if delivery.reason else "",
        "colour": "good" if delivery.state in _GOOD else "bad" if delivery.state in _BAD else "",
        "is_under_way": delivery.is_under_way,
        "url": owner.message_page(delivery.id),
    }


def _number(contact: Contact) -> str:
    return display(contact.phone) if contact.phone else ""


def _initial(contact: Contact) -> dict[str, Any]:
    values = {field: getattr(contact, field) or "" for field in _FIELDS}
    return {**values, "phone": _number(contact), "version": contact.version}


def _refuse(form: OwnForm, error: TocsinError) -> None:
    fields = error.fields if isinstance(error, InvalidInputError) else {"": str(error)}
    for name, text in fields.items():
        form.add_error(name if name in form.fields else None, text)
