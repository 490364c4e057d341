"""Webhooks: the tab of programs that are told of alerts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from tocsin.contacts import services
from tocsin.contacts.models import Webhook
from tocsin.core.clock import utc_now
from tocsin.delivery.previews import webhook_preview
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import read_once
from tocsin.web.console.outlet_forms import WebhookForm
from tocsin.web.console.outlet_test import outlet_test_page
from tocsin.web.console.outlets import OutletAdmin, write_only

_FIELDS = (
    "name", "url", "method", "headers", "parameters", "body", "recovery_body", "secret", "language", "is_enabled",
)  # fmt: skip


class WebhookAdmin(OutletAdmin):
    empty = empties.WEBHOOKS
    form = WebhookForm
    list_display = ("name", "goes_to", "policies", "last_success", "last_failure", "shown_state", "links")
    readonly_fields = (*OutletAdmin.readonly_fields, "goes_to", "is_signed", "sample", "recovery_sample")
    list_before_template = "console/outlets_note.html"
    actions_detail = ("test_webhook",)
    test_page = "test_webhook"
    add_title = _("Create Webhook")
    edit_title = _("Edit Webhook")

    def get_fieldsets(self, request: HttpRequest, obj: Webhook | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", "goes_to", "is_signed", "shown_state", "fared", "used_by")}),)
        secret = ("secret", "forgets_secret") if obj and obj.secret else ("secret",)
        sets = [
            (None, {"fields": ("name", "url", "method", "headers", "parameters", "is_enabled")}),
            (_("What is sent"), {"fields": ("body", "recovery_body", "language")}),
            (_("Proof that it is from Tocsin"), {"fields": secret}),
        ]
        if obj is None:
            return sets
        shown = ("goes_to", "fared", "used_by", "sample", "recovery_sample")
        return [*sets, (_("Use"), {"fields": shown})]

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Webhook:
        given = {name: data[name] for name in _FIELDS}
        return services.create_webhook(by=actor_of(request), now=utc_now(), **given)

    def change_row(self, request: HttpRequest, row: Webhook, data: dict[str, Any]) -> None:
        given = {name: data[name] for name in _FIELDS if name not in ("url", "secret")}
        services.update_webhook(
            by=actor_of(request),
            now=utc_now(),
            webhook_id=row.pk,
            version=data["version"],
            **write_only(data),
            **given,
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_webhooks(by=actor_of(request), now=utc_now(), ids=ids)

    @action(
        description=_("Send a test request"),
        icon="send",
        url_path="test",
        permissions=["write"],
        attrs={"data-dialog": ""},
    )
    def test_webhook(self, request: HttpRequest, object_id: str) -> HttpResponse:
        webhook = self.row(request, object_id)
        back = self.url("change", webhook.pk)
        return outlet_test_page(request, self.admin_site.each_context(request), webhook, back)

    @display(description=_("goes to"))
    def goes_to(self, webhook: Webhook) -> str:
        """The host alone: path and query may hold a token."""
        return f"{webhook.method} {urlsplit(webhook.url).hostname or ''}"

    @display(description=_("signed"), boolean=True)
    def is_signed(self, webhook: Webhook) -> bool:
        return bool(webhook.secret)

    @display(description=_("example of what is sent"))
    @read_once
    def sample(self, webhook: Webhook) -> SafeString:
        return _example(webhook_preview(webhook, utc_now()))

    @display(description=_("example of a recovery"))
    @read_once
    def recovery_sample(self, webhook: Webhook) -> SafeString:
        return _example(webhook_preview(webhook, utc_now(), is_recovery=True))


def _example(text: str) -> SafeString:
    """Scrolled by keyboard, too."""
    return format_html('<pre class="tc-text" tabindex="0">{}</pre>', text)
