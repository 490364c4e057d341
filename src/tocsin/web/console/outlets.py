"""What the tabs of robots and webhooks have in common: how each has fared, what uses it, and a test."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from tocsin.contacts import queries
from tocsin.contacts.models import ObjectReach
from tocsin.core.clock import utc_now
from tocsin.delivery.subscriptions import Faring
from tocsin.web.console.display import NOTHING, ago, chip, clock, moment, read_once
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.uses import notes_on_deleting, uses_list
from tocsin.web.console.words import said

_SHOWN_OF_FAILURE = 80


def write_only(data: dict[str, Any]) -> dict[str, Any]:
    """What a form says of what may hold a token: None keeps what is stored."""
    secret = "" if data.get("forgets_secret") else data.get("secret") or None
    return {"url": data.get("url") or None, "secret": secret}


class FaringAdmin(ServiceAdmin):
    """Lists and pages of rows whose `fares` says when they last took something, and when not."""

    test_page = ""
    """The name of the page that sends a test."""
    add_title: str | Promise = ""
    edit_title: str | Promise = ""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        extra = dict(extra_context or {})
        if object_id is None:
            extra["title"] = str(self.add_title)
        elif self.has_change_permission(request):
            extra["title"] = str(self.edit_title)
        return super().changeform_view(request, object_id, form_url, extra)

    @display(description=_("last success"))
    def last_success(self, row: Any) -> SafeString | str:
        return moment(row.fares.delivered_at, utc_now()) if row.fares else NOTHING

    @display(description=_("last failure"))
    def last_failure(self, row: Any) -> SafeString | str:
        if not row.fares or not row.fares.failed_at:
            return NOTHING
        text = failure_text(row.fares.failure)
        cut = text if len(text) <= _SHOWN_OF_FAILURE else text[:_SHOWN_OF_FAILURE].rstrip() + "…"
        when = moment(row.fares.failed_at, utc_now())
        return format_html(
            '<div>{} <span class="{}" title="{}">{}</span></div>', when, _failure_class(row.fares), text, cut
        )

    @display(description=_("how it has fared"))
    def fared(self, row: Any) -> SafeString | str:
        fares, now = row.fares, utc_now()
        lines: list[str] = []
        if fares and fares.delivered_at:
            lines.append(_now("last success %(ago)s") % {"ago": ago(fares.delivered_at, now)})
        if fares and fares.failed_at:
            told = {"time": clock(fares.failed_at), "why": failure_text(fares.failure)}
            lines.append(_now("last failure at %(time)s: %(why)s") % told)
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines or [_now("Nothing was sent yet.")]))

    @display(description=_("actions"))
    def links(self, row: Any) -> SafeString | str:
        if not row.may_write:
            return NOTHING
        pages = ((self.test_page, _now("Test")), ("change", _now("Edit")), ("delete", _now("Delete")))
        return format_html_join(
            " ",
            '<a class="text-link" data-dialog href="{}" aria-label="{}: {}">{}</a>',
            ((self.url(page, row.pk), title, row, title) for page, title in pages),
        )


class OutletAdmin(FaringAdmin):
    """Robots and webhooks: nobody's address is shown, and everybody sees whether they work."""

    writes = ("add", "change", "delete")
    adds_in_dialog = True
    list_filter = ("is_enabled",)
    search_fields = ("name",)
    readonly_fields: tuple[str, ...] = ("used_by", "fared", "shown_state")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        ids = [row.pk for row in changelist.result_list]
        reach, uses = queries.outlet_reach(ids), queries.uses_of(ids)
        for row in changelist.result_list:
            row.fares = reach.get(row.pk)
            row.uses = [use for use in uses if use.object_id == row.pk]
            row.may_write = self.has_write_permission(request)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.fares = queries.outlet_reach([row.pk]).get(row.pk)
        return row

    def notes_on_deleting(self, ids: list[int]) -> list[SafeString]:
        return notes_on_deleting(ids, queries.uses_of(ids))

    @display(description=_("used by"))
    @read_once
    def used_by(self, row: Any) -> SafeString | str:
        lines = uses_list(queries.uses_of([row.pk]))
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) if lines else NOTHING

    @display(description=_("used by"))
    def policies(self, row: Any) -> SafeString | str:
        links = [
            format_html(
                '<a class="text-link" href="{}">{}</a>',
                reverse("console:policies_notificationpolicy_change", args=[use.id]),
                use.name,
            )
            for use in row.uses
            if use.kind == "policy"
        ]
        if not links:
            return chip(_now("nothing"))
        return format_html("<div>{}</div>", format_html_join(", ", "{}", ((link,) for link in links)))

    @display(description=_("state"), ordering="is_enabled")
    def shown_state(self, row: Any) -> SafeString:
        return chip(_now("enabled"), "success") if row.is_enabled else chip(_now("disabled"))


def failure_text(failure: str) -> str:
    """In the reader's language, behind the code."""
    code, colon, detail = failure.partition(": ")
    return f"{code}: {said(detail)}" if colon else said(failure)


def _failure_class(fares: Faring | ObjectReach) -> str:
    """Red as long as nothing went well since."""
    is_over = fares.delivered_at is not None and fares.failed_at is not None and fares.delivered_at > fares.failed_at
    return "tc-quiet" if is_over else "tc-level-bad"
