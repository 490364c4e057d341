"""Webhooks that hear what happens to alerts: of what, how they take it, and what still waits for them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminRadioSelectWidget

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Webhook
from tocsin.core.clock import utc_now
from tocsin.delivery import lifecycle
from tocsin.delivery.lifecycle_models import LifecycleNotice, LifecycleSubscription
from tocsin.delivery.rules.lifecycle import LifecycleKind, NoticeState, SubscriptionState
from tocsin.delivery.subscriptions import Faring, farings
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import NOTHING, chip, moment, read_once
from tocsin.web.console.filters import ChoicesFilter
from tocsin.web.console.outlet_test import answer_at_once
from tocsin.web.console.outlets import FaringAdmin
from tocsin.web.console.picker import Picker
from tocsin.web.console.service_admin import ServiceForm
from tocsin.web.console.words import Words, choices, said

_NOTICES_SHOWN = 20
_KINDS: Words = {
    LifecycleKind.OPENED: pgettext_lazy("life of an alert", "opened"),
    LifecycleKind.NOTIFIED: pgettext_lazy("life of an alert", "people were told"),
    LifecycleKind.ESCALATED: pgettext_lazy("life of an alert", "escalated: nobody reacted"),
    LifecycleKind.NOBODY_TOLD: pgettext_lazy("life of an alert", "nobody could be told"),
    LifecycleKind.CLAIMED: pgettext_lazy("life of an alert", "claimed"),
    LifecycleKind.UNCLAIMED: pgettext_lazy("life of an alert", "given back"),
    LifecycleKind.CLAIM_LAPSED: pgettext_lazy("life of an alert", "a claim lapsed"),
    LifecycleKind.ASSIGNED: pgettext_lazy("life of an alert", "assigned"),
    LifecycleKind.COMMENTED: pgettext_lazy("life of an alert", "commented"),
    LifecycleKind.SEVERITY_CHANGED: pgettext_lazy("life of an alert", "severity changed"),
    LifecycleKind.MUTED: pgettext_lazy("life of an alert", "muted"),
    LifecycleKind.UNMUTED: pgettext_lazy("life of an alert", "no longer muted"),
    LifecycleKind.SILENCED: pgettext_lazy("life of an alert", "silenced"),
    LifecycleKind.UNSILENCED: pgettext_lazy("life of an alert", "no longer silenced"),
    LifecycleKind.EVENTS_RECOVERED: pgettext_lazy("life of an alert", "some events recovered"),
    LifecycleKind.RESOLVED: pgettext_lazy("life of an alert", "resolved"),
    LifecycleKind.REOPENED: pgettext_lazy("life of an alert", "reopened"),
}
_STATES: Words = {
    SubscriptionState.ACTIVE: pgettext_lazy("subscription", "active"),
    SubscriptionState.PAUSED: pgettext_lazy("subscription", "paused"),
    SubscriptionState.DISABLED: pgettext_lazy("subscription", "disabled"),
}
_STATE_CHOICES: Words = {
    SubscriptionState.ACTIVE: _("Active: told at once"),
    SubscriptionState.PAUSED: _("Paused: kept, and told later"),
    SubscriptionState.DISABLED: _("Disabled: told nothing"),
}
_COLOURS = {SubscriptionState.ACTIVE: "success", SubscriptionState.PAUSED: "warning"}
_NOTICE_STATES: Words = {
    NoticeState.WAITING: _("waiting"),
    NoticeState.DELIVERED: _("taken"),
    NoticeState.GIVEN_UP: _("given up"),
}
_NOTICE_COLOURS = {NoticeState.WAITING: "warning", NoticeState.DELIVERED: "success", NoticeState.GIVEN_UP: "danger"}


class StateFilter(ChoicesFilter):
    title = _("state")
    parameter_name = "state"
    words = _STATES


class SubscriptionForm(ServiceForm):
    names = {"webhook_id": "webhook"}

    kinds = forms.MultipleChoiceField(
        label=_("what it hears of"),
        choices=lazy(lambda: choices(_KINDS), list)(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Nothing chosen: everything that happens to an alert."),
    )
    state = forms.ChoiceField(
        label=_("state"),
        choices=lazy(lambda: choices(_STATE_CHOICES), list)(),
        initial=SubscriptionState.ACTIVE.value,
        widget=UnfoldAdminRadioSelectWidget,
        help_text=_("Disabling forgets what waits. After a pause, what is over a day old is tried once."),
    )


class NewSubscriptionForm(SubscriptionForm):
    webhook = forms.ModelChoiceField(
        label=_("webhook"),
        queryset=Webhook.objects.all(),
        widget=Picker("webhook"),
        help_text=_("Address, headers and signing secret are the webhook's own; its templates are for messages."),
    )


class SubscriptionAdmin(FaringAdmin):
    empty = empties.SUBSCRIPTIONS
    form = SubscriptionForm
    writes = ("add", "change", "delete")
    adds_in_dialog = True
    list_display = ("hears", "hears_of", "waits", "last_success", "last_failure", "shown_state", "links")
    list_display_links = ("hears",)
    list_filter = (StateFilter,)
    search_fields = ("webhook__name",)
    list_select_related = ("webhook",)
    ordering = ("webhook__name", "pk")
    readonly_fields = ("webhook_link", "hears_of", "shown_state", "waits", "fared", "notices")
    list_before_template = "console/subscriptions_note.html"
    actions_detail = ("test_subscription",)
    test_page = "test_subscription"
    add_title = _("Let a webhook follow alerts")
    edit_title = _("Edit what a webhook hears of")
    add_fieldsets = ((None, {"fields": ("webhook", "state", "kinds")}),)
    _taken = (_("How it is taken"), {"fields": ("waits", "fared", "notices")})

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return LifecycleSubscription.objects.select_related("webhook")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        fares = farings(changelist.result_list)
        for row in changelist.result_list:
            row.fares = fares[row.pk]
            row.may_write = self.has_write_permission(request)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.fares = farings([row])[row.pk]
        return row

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if not change:
            kwargs["form"] = NewSubscriptionForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: LifecycleSubscription | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        if not self.has_change_permission(request, obj):
            return ((None, {"fields": ("webhook_link", "hears_of", "shown_state")}), self._taken)
        return ((None, {"fields": ("webhook_link", "state", "kinds")}), self._taken)

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> LifecycleSubscription:
        return lifecycle.subscribe(
            by=actor_of(request),
            now=utc_now(),
            webhook_id=data["webhook"].pk,
            kinds=data["kinds"],
            state=data["state"],
        )

    def change_row(self, request: HttpRequest, row: LifecycleSubscription, data: dict[str, Any]) -> None:
        lifecycle.change_subscription(
            by=actor_of(request),
            now=utc_now(),
            subscription_id=row.pk,
            version=data["version"],
            kinds=data["kinds"],
            state=data["state"],
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        lifecycle.unsubscribe_many(by=actor_of(request), now=utc_now(), subscription_ids=ids)

    def notes_on_deleting(self, ids: list[int]) -> list[SafeString]:
        rows = list(LifecycleSubscription.objects.filter(pk__in=ids).select_related("webhook").order_by("pk"))
        fares = farings(rows)
        return [format_html("{} {}: {}", _now("webhook"), _link(row), _lost(fares[row.pk])) for row in rows]

    @action(
        description=_("Send a test notice"),
        icon="send",
        url_path="test",
        permissions=["write"],
        attrs={"data-dialog": ""},
    )
    def test_subscription(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks; POST says `alert.test` at once and shows the answer."""
        row = self.row(request, object_id)
        answer = None
        if request.method == "POST":
            result = lifecycle.try_subscription(subscription=row, now=utc_now())
            answer = answer_at_once(Channel.WEBHOOK, result)
        page = {
            **self.admin_site.each_context(request),
            "title": _now("Test %(name)s") % {"name": row},
            "answer": answer,
            "back": self.url("change", row.pk),
        }
        return TemplateResponse(request, "console/subscription_test.html", page)

    @display(description=_("webhook"), ordering="webhook__name")
    def hears(self, row: LifecycleSubscription) -> str:
        return row.webhook.name

    @display(description=_("webhook"))
    def webhook_link(self, row: LifecycleSubscription) -> SafeString:
        return _link(row)

    @display(description=_("what it hears of"))
    def hears_of(self, row: LifecycleSubscription) -> str:
        return ", ".join(str(_KINDS.get(kind, kind)) for kind in row.kinds) or _now("everything")

    @display(description=_("what waits"))
    def waits(self, row: Any) -> SafeString | str:
        fares, now = row.fares, utc_now()
        lines: list[SafeString | str] = []
        if fares.waiting:
            count = ngettext("%(count)d notice waits", "%(count)d notices wait", fares.waiting)
            since = moment(fares.waiting_since, now)
            lines.append(format_html("{} ({})", count % {"count": fares.waiting}, since))
        if fares.given_up:
            text = ngettext("%(count)d was given up", "%(count)d were given up", fares.given_up)
            lines.append(format_html('<span class="tc-level-bad">{}</span>', text % {"count": fares.given_up}))
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) if lines else NOTHING

    @display(description=_("state"), ordering="state")
    def shown_state(self, row: LifecycleSubscription) -> SafeString:
        return chip(_STATES[row.state], _COLOURS.get(SubscriptionState(row.state), "default"))

    @display(description=_("last notices"))
    @read_once
    def notices(self, row: LifecycleSubscription) -> SafeString | str:
        found = LifecycleNotice.objects.filter(subscription=row).select_related("alert").order_by("-pk")
        lines = [_notice(notice) for notice in found[:_NOTICES_SHOWN]]
        if not lines:
            return _now("Nothing has happened since.")
        heads = (_now("Alert"), _now("what happened"), _now("state"), _now("tries"), _now("answer"))
        head = format_html_join("", "<th>{}</th>", ((capfirst(text),) for text in heads))
        body = format_html_join("", "<tr><td>{}</td><td>{} {}</td><td>{}</td><td>{}</td><td>{}</td></tr>", lines)
        return format_html(
            '<div class="tc-wide"><table class="tc-table tc-notices"><tr>{}</tr>{}</table></div>', head, body
        )


def _notice(notice: LifecycleNotice) -> tuple[Any, ...]:
    url = reverse("console:alerts_alert_change", args=[notice.alert_id])
    return (
        format_html('<a class="text-link" href="{}">{}</a>', url, notice.alert.title),
        _KINDS.get(notice.kind, notice.kind),
        moment(notice.at, utc_now()),
        chip(_NOTICE_STATES[notice.state], _NOTICE_COLOURS[NoticeState(notice.state)]),
        notice.tries,
        said(notice.answer) or NOTHING,
    )


def _link(row: LifecycleSubscription) -> SafeString:
    url = reverse("console:contacts_webhook_change", args=[row.webhook_id])
    return format_html('<a class="text-link" href="{}">{}</a>', url, row.webhook.name)


def _lost(fares: Faring) -> str:
    if not fares.waiting:
        return _now("It hears of alerts no more.")
    text = ngettext(
        "It hears of alerts no more, and %(count)d notice that waits is forgotten.",
        "It hears of alerts no more, and %(count)d notices that wait are forgotten.",
        fares.waiting,
    )
    return text % {"count": fares.waiting}
