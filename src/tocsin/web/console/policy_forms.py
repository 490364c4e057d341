"""The form of a notification policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.html import escape
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from tocsin.events.models import Integration
from tocsin.policies.queries import existing_escalations
from tocsin.policies.rules import stored_rules
from tocsin.web.console.fields import NumberField, SwitchField
from tocsin.web.console.policy_hours import LimitsField, WindowField
from tocsin.web.console.policy_lately import disabling_text
from tocsin.web.console.policy_matching import RulesField
from tocsin.web.console.policy_targets import TargetRow, TargetsField
from tocsin.web.console.policy_templates import TemplatesField
from tocsin.web.console.policy_text import write_rules
from tocsin.web.console.service_admin import ServiceForm

_LONGEST_WAIT = 24 * 3600
_LONGEST_REPEAT = 7 * 24 * 60


class PolicyForm(ServiceForm):
    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    is_enabled = SwitchField(
        label=_("enabled"),
        initial=True,
        help_text=_("Acts at once, also on open alerts."),
    )
    is_shadow = SwitchField(
        label=_("in shadow"),
        help_text=_("Instead of enabled: plans and records everything, sends nothing, and reports who would be told."),
    )
    sources = forms.TypedMultipleChoiceField(
        label=_("event sources"),
        required=False,
        coerce=int,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Only events from these integrations. None chosen: from every one."),
    )
    rules = RulesField(
        label=_("match rules"),
        required=False,
        strip=False,
    )
    stops_here = SwitchField(
        label=_("stop here"),
        help_text=_("Policies that come after this one do not get the events that it takes."),
    )
    targets = TargetsField(label=_("notification objects"), required=False)
    severity_limits = LimitsField(label=_("channels by severity"), required=False)
    window = WindowField(label=_("sending hours"), required=False)
    templates = TemplatesField(label=_("texts"), required=False)
    group_by = forms.CharField(
        label=_("group by"),
        required=False,
        initial="alertname",
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Labels, separated by commas: events that share them are told together. Empty: all in one."),
    )
    group_wait = NumberField(
        label=_("group wait (seconds)"),
        initial=5,
        min_value=0,
        max_value=_LONGEST_WAIT,
        help_text=_("How long the first message waits for more events of its group."),
    )
    group_interval = NumberField(
        label=_("group interval (seconds)"),
        initial=30,
        min_value=1,
        max_value=_LONGEST_WAIT,
        help_text=_("How long further events of an open alert wait before they are told."),
    )
    sends_recovery = SwitchField(label=_("tell of recovery"), initial=True)
    repeat_every = NumberField(
        label=_("repeat every (minutes)"),
        required=False,
        min_value=1,
        max_value=_LONGEST_REPEAT,
        help_text=_("Until it recovers or somebody claims it, everybody is told again. Empty: once is enough."),
    )
    escalation = forms.TypedChoiceField(
        label=_("escalation policy"),
        required=False,
        coerce=int,
        empty_value=None,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Instead of repeating: who is told next when nobody claims or resolves the alert."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("is_enabled") and cleaned.get("is_shadow"):
            self.add_error("is_shadow", _now("Choose one of enabled and in shadow."))
        return cleaned

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "escalation" in self.fields:
            chosen = [("", _now("None")), *existing_escalations().values_list("pk", "name")]
            self.fields["escalation"].choices = chosen  # type: ignore[attr-defined] # a choice field
        current = self.instance.current if self.instance.pk is not None else None
        if self.instance.pk is not None and self.instance.is_enabled and "is_enabled" in self.fields:
            text = _now("Acts at once. Switched off: %(what)s") % {"what": disabling_text(self.instance)}
            self.fields["is_enabled"].help_text = escape(text)  # it names alerts, and the page takes it as HTML
        if "sources" in self.fields:
            self.fields["sources"].choices = source_choices(current.sources if current else ())  # type: ignore[attr-defined]
        if current is None:
            return
        targets = current.targets.select_related("object").order_by("pk")
        self.initial.update(
            rules=write_rules(stored_rules(current.rules)),
            sources=current.sources,
            stops_here=current.stops_here,
            severity_limits=current.severity_limits,
            window=current.sending_window,
            templates=current.templates,
            group_by=", ".join(current.group_by),
            group_wait=current.group_wait_seconds,
            group_interval=current.group_interval_seconds,
            sends_recovery=current.sends_recovery,
            repeat_every=current.repeat_seconds // 60 or None,
            escalation=current.escalation_id,
            targets=[
                TargetRow(f"{target.object.kind}:{target.object_id}", tuple(target.channels)) for target in targets
            ],
        )


def source_choices(chosen: Sequence[int], *, only_chosen: bool = False) -> list[tuple[int, str]]:
    """Also those that were chosen and are gone: a policy left without any would listen to every one."""
    known = list(Integration.objects.order_by("name").values_list("pk", "name"))
    gone = set(chosen) - {pk for pk, _name in known}
    if only_chosen:
        known = [(pk, name) for pk, name in known if pk in chosen]
    return known + [(pk, _now("integration %(id)d (deleted)") % {"id": pk}) for pk in sorted(gone)]
