"""What is done to a policy as a whole: enabled, disabled, put into shadow, applied to open alerts, copied."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action

from tocsin.accounts.rules import Permission
from tocsin.alerts.services import apply_current_policy
from tocsin.core.clock import utc_now
from tocsin.delivery.queries import shortfalls_of
from tocsin.delivery.shadows import open_on_older_version, shadow_report
from tocsin.policies import services
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.queries import existing_policies
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.display import chip
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.policy_lately import disabling_text
from tocsin.web.console.words import CHANNELS, reason_text

_WARNINGS_SHOWN = 10
_DAYS = (1, 7, 30)


def policy_chip(policy: NotificationPolicy) -> SafeString:
    if policy.is_shadow:
        return chip(_now("in shadow"), "info")
    return chip(_now("enabled"), "success") if policy.is_enabled else chip(_now("disabled"))


class PolicyStateFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("enabled", _("enabled")), ("shadow", _("in shadow")), ("disabled", _("disabled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "enabled":
                return queryset.filter(is_enabled=True)
            case "shadow":
                return queryset.filter(is_shadow=True)
            case "disabled":
                return queryset.filter(is_enabled=False, is_shadow=False)
            case _:
                return queryset


class PolicyStates:
    """The buttons of a policy's page, and its report of what it would have told."""

    def get_actions_detail(self: Any, request: HttpRequest, object_id: str) -> list[Any]:
        """Those that fit its state; none for what is no key."""
        is_key = str(object_id).isascii() and str(object_id).isdecimal()
        policy = existing_policies().filter(pk=object_id).first() if is_key else None
        if policy is None:
            return []
        unfit = {"_enable": policy.is_enabled, "_disable": not (policy.is_enabled or policy.is_shadow),
                 "_shadow": policy.is_shadow, "_shadow_report": not policy.is_shadow,
                 "_apply_current": not open_on_older_version(policy.pk)}  # fmt: skip
        gone = tuple(name for name, is_unfit in unfit.items() if is_unfit)
        actions: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [item for item in actions if not item.action_name.endswith(gone)]

    @action(description=_("Enable"), icon="play_arrow", permissions=["write"])
    def enable(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        policy = self.row(request, object_id)

        def act() -> str:
            services.enable_policy(by=actor_of(request), now=utc_now(), policy_id=policy.pk)
            warn_of_shortfalls(request, policy.pk)
            return _now("The policy is enabled.")

        text = _now("It acts at once: what is firing now and matches is told, too.")
        return _ask(self, request, policy, act, _now("Enable %(name)s"), text, _now("Enable"))

    @action(description=_("Run in shadow"), icon="visibility_off", permissions=["write"])
    def shadow(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        policy = self.row(request, object_id)

        def act() -> str:
            services.shadow_policy(by=actor_of(request), now=utc_now(), policy_id=policy.pk)
            return _now("The policy is in shadow: it sends nothing.")

        text = _now("It plans and records everything and sends nothing. Its report says who would have been told.")
        if policy.is_enabled:
            text = f"{text} {disabling_text(policy)}"
        return _ask(self, request, policy, act, _now("Run %(name)s in shadow"), text, _now("Run in shadow"))

    @action(description=_("Disable"), icon="pause", permissions=["write"])
    def disable(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        policy = self.row(request, object_id)

        def act() -> str:
            services.disable_policy(by=actor_of(request), now=utc_now(), policy_id=policy.pk)
            return _now("The policy is disabled.")

        return _ask(self, request, policy, act, _now("Disable %(name)s"), disabling_text(policy), _now("Disable"))

    @action(
        description=_("Apply to open alerts"), icon="published_with_changes", url_path="apply", permissions=["write"]
    )
    def apply_current(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        policy = self.row(request, object_id)

        def act() -> str:
            changed = apply_current_policy(by=actor_of(request), now=utc_now(), policy_id=policy.pk)
            text = ngettext("%(count)d alert goes by the current policy now.",
                            "%(count)d alerts go by the current policy now.", len(changed))  # fmt: skip
            return text % {"count": len(changed)}

        count = open_on_older_version(policy.pk)
        text = ngettext(
            "%(count)d open alert goes by an older version of this policy.",
            "%(count)d open alerts go by older versions of this policy.", count,
        ) % {"count": count}  # fmt: skip
        text += " " + _now("From now on they go by the current one. Whoever was told is not told again; an alert that "
                           "nobody could be told of is told anew.")  # fmt: skip
        return _ask(self, request, policy, act, _now("Apply %(name)s to open alerts"), text, _now("Apply"))

    @action(description=_("Copy"), icon="content_copy", permissions=["write"])
    def copy(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        policy = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            copied = services.copy_policy(by=actor_of(request), now=utc_now(), policy_id=policy.pk)
            done: HttpResponse = self.done(
                request, _now("The copy is disabled: nobody is told twice."), "change", copied.pk
            )
            return done

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Copy %(name)s") % {"name": policy},
            text=_now("The copy has the same rules and objects, and is disabled until you enable it."),
            submit=_now("Copy"),
        )

    @action(description=_("Shadow report"), icon="summarize", url_path="shadow-report")
    def shadow_report(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("console:policy_shadow_report", args=[self.row(request, object_id).pk]))

    def report_page(self: Any, request: HttpRequest, policy_id: int) -> HttpResponse:
        """Who would have been told, when, over what, and who not; `?days=` of the last 1, 7 or 30 days."""
        require(request, Permission.VIEW)
        policy = existing_policies().filter(pk=policy_id).first()
        if policy is None:
            raise Http404
        asked = request.GET.get("days", "")
        days = next((number for number in _DAYS if str(number) == asked), 7)
        now = utc_now()
        report = shadow_report(policy.pk, now - timedelta(days=days))
        context = {
            **self.admin_site.each_context(request),
            "title": _now("What %(name)s would have told") % {"name": policy},
            "policy": policy,
            "report": report,
            **{
                name: [(item, CHANNELS.get(item.channel, item.channel)) for item in getattr(report, name)]
                for name in ("told", "not_told", "newest")
            },
            "days": days,
            "spans": _DAYS,
            "now": now,
        }
        return TemplateResponse(request, "console/shadow_report.html", context)


def _ask(
    admin: Any, request: HttpRequest, policy: NotificationPolicy, act: Callable[[], str], title: str, text: str,
    submit: str,
) -> HttpResponse:  # fmt: skip
    def done(data: dict[str, Any]) -> HttpResponse:
        reply: HttpResponse = admin.done(request, act(), "change", policy.pk)
        return reply

    context = admin.admin_site.each_context(request)
    return form_page(
        request, context, forms.Form, done, title=title % {"name": policy}, text=text, submit=submit
    )  # fmt: skip


def warn_of_shortfalls(request: HttpRequest, policy_id: int) -> None:
    """Before the bad night: whom the saved policy names and would not reach."""
    lacks = shortfalls_of(policy_id, utc_now())
    if not lacks:
        return
    lines = []
    for lack in lacks[:_WARNINGS_SHOWN]:
        who = f"{lack.name} ({CHANNELS[lack.channel]}):" if lack.channel else f"{lack.name}:" if lack.name else ""
        lines.append(f"{who} {reason_text(lack.reason)}".strip())
    if more := len(lacks) - len(lines):
        lines.append(_now("and %(count)d more") % {"count": more})
    intro = _now("As things are now, not everybody can be told or mentioned:")
    messages.warning(request, f"{intro} {'; '.join(lines)}")
