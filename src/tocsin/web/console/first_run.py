"""The checklist of the first run: what an installation needs before it tells anybody, and what has broken since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.accounts.models import SetAside
from tocsin.accounts.rules import Permission
from tocsin.accounts.services import set_aside, take_up
from tocsin.alerts.models import Alert
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.registry import PROVIDERS
from tocsin.contacts.models import Contact
from tocsin.core.clock import utc_now
from tocsin.core.links import is_private
from tocsin.delivery.queries import is_alert_told
from tocsin.events.models import Integration
from tocsin.policies.queries import is_anybody_reached
from tocsin.web.console.actors import actor_of, may, require
from tocsin.web.console.words import said

Accounts = Mapping[Channel, Sequence[ProviderAccount]]
_HIDDEN = "first_run_hidden"
_SHOWN = "checklist"
"""In the address: also when it is hidden."""
_YEAR = 365 * 86_400
_CARRIES: Mapping[Channel, str | Promise] = {
    Channel.EMAIL: _("Mail goes out"),
    Channel.SMS: _("Text messages go out"),
    Channel.PHONE: _("Phone calls go out"),
}
_LINES = frozenset({"links", *map(str, _CARRIES), "contact", "events", "policy", "test"})


@dataclass(frozen=True, slots=True)
class Step:
    """`missing` is "" when it is done. Without a `url` there is nothing that this reader can press.

    `aside_by`: who said that this installation does not use it; what is done, or used and broken, is not aside.
    """

    title: str
    missing: str = ""
    button: str = ""
    url: str = ""
    is_dialog: bool = False
    alert: Alert | None = None
    """Where it shows."""
    name: str = ""
    is_used: bool = False
    """It is there and broken, so nobody can say that it is not used."""
    aside_by: str = ""

    @property
    def is_done(self) -> bool:
        return not self.missing

    @property
    def is_aside(self) -> bool:
        return bool(self.missing and self.aside_by and not self.is_used)


@dataclass(frozen=True, slots=True)
class Checklist:
    """Of what is aside nothing is asked, and nothing is counted."""

    all_steps: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for step in self.all_steps if not step.is_aside)

    @property
    def aside(self) -> tuple[Step, ...]:
        return tuple(step for step in self.all_steps if step.is_aside)

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def total(self) -> int:
        return len(self.steps)

    @property
    def is_complete(self) -> bool:
        return self.done == self.total


def checklist_for(request: HttpRequest, accounts: Accounts) -> Checklist | None:
    """Seven statements. None for those who may change nothing, and while it is complete and hidden."""
    if not may(request, Permission.MANAGE):
        return None
    newest = F("last_event_at").desc(nulls_last=True)
    integration = Integration.objects.filter(is_enabled=True).order_by(newest, "-pk").first()
    aside = dict(SetAside.objects.values_list("name", "by_name"))
    steps = {
        "links": _address(),
        **{str(channel): _channel(request, channel, accounts.get(channel, ())) for channel in _CARRIES},
        "contact": _contact(),
        "events": _integration(integration),
        "policy": _policy(),
        "test": _test(integration),
    }
    checklist = Checklist(tuple(replace(step, name=name, aside_by=aside.get(name, "")) for name, step in steps.items()))
    is_hidden = request.COOKIES.get(_HIDDEN) and _SHOWN not in request.GET
    return None if checklist.is_complete and is_hidden else checklist


def hide(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
    """Until something is missing again, for a year, in this browser."""
    require(request, Permission.MANAGE)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    reply = HttpResponseRedirect(reverse("console:index"))
    reply.set_cookie(
        _HIDDEN, "1", max_age=_YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax",
        path=reverse("console:index"),
    )  # fmt: skip
    return reply


def set_line_aside(request: HttpRequest, context: Mapping[str, Any], name: str) -> HttpResponse:
    """*We do not use this*, for everybody; POST."""
    return _change_line(request, name, set_aside)


def take_line_up(request: HttpRequest, context: Mapping[str, Any], name: str) -> HttpResponse:
    """And back."""
    return _change_line(request, name, take_up)


def _change_line(request: HttpRequest, name: str, change: Callable[..., None]) -> HttpResponse:
    require(request, Permission.MANAGE)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if name not in _LINES:
        raise Http404
    change(by=actor_of(request), now=utc_now(), name=name)
    return HttpResponseRedirect(reverse("console:index"))


def _address() -> Step:
    title = _now("People can open links")
    if not settings.PUBLIC_URL:
        return Step(title, _now("TOCSIN_PUBLIC_URL is not set. Set it to an address that phones reach, and restart."))
    if is_private(settings.PUBLIC_URL):
        text = _now("%(url)s is reachable only from inside. Set TOCSIN_PUBLIC_URL to an address that phones reach.")
        return Step(title, text % {"url": settings.PUBLIC_URL})
    return Step(title)


def _channel(request: HttpRequest, channel: Channel, accounts: Sequence[ProviderAccount]) -> Step:
    title = str(_CARRIES[channel])
    is_admin = may(request, Permission.ADMINISTER)
    real = [account for account in accounts if not PROVIDERS[account.provider].capabilities.is_simulated]
    if not real:
        text = _now("No provider account carries them: messages stay in the outbox.")
        if channel is Channel.PHONE:
            text = " ".join([text, _now("Each contact's fallback follows them: at first, a text message.")])
        if not is_admin:
            return Step(title, f"{text} {_now('An administrator can add one.')}")
        return Step(title, text, _now("Add an account"), reverse("console:channels_provideraccount_add"))
    broken = [account for account in real if _fails(account)]
    if len(broken) < len(real):
        return Step(title)
    text = _now("The last message through %(account)s failed: %(why)s") % {
        "account": broken[0].name,
        "why": said(broken[0].last_failure) or "?",
    }
    url = reverse("console:channels_provideraccount_change", args=[broken[0].pk]) if is_admin else ""
    return Step(title, text, _now("Open the account") if url else "", url, is_used=True)


def _fails(account: ProviderAccount) -> bool:
    failed, accepted = account.last_failed_at, account.last_accepted_at
    return failed is not None and (accepted is None or failed > accepted)


def _contact() -> Step:
    title = _now("A contact with a verified number")
    if Contact.objects.filter(phone_verified_at__isnull=False).exists():
        return Step(title)
    if not Contact.objects.exists():
        return Step(
            title,
            _now("There is no contact yet."),
            _now("Create the first contact"),
            reverse("console:contacts_contact_add"),
            is_dialog=True,
        )
    text = _now("No number is verified yet, so nobody can be called or texted.")
    return Step(title, text, _now("Verify numbers"), reverse("console:contacts_contact_changelist"))


def _integration(integration: Integration | None) -> Step:
    title = _now("Events come in")
    if integration is None:
        return Step(
            title,
            _now("There is no enabled integration that events could come from."),
            _now("Add an integration"),
            reverse("console:events_integration_add"),
            is_dialog=True,
        )
    if integration.last_event_at is not None:
        return Step(title)
    text = _now("%(name)s waits for its first event.") % {"name": integration.name}
    url = reverse("console:events_integration_change", args=[integration.pk])
    return Step(title, text, _now("Connect the source"), url)


def _policy() -> Step:
    title = _now("A policy reaches somebody")
    if is_anybody_reached():
        return Step(title)
    text = _now("No enabled policy names anybody who can be reached, so nobody is told of anything.")
    return Step(title, text, _now("Open the policies"), reverse("console:policies_notificationpolicy_changelist"))


def _test(integration: Integration | None) -> Step:
    """Only a real account's message of a real alert is proof; an alert that has none yet is named."""
    title = _now("A test alert arrived")
    if is_alert_told():
        return Step(title)
    alert = Alert.objects.filter(is_shadow=False).order_by("-pk").only("title").first()
    text = (
        _now("No message of an alert has gone out through a real account yet. The newest alert says why:")
        if alert
        else _now("No message of an alert has gone out through a real account yet.")
    )
    if integration is None:
        return Step(title, text, alert=alert)
    url = reverse("console:events_integration_send_test_event", args=[integration.pk])
    return Step(title, text, _now("Send a test event"), url, is_dialog=True, alert=alert)
