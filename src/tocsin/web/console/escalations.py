"""Escalation policies: who is told when nobody reacts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from tocsin.alerts.models import Alert
from tocsin.alerts.services import save_escalation
from tocsin.contacts.queries import names_of
from tocsin.core.clock import utc_now
from tocsin.policies import services
from tocsin.policies.models import EscalationPolicy, EscalationStep
from tocsin.policies.queries import existing_escalations, policies_with_escalation
from tocsin.policies.rules.escalations import MOST_ROUNDS
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import NOTHING, read_once
from tocsin.web.console.escalation_steps import UNTIL, StepRow, StepsField
from tocsin.web.console.fields import NumberField
from tocsin.web.console.policy_targets import TargetRow
from tocsin.web.console.service_admin import ServiceAdmin, ServiceForm
from tocsin.web.console.words import CHANNELS

_LONGEST_CLAIM = 24 * 60


class EscalationForm(ServiceForm):
    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    steps = StepsField(label=_("steps"), required=False)
    rounds = NumberField(
        label=_("repeat the chain"),
        initial=1,
        min_value=0,
        max_value=MOST_ROUNDS,
        help_text=_("How often it begins again when every step was taken and the alert is still open: 0 to 9 times."),
    )
    claim_minutes = NumberField(
        label=_("a claim lapses after (minutes)"),
        required=False,
        min_value=0,
        max_value=_LONGEST_CLAIM,
        help_text=_("Then escalation goes on, unless who claims says otherwise. Empty: a claim stays."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial.update(steps=[_row(step) for step in _steps(self.instance)])


class EscalationPolicyAdmin(ServiceAdmin):
    empty = empties.ESCALATIONS
    form = EscalationForm
    writes = ("add", "change", "delete")
    list_display = ("name", "times", "rounds_text", "used_by")
    search_fields = ("name",)
    _content = ((None, {"fields": ("name",)}), (_("When nobody reacts"), {"fields": ("steps",)}),
                (_("And then"), {"fields": ("rounds", "claim_minutes")}))  # fmt: skip
    _use = ((_("Use"), {"fields": ("users", "escalating")}),)
    _read_only = ((None, {"fields": ("name", "chain", "rounds_text", "users", "escalating")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        used = Count("policy_versions", filter=Q(policy_versions__current_of__deleted_at__isnull=True,
                                                 policy_versions__current_of__isnull=False))  # fmt: skip
        return existing_escalations().annotate(uses=used).prefetch_related("steps__targets").order_by("name", "pk")

    def get_fieldsets(self, request: HttpRequest, obj: EscalationPolicy | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return self._read_only
        return self._content + self._use if obj is not None else self._content

    def get_readonly_fields(self, request: HttpRequest, obj: EscalationPolicy | None = None) -> Any:
        return ("chain", "rounds_text", "users", "escalating")

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> EscalationPolicy:
        return services.create_escalation(by=actor_of(request), now=utc_now(), **_typed(data))

    def change_row(self, request: HttpRequest, row: EscalationPolicy, data: dict[str, Any]) -> None:
        save_escalation(
            by=actor_of(request), now=utc_now(), escalation_id=row.pk, version=data["version"], **_typed(data)
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        for escalation_id in ids:
            services.delete_escalation(by=actor_of(request), now=utc_now(), escalation_id=escalation_id)

    @display(description=_("steps"))
    def times(self, policy: EscalationPolicy) -> str:
        return "; ".join(_when(step) for step in _steps(policy)) or NOTHING

    @display(description=_("steps"))
    @read_once
    def chain(self, policy: EscalationPolicy) -> SafeString | str:
        steps = _steps(policy)
        ids = [target.object_id for step in steps for target in step.targets.all()]
        names = {pk: item.name for pk, item in names_of(ids).items()}
        lines = format_html_join("", "<div>{}</div>", ((_line(step, names),) for step in steps))
        return lines or NOTHING

    @display(description=_("repeat the chain"))
    def rounds_text(self, policy: EscalationPolicy) -> str:
        if not policy.rounds:
            return _now("no")
        return ngettext("%(count)d time", "%(count)d times", policy.rounds) % {"count": policy.rounds}

    @display(description=_("used by"), ordering="uses")
    def used_by(self, policy: Any) -> str:
        if not policy.uses:
            return NOTHING
        return ngettext("%(count)d policy", "%(count)d policies", policy.uses) % {"count": policy.uses}

    @display(description=_("used by"))
    @read_once
    def users(self, policy: EscalationPolicy) -> SafeString | str:
        rows = (
            (reverse("console:policies_notificationpolicy_change", args=[user.pk]), user.name)
            for user in policies_with_escalation(policy.pk)
        )
        lines = format_html_join("", '<div><a class="text-link" href="{}">{}</a></div>', rows)
        return lines or _now("No notification policy: it has no effect until one chooses it.")

    @display(description=_("open alerts"))
    @read_once
    def escalating(self, policy: EscalationPolicy) -> str:
        open_alerts = Alert.objects.filter(policy_version__escalation=policy, resolved_at__isnull=True)
        return str(open_alerts.count())


def _steps(policy: EscalationPolicy) -> list[EscalationStep]:
    known = getattr(policy, "_prefetched_objects_cache", {})
    steps = policy.steps.all() if "steps" in known else policy.steps.prefetch_related("targets")
    return sorted(steps, key=lambda step: step.number)


def _row(step: EscalationStep) -> StepRow:
    targets = step.targets.select_related("object").order_by("pk")
    return StepRow(
        until=step.until,
        after=str(step.after_minutes),
        targets=[TargetRow(f"{target.object.kind}:{target.object_id}", tuple(target.channels)) for target in targets],
        repetitions=str(step.repetitions),
        every=str(step.every_minutes),
        begins=f"{step.begins:%H:%M}" if step.begins else "",
        ends=f"{step.ends:%H:%M}" if step.ends else "",
        zone=step.time_zone,
        is_kept=True,
    )


def _line(step: EscalationStep, names: dict[int, str]) -> SafeString:
    told = "; ".join(
        f"{names.get(target.object_id, '?')}"
        + (f" ({', '.join(str(CHANNELS[channel]) for channel in target.channels)})" if target.channels else "")
        for target in step.targets.all()
    )
    more = [_when(step)]
    if step.repetitions:
        again = _now("%(count)d more, every %(minutes)d min")
        more.append(again % {"count": step.repetitions, "minutes": step.every_minutes})
    if step.begins and step.ends:
        more.append(f"{step.begins:%H:%M}-{step.ends:%H:%M} {step.time_zone}".strip())
    return format_html('{} <span class="tc-quiet">{}</span>', f"{', '.join(more)}:", told)


def _when(step: EscalationStep) -> str:
    return _now("%(what)s for %(minutes)d min") % {"what": UNTIL[step.until], "minutes": step.after_minutes}


def _typed(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": data["name"],
        "steps": data["steps"],
        "rounds": data["rounds"],
        "claim_minutes": data["claim_minutes"] or 0,
    }
