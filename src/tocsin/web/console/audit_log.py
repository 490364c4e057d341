"""The audit log: who changed or saw what, and when. Whole numbers stand in it, so managers and above read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from auditlog.models import LogEntry
from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet, Value
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.decorators import display

from tocsin.accounts.queries import SEARCHED_ENTRIES, newest_entries
from tocsin.accounts.rules import Permission
from tocsin.core.clock import utc_now
from tocsin.web.console import empties
from tocsin.web.console.actors import may
from tocsin.web.console.display import NOTHING, chip, clock, moment
from tocsin.web.console.filters import ChoicesFilter
from tocsin.web.console.paging import CappedPaginator
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.words import Words

ACTIONS = {
    "0": (pgettext_lazy("audit action", "created"), "success"),
    "1": (pgettext_lazy("audit action", "changed"), "info"),
    "2": (pgettext_lazy("audit action", "deleted"), "danger"),
    "3": (pgettext_lazy("audit action", "seen"), "warning"),
}
_FACTS: Words = {
    "contacts": _("contacts"),
    "groups": _("contact groups"),
    "role": _("role"),
    "password": _("password"),
    "token": _("token"),
    "rules": _("match rules"),
    "targets": _("notification objects"),
    "group_by": _("group by"),
    "sources": _("event sources"),
    "stops_here": _("stop here"),
    "escalation_id": _("escalation policy"),
    "repeat_seconds": _("repeat every (seconds)"),
    "severity_limits": _("channels by severity"),
    "sending_window": _("sending hours"),
    "group_wait": _("group wait (seconds)"),
    "group_wait_seconds": _("group wait (seconds)"),
    "group_interval": _("group interval (seconds)"),
    "group_interval_seconds": _("group interval (seconds)"),
    "sends_recovery": _("tell of recovery"),
    "legacy_chatbot_url": _("chatbot (imported)"),
    "phone_verified_at": _("verified"),
    "phone_verification": _("verification sent"),
    "personal_link": _("personal link"),
    "sign_in": _("signs in as"),
    "first_name": _("full name"),
    "url": _("webhook URL"),
    "secret": _("signing secret"),
    "kinds": _("what it hears of"),
    "second factor": _("second factor"),
    "authenticator app": _("Authenticator app"),
    "recovery codes": _("Recovery codes"),
    "passkey": _("Passkey"),
    "identity provider": _("identity provider"),
}
_SHOWN = 3
_SWITCHES = ("is_", "sends_", "stops_")
_ANSWERS: Words = {"True": _("yes"), "False": _("no")}


class ActionFilter(ChoicesFilter):
    title = _("action")
    parameter_name = "action"
    words = {number: text for number, (text, _colour) in ACTIONS.items()}


class LogEntryAdmin(ServiceAdmin):
    empty = empties.AUDIT
    needs_to_view = Permission.REVEAL
    list_display = ("what", "shown_action", "kind", "who", "changed_fields", "when")
    list_filter = (ActionFilter, "content_type")
    list_select_related = ("content_type",)
    list_display_links = ("when",)
    search_fields = ("object_repr", "actor_email", "additional_data")
    search_help_text = format_lazy(
        "{} ({})",
        _("Search by name or by who did it"),
        lazy(
            lambda: _now("in the newest %(count)s entries that the filters leave") % {"count": f"{SEARCHED_ENTRIES:,}"},
            str,
        )(),
    )
    ordering = ("-id",)
    paginator = CappedPaginator
    fieldsets = (
        (None, {"fields": ("what", "kind", "shown_action", "who", "address", "full_time", "note")}),
        (_("Changes"), {"fields": ("changes_table",)}),
    )

    def list_lookups(self, request: HttpRequest | None) -> set[str]:
        """Also the history of one row, to which its page leads."""
        return super().list_lookups(request) | {"content_type__app_label", "content_type__model", "object_pk"}

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Each says whether its reader may open the pages of administrators, for the link to the row."""
        entries: QuerySet = super().get_queryset(request)
        entries = entries.annotate(for_administrator=Value(may(request, Permission.ADMINISTER)))
        return entries

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        searched = newest_entries(queryset) if search_term.strip() else queryset
        found: tuple[QuerySet, bool] = super().get_search_results(request, searched, search_term)
        return found

    @display(description=_("what"), ordering="object_repr")
    def what(self, entry: LogEntry) -> SafeString | str:
        kind = entry.content_type
        admin = self.admin_site._registry.get(kind.model_class())
        needs = getattr(admin, "needs_to_view", Permission.VIEW)
        if needs is Permission.ADMINISTER and not getattr(entry, "for_administrator", False):
            return str(entry.object_repr or entry.object_pk)
        try:
            url = reverse(f"console:{kind.app_label}_{kind.model}_change", args=[entry.object_pk])
        except NoReverseMatch:
            return str(entry.object_repr)
        return format_html('<a class="text-link" href="{}">{}</a>', url, entry.object_repr or entry.object_pk)

    @display(description=_("action"), ordering="action")
    def shown_action(self, entry: LogEntry) -> SafeString:
        text, colour = ACTIONS.get(str(entry.action), (str(entry.action), "default"))
        return chip(text, colour)

    @display(description=_("kind"))
    def kind(self, entry: LogEntry) -> str:
        return str(entry.content_type.name)

    @display(description=_("who"))
    def who(self, entry: LogEntry) -> str:
        data = entry.additional_data or {}
        return str(data.get("by", "")) or NOTHING

    @display(description=_("changes"))
    def changed_fields(self, entry: LogEntry) -> str:
        names = [field_title(entry, name) for name in entry.changes_dict]
        rest = _now(" and %(n)d more") % {"n": len(names) - _SHOWN} if len(names) > _SHOWN else ""
        return ", ".join(names[:_SHOWN]) + rest or NOTHING

    @display(description=_("when"), ordering="timestamp")
    def when(self, entry: LogEntry) -> SafeString | str:
        return moment(entry.timestamp, utc_now())

    @display(description=_("when"))
    def full_time(self, entry: LogEntry) -> str:
        return clock(entry.timestamp)

    @display(description=_("from address"))
    def address(self, entry: LogEntry) -> str:
        return entry.remote_addr or NOTHING

    @display(description=_("note"))
    def note(self, entry: LogEntry) -> str:
        return str((entry.additional_data or {}).get("note", "")) or NOTHING

    @display(description=_("changes"))
    def changes_table(self, entry: LogEntry) -> SafeString | str:
        rows = [
            (field_title(entry, name), fact(name, before), fact(name, after))
            for name, (before, after) in entry.changes_dict.items()
        ]
        if not rows:
            return NOTHING
        body = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows)
        head = format_html("<tr><th></th><th>{}</th><th>{}</th></tr>", _now("before"), _now("after"))
        return format_html('<table class="tc-table">{}{}</table>', head, body)


def field_title(entry: LogEntry, name: str) -> str:
    """What people call the field: services also record facts that are no columns."""
    if name in _FACTS:
        return str(_FACTS[name])
    model = entry.content_type.model_class()
    try:
        field: Any = model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        return name
    return str(getattr(field, "verbose_name", name))


def fact(name: str, value: object) -> str:
    """What a field was or became: a moment by the reader's clock, yes and no as words, anything else as it is kept."""
    text = str(value or "")
    if name.endswith("_at") and (at := _moment(text)) is not None:
        return clock(at)
    if name.startswith(_SWITCHES) and text in _ANSWERS:
        return str(_ANSWERS[text])
    return text or NOTHING


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
