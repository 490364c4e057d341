"""Provider accounts: the credentials that messages go out with. The form's fields are the provider's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from tocsin.accounts.rules import Permission
from tocsin.channels import queries, services
from tocsin.channels.base import ConfigField, ProviderType
from tocsin.channels.connections import listening
from tocsin.channels.health import is_resting
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.registry import PROVIDERS
from tocsin.core.clock import utc_now
from tocsin.delivery.caps import LARGEST, chosen_caps, set_caps
from tocsin.web.console import empties
from tocsin.web.console.account_test import account_test_page
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.display import NOTHING, chip, moment, read_once
from tocsin.web.console.fields import NumberField, SwitchField
from tocsin.web.console.form_pages import VersionedForm, form_page
from tocsin.web.console.service_admin import ServiceAdmin, ServiceForm
from tocsin.web.console.words import CHANNEL_ICONS, CHANNELS, said

_STATE = ("shown_provider", "carries", "connected", "without_it", "callback", "succeeded", "failed")
_NAMED = 10
_CONFIG, _CLEAR = "config.", "clear."


class AccountForm(ServiceForm):
    """Fields of the configuration are added for the provider; an empty secret keeps the stored one."""

    name = forms.CharField(label=_("name"), max_length=64, widget=UnfoldAdminTextInputWidget)
    priority = NumberField(
        label=_("priority"),
        initial=100,
        help_text=_(
            "The account with the lowest number of its channel is tried first; when it fails, the next one is. The "
            "outbox is used only where nothing real is enabled."
        ),
    )
    is_enabled = SwitchField(label=_("enabled"), initial=True)
    limit_count = NumberField(label=_("messages"), required=False, min_value=1)
    limit_seconds = NumberField(
        label=_("in seconds"),
        required=False,
        min_value=1,
        help_text=_("At most so many messages in so many seconds. Empty: the provider's own limit."),
    )


class CapsForm(VersionedForm):
    """Empty: what the environment says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields = (
            ("calls_per_hour", _("calls in an hour"), settings.CALLS_PER_HOUR),
            ("texts_per_hour", _("text messages in an hour"), settings.TEXTS_PER_HOUR),
        )
        for name, label, default in fields:
            self.fields[name] = NumberField(
                label=label,
                required=False,
                min_value=0,
                max_value=LARGEST,
                help_text=_now("0: no cap. Empty: %(default)d, as the environment says.") % {"default": default},
            )
            self.fields[name].widget.attrs["placeholder"] = str(default)


class ProviderAccountAdmin(ServiceAdmin):
    empty = empties.ACCOUNTS
    form = AccountForm
    needs_to_view = needs_to_write = Permission.ADMINISTER
    writes = ("add", "change", "delete")
    list_display = ("name", "shown_channel", "carries", "shown_provider", "priority", "succeeded", "failed")
    list_filter = ("is_enabled",)
    search_fields = ("name",)
    actions_list = ("caps_per_person",)
    actions_detail = ("send_test",)

    @action(
        description=_("Caps per person"),
        icon="speed",
        url_path="caps",
        permissions=["write"],
        attrs={"data-dialog": True},
    )
    def caps_per_person(self, request: HttpRequest) -> HttpResponse:
        chosen = chosen_caps()

        def act(data: dict[str, Any]) -> HttpResponse:
            set_caps(by=actor_of(request), now=utc_now(), **data)
            return self.done(request, _now("The caps were changed; they act on what is sent from now on."))

        return form_page(
            request,
            self.admin_site.each_context(request),
            CapsForm,
            act,
            title=_now("Caps per person"),
            text=_now(
                "The most calls and text messages about alerts to one person in an hour. The last one before says so, "
                "and what is held back goes out as one when the hour is over."
            ),
            initial={
                "calls_per_hour": chosen.calls_per_hour,
                "texts_per_hour": chosen.texts_per_hour,
                "version": chosen.version,
            },
        )

    def get_fieldsets(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        kind = _kind(request, obj)
        config = tuple(_form_fields(kind, obj)) if kind else ()
        sets: list[tuple[Any, Any]] = [(None, {"fields": ("name", "is_enabled", "priority")})]
        if kind and config:
            sets.append((said(kind.title), {"fields": config}))
        sets.append((_("Limit"), {"fields": ("limit_count", "limit_seconds")}))
        if obj:
            has = [name for name in _STATE if name != "connected" or (kind and kind.listens)]
            sets.append((_("State"), {"fields": has}))
        return sets

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        return _STATE if obj else ()

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        carriers = queries.accounts_by_channel()
        for account in changelist.result_list:
            account.carriers = carriers.get(account.channel, [])
        return changelist

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kind = _kind(request, obj)
        kwargs["form"] = type("ProviderAccountForm", (AccountForm,), _form_fields(kind, obj) if kind else {})
        return super().get_form(request, obj, change=change, **kwargs)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        if _kind(request, None) is not None:
            return super().add_view(request, form_url, extra_context)
        require(request, self.needs_to_write)
        kinds = [_card(kind) for kind in PROVIDERS.values() if not kind.is_for_robots]
        context = {**self.admin_site.each_context(request), "title": _now("Add provider account"), "kinds": kinds}
        return TemplateResponse(request, "console/choose_provider.html", context)

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> ProviderAccount:
        kind = _kind(request, None)
        return services.add_account(
            by=actor_of(request), now=utc_now(), provider=kind.name if kind else "", **_facts(data)
        )

    def change_row(self, request: HttpRequest, row: ProviderAccount, data: dict[str, Any]) -> None:
        cleared = [name.removeprefix(_CLEAR) for name, value in data.items() if name.startswith(_CLEAR) and value]
        services.update_account(
            by=actor_of(request),
            now=utc_now(),
            account_id=row.pk,
            version=data["version"],
            clear_secrets=cleared,
            **_facts(data),
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        for account_id in ids:
            services.delete_account(by=actor_of(request), now=utc_now(), account_id=account_id)

    def notes_on_deleting(self, ids: list[int]) -> list[str]:
        """What carries each channel afterwards."""
        going = set(ids)
        carriers = queries.accounts_by_channel()
        touched = [channel for channel, accounts in carriers.items() if going & {account.pk for account in accounts}]
        notes = [without_text(channel, queries.accounts_without(channel, going)) for channel in touched]
        return [
            *notes,
            _now("Receipts that still come for it find nothing; what was sent stays in the history."),
        ]

    @action(description=_("Send a test message"), icon="send", url_path="test", permissions=["write"])
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = self.row(request, object_id)
        return account_test_page(request, self.admin_site.each_context(request), account)

    @display(description=_("channel"), ordering="channel")
    def shown_channel(self, account: ProviderAccount) -> str:
        return str(CHANNELS.get(account.channel, account.channel))

    @display(description=_("provider"), ordering="provider")
    def shown_provider(self, account: ProviderAccount) -> SafeString | str:
        kind = PROVIDERS.get(account.provider)
        if kind is None:
            return chip(_now("%(name)s: not in this version") % {"name": account.provider}, "danger")
        if kind.capabilities.is_simulated:
            return format_html("{} {}", said(kind.title), chip(_now("simulation"), "warning"))
        return said(kind.title)

    @display(description=_("now"))
    def carries(self, account: Any) -> SafeString:
        if _is_app(account):
            return (
                chip(_now("carries what its robots say"), "success") if account.is_enabled else chip(_now("disabled"))
            )
        return role_chip(account, _carriers(account))

    @display(description=_("if disabled or deleted"))
    @read_once
    def without_it(self, account: ProviderAccount) -> str:
        if _is_app(account):
            names = ", ".join(account.robots.order_by("name").values_list("name", flat=True)[:_NAMED])
            return _now("Its robots say nothing: %(names)s.") % {"names": names} if names else _now("It has no robots.")
        if account.pk not in {other.pk for other in _carriers(account)}:
            return _now("Nothing changes: it carries nothing now.")
        return without_text(account.channel, queries.accounts_without(Channel(account.channel), {account.pk}))

    @display(description=_("connection"))
    def connected(self, account: ProviderAccount) -> SafeString | str:
        """Of an account that hears its vendor over a connection of ours."""
        now = utc_now()
        how = listening(account, now)
        if how is None:
            return NOTHING
        if how.is_connected:
            up = format_html("{} {}", chip(_now("connected"), "success"), moment(how.since, now))
            if how.heard_at is None:
                return up
            return format_html("{} · {} {}", up, _now("last pressed button"), moment(how.heard_at, now))
        if not account.is_enabled:
            return chip(_now("not connected: the account is disabled"))
        if not how.failure:
            return chip(_now("not connected yet: a worker connects within seconds"), "warning")
        failed = chip(_now("not connected"), "danger")
        return format_html('{} <span class="tc-warn">{}</span> {}', failed, said(how.failure), moment(how.since, now))

    @display(description=_("callback address"))
    def callback(self, account: ProviderAccount) -> str:
        kind = PROVIDERS.get(account.provider)
        if kind is None or kind.read_callback is None:
            return NOTHING
        return f"{settings.PUBLIC_URL}/callbacks/{account.provider}/{account.callback_token}"

    @display(description=_("last success"), ordering="last_accepted_at")
    def succeeded(self, account: ProviderAccount) -> SafeString | str:
        return moment(account.last_accepted_at, utc_now())

    @display(description=_("last failure"), ordering="last_failed_at")
    def failed(self, account: ProviderAccount) -> SafeString | str:
        if account.last_failed_at is None:
            return NOTHING
        is_over = account.last_accepted_at is not None and account.last_accepted_at > account.last_failed_at
        style = "tc-quiet" if is_over else "tc-warn"
        when = moment(account.last_failed_at, utc_now())
        return format_html('<span class="{}">{}</span> {}', style, said(account.last_failure) or "?", when)


def _kind(request: HttpRequest, account: ProviderAccount | None) -> ProviderType | None:
    """The account's provider; for a new one, that of the address's query."""
    kind = PROVIDERS.get(account.provider if account else request.GET.get("provider", ""))
    return kind if kind and not kind.is_for_robots else None


def _is_app(account: ProviderAccount) -> bool:
    kind = PROVIDERS.get(account.provider)
    return kind is not None and kind.chat is not None


def _carriers(account: Any) -> list[ProviderAccount]:
    """Of the account's channel, in the order in which they are tried; read once for a list."""
    if not hasattr(account, "carriers"):
        account.carriers = queries.accounts_for(Channel(account.channel))
    carriers: list[ProviderAccount] = account.carriers
    return carriers


def role_chip(account: ProviderAccount, carriers: Sequence[ProviderAccount]) -> SafeString:
    """Whether messages go through the account now."""
    if not account.is_enabled:
        return chip(_now("disabled"))
    if account.pk not in {other.pk for other in carriers}:
        return chip(_now("unused: a real account carries the channel"))
    if account.paused_until is not None:
        if not is_resting(account, utc_now()):
            return chip(_now("rested; the next message tries it"), "warning")
        until = date_format(timezone.localtime(account.paused_until), "TIME_FORMAT")
        failures = ngettext("%(count)d failure", "%(count)d failures", account.failures) % {"count": account.failures}
        return chip(_now("rests until %(time)s after %(failures)s") % {"time": until, "failures": failures}, "danger")
    place = [other.pk for other in carriers if other.paused_until is None].index(account.pk)
    if place == 0:
        return chip(_now("carries the channel now"), "success")
    return chip(_now("stands by, number %(place)d") % {"place": place + 1}, "info")


def without_text(channel: str, left: Sequence[ProviderAccount]) -> str:
    """Who carries the channel when an account is gone."""
    values = {"channel": CHANNELS.get(channel, channel), "name": left[0].name if left else ""}
    if not left:
        return _now("%(channel)s: no account is left, so such messages are not sent at all.") % values
    if PROVIDERS[left[0].provider].capabilities.is_simulated:
        return (
            _now("%(channel)s: falls back to the outbox, and reaches nobody until another account is added.") % values
        )
    return _now("%(channel)s: %(name)s carries on.") % values


def _facts(data: dict[str, Any]) -> dict[str, Any]:
    config = {name.removeprefix(_CONFIG): value for name, value in data.items() if name.startswith(_CONFIG)}
    return {
        "name": data["name"],
        "priority": data["priority"],
        "is_enabled": data["is_enabled"],
        "limit_count": data["limit_count"] or 0,
        "limit_seconds": data["limit_seconds"] or 0,
        "config": config,
    }


def _form_fields(kind: ProviderType, account: ProviderAccount | None) -> dict[str, forms.Field]:
    """By name, in the provider's order; a stored secret that the provider can do without is followed by its removal."""
    stored = queries.masked_config(account) if account else {}
    fields: dict[str, forms.Field] = {}
    for field in kind.fields:
        fields[_CONFIG + field.name] = _form_field(field, stored)
        if field.is_secret and not field.is_required and stored.get(field.name):
            label = _now("remove the stored value: %(field)s") % {"field": said(field.label)}
            fields[_CLEAR + field.name] = forms.BooleanField(label=label, required=False, widget=UnfoldBooleanWidget)
    return fields


def _form_field(field: ConfigField, stored: dict[str, str]) -> forms.Field:
    """Never required here: the provider's own check says what is missing, and an empty secret means unchanged."""
    common: dict[str, Any] = {"label": said(field.label), "help_text": escape(said(field.help)), "required": False}
    if field.choices:
        options = [(choice, choice) for choice in field.choices]
        return forms.ChoiceField(
            **common, choices=options, initial=stored.get(field.name) or field.default, widget=UnfoldAdminSelectWidget
        )
    if field.is_secret:
        held = {"placeholder": _now("stored; leave empty to keep it")} if stored.get(field.name) else {}
        attrs = {**held, "autocomplete": "new-password"}
        return forms.CharField(**common, strip=False, widget=UnfoldAdminPasswordWidget(attrs=attrs))
    return forms.CharField(**common, initial=stored.get(field.name) or field.default, widget=UnfoldAdminTextInputWidget)


def _card(kind: ProviderType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": said(kind.title),
        "channel": CHANNELS.get(kind.channel, kind.channel),
        "icon": CHANNEL_ICONS.get(kind.channel, "send"),
        "is_simulated": kind.capabilities.is_simulated,
    }
