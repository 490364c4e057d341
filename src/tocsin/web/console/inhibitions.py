"""Inhibitions: what is quiet while something larger fires."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from tocsin.core.clock import utc_now
from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.policies.models import Inhibition
from tocsin.policies.rules import stored_rules
from tocsin.policies.services import inhibitions as services
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import chip
from tocsin.web.console.fields import SwitchField
from tocsin.web.console.policy_matching import RulesField
from tocsin.web.console.policy_text import read_rules, write_rules
from tocsin.web.console.service_admin import ServiceAdmin, ServiceForm


def _rules_field(label: Any, help_text: Any) -> RulesField:
    """Text: two editors on one page would share what they suggest."""
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "class": "tc-mono", "spellcheck": "false"})
    return RulesField(label=label, strip=False, widget=widget, help_text=help_text)


class InhibitionForm(ServiceForm):
    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    is_enabled = SwitchField(label=_("enabled"), initial=True)
    source_rules = _rules_field(
        _("while this fires"),
        _("One condition a line, like alertname = ClusterDown; a blank line begins an alternative."),
    )
    target_rules = _rules_field(_("this is quiet"), _("Like severity in warning, info."))
    equal = forms.CharField(
        label=_("equal labels"), required=False, widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "Labels, separated by commas, whose values must be the same on both. A label that both lack is the same. "
            "Empty: any source quiets every target."
        ),
    )  # fmt: skip

    class Meta:
        fields = ("name", "is_enabled", "source_rules", "target_rules", "equal")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["source_rules"] = write_rules(stored_rules(self.instance.source_rules))
            self.initial["target_rules"] = write_rules(stored_rules(self.instance.target_rules))
            self.initial["equal"] = ", ".join(self.instance.equal)


class InhibitionAdmin(ServiceAdmin):
    empty = empties.INHIBITIONS
    form = InhibitionForm
    writes = ("add", "change", "delete")
    list_display = ("name", "shown_state", "sources", "targets", "equals", "quiets")
    list_filter = ("is_enabled",)
    search_fields = ("name", "source_rules", "target_rules")
    _fields = ("name", "is_enabled", "source_rules", "target_rules", "equal")
    _read = ("name", "shown_state", "sources", "targets", "equals", "quiets")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        quiet = Event.objects.filter(state=EventState.SILENCED, inhibited_by=OuterRef("pk")).order_by()
        counted = quiet.values("inhibited_by").annotate(total=Count("pk")).values("total")
        return Inhibition.objects.annotate(quiet_now=Coalesce(Subquery(counted), 0))

    def get_fieldsets(self, request: HttpRequest, obj: Inhibition | None = None) -> Any:
        may_write = obj is None or self.has_change_permission(request, obj)
        return ((None, {"fields": self._fields if may_write else self._read}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Inhibition | None = None) -> Any:
        return ("shown_state", "sources", "targets", "equals", "quiets")

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Inhibition:
        return services.create_inhibition(by=actor_of(request), now=utc_now(), **_typed(data))

    def change_row(self, request: HttpRequest, row: Inhibition, data: dict[str, Any]) -> None:
        services.save_inhibition(
            by=actor_of(request), now=utc_now(), inhibition_id=row.pk, version=data["version"], **_typed(data)
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        for inhibition_id in ids:
            services.delete_inhibition(by=actor_of(request), now=utc_now(), inhibition_id=inhibition_id)

    @display(description=_("state"), ordering="is_enabled")
    def shown_state(self, row: Inhibition) -> SafeString:
        return chip(_now("enabled"), "success") if row.is_enabled else chip(_now("disabled"))

    @display(description=_("while this fires"))
    def sources(self, row: Inhibition) -> SafeString:
        return _lines(row.source_rules)

    @display(description=_("this is quiet"))
    def targets(self, row: Inhibition) -> SafeString:
        return _lines(row.target_rules)

    @display(description=_("equal labels"))
    def equals(self, row: Inhibition) -> str:
        return ", ".join(row.equal) or _now("none")

    @display(description=_("quiet now"))
    def quiets(self, row: Any) -> str:
        return str(row.quiet_now)


def _lines(rules: Any) -> SafeString:
    return format_html('<span class="tc-mono tc-lines">{}</span>', write_rules(stored_rules(rules)))


def _typed(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": data["name"],
        "is_enabled": data["is_enabled"],
        "source_rules": read_rules(data["source_rules"]),
        "target_rules": read_rules(data["target_rules"]),
        "equal": [name for name in (part.strip() for part in data["equal"].split(",")) if name],
    }
