"""Whether a contact can be reached, and how that is known: a line for each channel, the proof of the number, a test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import METHOD_LABELS, Contact
from tocsin.contacts.queries import Readiness, readiness, verification_proof
from tocsin.contacts.rules import ContactReason, VerificationMethod
from tocsin.core.clock import utc_now
from tocsin.core.phones import mask as mask_phone
from tocsin.delivery.queries import last_unconfirmed
from tocsin.delivery.services import send_test
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import NOTHING, ago, chip, clock
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.words import CHANNEL_ICONS, CHANNELS, reason_text


def channel_icons(ready: Mapping[Channel, Readiness]) -> SafeString:
    """A sign for each channel, struck through when it is not ready; its title, and what is read out, say why."""
    return _icons(tuple((channel, item.doubt) for channel, item in ready.items()), get_language())


@lru_cache(maxsize=256)
def _icons(reasons: tuple[tuple[Channel, ContactReason | None], ...], language: str) -> SafeString:
    """Made once: a list shows the same few of them again and again."""
    pieces = [
        (
            "not" if reason else "ready",
            text := f"{CHANNELS[channel]}: {_why(reason) or _now('ready')}",
            CHANNEL_ICONS[channel],
            text,
        )
        for channel, reason in reasons
    ]
    pattern = (
        '<span class="tc-icon-{} material-symbols-outlined" title="{}" aria-hidden="true">{}</span>'
        '<span class="tc-hidden">{}.</span>'
    )
    return format_html('<span class="tc-icons">{}</span>', format_html_join("", pattern, pieces))


def channel_lines(contact: Contact, test_url: str) -> SafeString:
    """A line for each channel. `test_url` is the page that sends a test, "" for those who may not."""
    ready = readiness([contact.pk]).get(contact.pk, {})
    sent = last_unconfirmed(contact.pk)
    lines = (_line(channel, item, sent.get(channel), test_url) for channel, item in ready.items())
    return format_html_join("", "<div>{} <b>{}</b> {}{}</div>", lines)


def proof_lines(contact: Contact, is_whole: bool) -> SafeString | str:
    """Why the number counts as the contact's own; only those who see whole numbers see from which address it came."""
    proof = verification_proof(contact.pk)
    if proof is None:
        if not contact.phone:
            return NOTHING
        return (
            _now("None: the number is not verified.") if contact.phone_verified_at is None else _now("None on record.")
        )
    by = _now("verified %(time)s by %(method)s") % {
        "time": clock(proof.verified_at),
        "method": METHOD_LABELS[proof.method],
    }
    facts = [capfirst(by)]
    if proof.verified_from and is_whole:
        facts.append(_now("from the address %(address)s") % {"address": proof.verified_from})
    lines = [", ".join(facts)]
    if proof.method is VerificationMethod.ATTESTED:
        lines.append(_now("Vouched for by: %(source)s") % {"source": proof.source})
    elif proof.sent_at is not None:
        sent = _now("Sent %(time)s to %(number)s through %(account)s")
        lines.append(
            sent
            % {"time": clock(proof.sent_at), "number": mask_phone(proof.phone), "account": proof.sent_via or NOTHING}
        )
    if proof.is_simulated:
        lines.append(_now("Only simulated: the message stayed in the outbox, where others could read it."))
    return format_html_join("", "<div>{}</div>", ((line,) for line in lines))


def channels_ready(contact: Contact) -> list[Channel]:
    return [channel for channel, item in readiness([contact.pk]).get(contact.pk, {}).items() if item.is_ready]


def test_page(request: HttpRequest, context: Mapping[str, Any], contact: Contact) -> HttpResponse:
    """Asks for one of the channels that are ready (`?channel=` is chosen already); the POST queues the message."""
    ready = channels_ready(contact)

    class TestForm(forms.Form):
        channel = forms.ChoiceField(
            label=_("channel"),
            choices=[(channel.value, CHANNELS[channel]) for channel in ready],
            widget=UnfoldAdminRadioSelectWidget,
        )

    def act(data: dict[str, Any]) -> HttpResponse:
        return test_queued(request, contact.pk, Channel(data["channel"]))

    none = _now("No channel to this contact is ready: the contact's page says what each one lacks.")
    return form_page(
        request,
        context,
        TestForm,
        act,
        title=_now("Send a test to %(name)s") % {"name": contact},
        text=_now("One message goes out, marked as a test. The next page shows what becomes of it.") if ready else none,
        submit=_now("Send"),
        initial={"channel": request.GET.get("channel") or next(iter(ready), "")},
    )


def test_queued(request: HttpRequest, object_id: int, channel: Channel) -> HttpResponse:
    """Queues the test and leads to the delivery that shows what becomes of it."""
    delivery = send_test(by=actor_of(request), now=utc_now(), object_id=object_id, channel=channel)
    messages.success(request, _now("The message is on its way; this page says what became of it."))
    return HttpResponseRedirect(reverse("console:delivery_delivery_change", args=[delivery.pk]))


def _why(reason: ContactReason | None) -> str:
    return capfirst(reason_text(reason)) if reason else ""


def _line(
    channel: Channel, ready: Readiness, sent_at: datetime | None, test_url: str
) -> tuple[SafeString, Any, str, SafeString | str]:
    """A chip, the channel's name, what is known of it, and the way to a test. `sent_at`: taken, but not proved."""
    now = utc_now()
    known = [_why(ready.doubt)] if ready.doubt else []
    if ready.delivered_at:
        known.append(_now("last proved delivered %(ago)s") % {"ago": ago(ready.delivered_at, now)})
    if ready.failed_at and (ready.delivered_at is None or ready.failed_at > ready.delivered_at):
        known.append(
            _now("failed at %(time)s: %(why)s") % {"time": clock(ready.failed_at), "why": reason_text(ready.failure)}
        )
    if sent_at and (ready.delivered_at is None or sent_at > ready.delivered_at):
        known.append(_now("last sent %(ago)s, no proof of delivery") % {"ago": ago(sent_at, now)})
    if ready.is_ready and not known:
        known.append(_now("not proved yet"))
    state = chip(_now("ready"), "success") if not ready.doubt else chip(_now("not ready"), "warning")
    if ready.is_ready and ready.doubt:
        state = chip(_now("bouncing"), "danger")
    test: SafeString | str = ""
    if ready.is_ready and test_url:
        test = format_html(
            ' <a class="text-link" data-dialog href="{}?channel={}">{}</a>', test_url, channel, _now("Send a test")
        )
    return state, CHANNELS[channel], "; ".join(known), test
