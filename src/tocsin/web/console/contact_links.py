"""Personal links: before, who gets one and how; after, a result for each contact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from tocsin.accounts.rules import Permission
from tocsin.channels.kinds import Channel
from tocsin.core.clock import utc_now
from tocsin.delivery.personal_links import LinkResult, LinkSendOutcome, preview_links, send_links
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.display import clock
from tocsin.web.console.words import CHANNELS

CONFIRMED = "confirmed"
_SHOWN = 200
_WAYS: Mapping[str, tuple[str | Promise, tuple[Channel, ...]]] = {
    "any": (_("By email; by text message where there is no address"), (Channel.EMAIL, Channel.SMS)),
    "email": (_("By email"), (Channel.EMAIL,)),
    "sms": (_("By text message, to verified numbers"), (Channel.SMS,)),
}
_BEFORE: Mapping[LinkSendOutcome, str | Promise] = {
    LinkSendOutcome.SENT: _("gets a link: %(channel)s"),
    LinkSendOutcome.NO_ADDRESS: _("has no address that a link could go to"),
    LinkSendOutcome.LIMITED: _("got too many links; the next one may go at %(time)s"),
    LinkSendOutcome.REFUSED: _("cannot be sent one: %(detail)s"),
    LinkSendOutcome.UNKNOWN: _("no longer exists"),
}
_AFTER: Mapping[LinkSendOutcome, str | Promise] = {**_BEFORE, LinkSendOutcome.SENT: _("sent: %(channel)s")}


class WayForm(forms.Form):
    way = forms.ChoiceField(
        label=_("How"),
        choices=[(name, text) for name, (text, _channels) in _WAYS.items()],
        initial="any",
        widget=UnfoldAdminRadioSelectWidget,
    )


def links_page(
    request: HttpRequest,
    context: Mapping[str, Any],
    ids: Collection[int],
    back: str,
    hidden: Collection[tuple[str, str]] = (),
) -> HttpResponse:
    """The question, or after a POST that confirms it the results. `hidden` are fields that the POST must carry."""
    require(request, Permission.MANAGE)
    is_sent = request.method == "POST" and CONFIRMED in request.POST
    way = request.POST.get("way", "any")
    channels = _WAYS.get(way, _WAYS["any"])[1]
    if is_sent:
        results = send_links(by=actor_of(request), now=utc_now(), contact_ids=ids, channels=channels)
    else:
        results = preview_links(now=utc_now(), contact_ids=ids, channels=channels)
    words = _AFTER if is_sent else _BEFORE
    counts = Counter(result.outcome for result in results)
    ranked = sorted(results, key=lambda result: list(LinkSendOutcome).index(result.outcome))
    return TemplateResponse(
        request,
        "console/links.html",
        {
            **context,
            "title": _now("Send Personal Links"),
            "is_sent": is_sent,
            "links": counts[LinkSendOutcome.SENT],
            "rows": [(result, *_words(result, words)) for result in ranked[:_SHOWN]],
            "more": max(0, len(ranked) - _SHOWN),
            "form": WayForm(initial={"way": way}),
            "hidden": hidden,
            "confirmed": CONFIRMED,
            "back": back,
        },
    )


def _words(result: LinkResult, words: Mapping[LinkSendOutcome, str | Promise]) -> tuple[str, str]:
    """What is said of a contact, and its colour."""
    values = {
        "channel": CHANNELS[result.channel],
        "time": clock(result.retry_at) if result.retry_at else "",
        "detail": result.detail,
    }
    return str(words[result.outcome]) % values, "success" if result.outcome is LinkSendOutcome.SENT else "warning"
