"""Fire drills: start one, the list of them, and the report of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tocsin.accounts.rules import Permission
from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError, NotFoundError
from tocsin.delivery.drills import MemberReport, drill_report, drills, start_drill
from tocsin.delivery.rules import DeliveryState
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.fields import NumberField
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.words import CHANNELS, reason_text
from tocsin.web.shared.words import OUTCOMES

_SHOWN = 50
MOST_NAMED = 300
_VIA = {"link": _("by the link"), "key": _("by a pressed key")}


class DrillForm(forms.Form):
    channels = forms.MultipleChoiceField(
        label=_("over"),
        choices=[(channel.value, CHANNELS[channel]) for channel in PERSONAL_CHANNELS],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    lasts = NumberField(label=_("minutes to confirm"), min_value=1, max_value=7 * 24 * 60)


def urls(wrap: Any) -> list[URLPattern]:
    return [
        path("drills/", wrap(list_page), name="drills"),
        path("drills/new/", wrap(new_page), name="new-drill"),
        path("drills/<int:drill_id>/", wrap(report_page), name="drill"),
    ]


@require_safe
def list_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    more = {"title": _("Fire drills"), "drills": list(drills()[:_SHOWN]), "now": utc_now()}
    return TemplateResponse(request, "console/drills.html", {**context, **more})


def new_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """`object` in the query names whom, as often as there are objects."""
    require(request, Permission.MANAGE)
    named = request.GET.getlist("object")[:MOST_NAMED]
    ids = [int(value) for value in named if value.isascii() and value.isdecimal() and len(value) < 19]

    def start(data: dict[str, Any]) -> HttpResponse:
        try:
            drill = start_drill(
                by=actor_of(request),
                now=utc_now(),
                object_ids=ids,
                channels=[Channel(value) for value in data["channels"]],
                lasts=timedelta(minutes=data["lasts"]),
            )
        except InvalidInputError as error:
            raise InvalidInputError({"": text} if (text := error.fields.get("objects")) else error.fields) from None
        messages.success(request, _now("The messages of the drill go out now."))
        return HttpResponseRedirect(reverse("console:drill", args=[drill.pk]))

    text = _now("Everybody gets a message that says that this is a drill, and confirms by its link or by a key.")
    first = {"channels": [Channel.SMS.value], "lasts": 60}
    return form_page(
        request, context, DrillForm, start, title=_now("Fire drill"), text=text, submit=_now("Start"), initial=first
    )


@require_safe
def report_page(request: HttpRequest, context: dict[str, Any], drill_id: int) -> HttpResponse:
    try:
        report = drill_report(drill_id)
    except NotFoundError as error:
        raise Http404 from error
    more = {
        "title": _("Fire drill"),
        "report": report,
        "rows": [(member, _told(member)) for member in report.members],
        "now": utc_now(),
        "channels": ", ".join(str(CHANNELS[Channel(channel)]) for channel in report.drill.channels),
    }
    return TemplateResponse(request, "console/drill.html", {**context, **more})


def _told(member: MemberReport) -> str:
    if member.confirmed_at is not None:
        via = str(_VIA.get(member.via, member.via))
        return f"{CHANNELS[Channel(member.channel)]}, {via}" if member.channel else via
    return "; ".join(
        f"{CHANNELS[ask.channel]}: {reason_text(ask.reason) if ask.reason else OUTCOMES[DeliveryState(ask.state)]}"
        for ask in member.asks
    )
