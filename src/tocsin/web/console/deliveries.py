"""Deliveries: every message that was to go out, and what became of it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from tocsin.core.clock import utc_now
from tocsin.delivery.models import Delivery
from tocsin.web.console import empties
from tocsin.web.console.display import NOTHING, chip, clock, moment, state_chip
from tocsin.web.console.filters import ChoicesFilter
from tocsin.web.console.paging import CappedPaginator
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.words import (
    CAUSES,
    CHANNELS,
    DELIVERY_STATES,
    EFFECTS,
    OUTCOMES,
    PURPOSES,
    RECEIPTS,
    reason_text,
    said,
)

_LONGEST_ID = 18


class StateFilter(ChoicesFilter):
    title = _("state")
    parameter_name = "state"
    words = DELIVERY_STATES


class ChannelFilter(ChoicesFilter):
    title = _("channel")
    parameter_name = "channel"
    words = CHANNELS


class PurposeFilter(ChoicesFilter):
    title = _("purpose")
    parameter_name = "purpose"
    words = PURPOSES


class RecipientFilter(SimpleListFilter):
    """All to one contact or robot: to where its page leads."""

    title = _("to")
    parameter_name = "recipient"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The one that is asked for: a filter without choices would not filter."""
        asked = request.GET.get("recipient", "")
        if not (asked.isascii() and asked.isdecimal() and len(asked) <= _LONGEST_ID):
            return []
        names = (
            Delivery.objects.filter(recipient_id=int(asked)).order_by("-pk").values_list("recipient_name", flat=True)
        )
        return [(asked, names.first() or asked)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        asked = self.value()
        return queryset.filter(recipient_id=int(asked)) if asked and self.lookup_choices else queryset


class DeliveryAdmin(ServiceAdmin):
    empty = empties.DELIVERIES
    list_display = ("to", "shown_channel", "shown_state", "why", "about", "account", "planned")
    list_filter = (StateFilter, ChannelFilter, PurposeFilter, "account", RecipientFilter)
    list_select_related = ("notification__alert", "account")
    search_fields = ("recipient_name",)
    search_help_text = _("Search by the recipient's name")
    ordering = ("-id",)
    paginator = CappedPaginator
    change_form_outer_before_template = "console/delivery_live.html"
    fieldsets = (
        (None, {"fields": ("to", "shown_channel", "shown_state", "why", "about", "through", "vendor_id")}),
        (_("When"), {"fields": ("times",)}),
        (_("Text"), {"fields": ("text",)}),
        (_("Attempts and receipts"), {"fields": ("tries", "said")}),
        (_("Related"), {"fields": ("related",)}),
    )

    @display(description=_("provider account"))
    def through(self, delivery: Delivery) -> str:
        """Its name, without the link that Django makes: the account's page is for administrators."""
        return str(delivery.account or NOTHING)

    @display(description=_("to"), ordering="recipient_name")
    def to(self, delivery: Delivery) -> SafeString:
        return format_html('{} <span class="tc-quiet">{}</span>', delivery.recipient_name, delivery.address_masked)

    @display(description=_("channel"), ordering="channel")
    def shown_channel(self, delivery: Delivery) -> str:
        return str(CHANNELS.get(delivery.channel, delivery.channel))

    @display(description=_("state"), ordering="state")
    def shown_state(self, delivery: Delivery) -> SafeString:
        return state_chip(delivery.state, DELIVERY_STATES)

    @display(description=_("why"))
    def why(self, delivery: Delivery) -> str:
        parts = [reason_text(delivery.reason) if delivery.reason else "", said(delivery.detail)]
        return ": ".join(part for part in parts if part) or NOTHING

    @display(description=_("about"))
    def about(self, delivery: Delivery) -> SafeString | str:
        if delivery.notification is None:
            return str(PURPOSES.get(delivery.purpose, delivery.purpose))
        alert = delivery.notification.alert
        return format_html(
            '<a class="text-link" href="{}">{}</a> {}',
            reverse("console:alerts_alert_change", args=[alert.pk]),
            alert.title,
            chip(CAUSES.get(delivery.notification.cause, delivery.notification.cause)),
        )

    @display(description=_("planned"), ordering="planned_at")
    def planned(self, delivery: Delivery) -> SafeString | str:
        return moment(delivery.planned_at, utc_now())

    @display(description=_("provider's id"))
    def vendor_id(self, delivery: Delivery) -> str:
        return delivery.provider_id or NOTHING

    @display(description=_("times"))
    def times(self, delivery: Delivery) -> SafeString:
        moments = [
            (_("planned"), delivery.planned_at),
            (_("held since"), delivery.held_since),
            (_("next try"), delivery.next_at),
            (_("started"), delivery.started_at),
            (_("accepted"), delivery.accepted_at),
            (_("receipt expected by"), delivery.deadline_at),
            (_("finished"), delivery.finished_at),
        ]
        rows = ((name, clock(at)) for name, at in moments if at is not None)
        return format_html_join("", '<div><span class="tc-quiet">{}</span> {}</div>', rows)

    @display(description=_("text"))
    def text(self, delivery: Delivery) -> SafeString | str:
        if delivery.content is None:
            return NOTHING
        subject = format_html("<b>{}</b>", delivery.content.subject) if delivery.content.subject else ""
        return format_html('{}<pre class="tc-text">{}</pre>', subject, delivery.content.text)

    @display(description=_("attempts"))
    def tries(self, delivery: Delivery) -> SafeString | str:
        rows: list[tuple[Any, ...]] = [
            (
                clock(attempt.started_at),
                attempt.account_name,
                OUTCOMES.get(attempt.outcome, attempt.outcome),
                attempt.code,
                said(attempt.detail),
            )
            for attempt in delivery.attempts.all()
        ]
        pattern = '<div>{} <span class="tc-quiet">{}</span> <b>{}</b> {} {}</div>'
        return format_html_join("", pattern, rows) if rows else NOTHING

    @display(description=_("receipts"))
    def said(self, delivery: Delivery) -> SafeString | str:
        rows: list[tuple[Any, ...]] = [
            (
                clock(receipt.received_at),
                RECEIPTS.get(receipt.status, receipt.status),
                receipt.key,
                receipt.code,
                said(receipt.detail),
                EFFECTS.get(receipt.effect, receipt.effect),
            )
            for receipt in delivery.receipts.order_by("received_at", "id")
        ]
        pattern = '<div>{} <b>{}</b> {} {} {} <span class="tc-quiet">{}</span></div>'
        return format_html_join("", pattern, rows) if rows else NOTHING

    @display(description=_("related deliveries"))
    def related(self, delivery: Delivery) -> SafeString | str:
        pairs = [
            (_("resends"), delivery.fallback_of),
            *((_("resent as"), other) for other in delivery.fallbacks.all()),
            (_("told by"), delivery.merged_into),
        ]
        rows = [(text, self.url("change", other.pk), other) for text, other in pairs if other is not None]
        return format_html_join("", '<div>{} <a class="text-link" href="{}">{}</a></div>', rows) if rows else NOTHING
