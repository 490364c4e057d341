"""The outbox: what would have been sent where no real account carries a channel, and a phone that can be answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from tocsin.accounts.rules import Permission
from tocsin.channels.base import Receipt, ReceiptStatus
from tocsin.channels.kinds import Channel
from tocsin.channels.registry import PROVIDERS
from tocsin.core.clock import utc_now
from tocsin.core.ids import to_base36
from tocsin.core.redact import redact
from tocsin.delivery.models import Delivery
from tocsin.delivery.queries import OutboxMessage, outbox_messages
from tocsin.delivery.rules import Purpose
from tocsin.delivery.services import answer_simulated_call
from tocsin.delivery.timeline import state_title
from tocsin.web.console.actors import actor_of, may, require
from tocsin.web.console.empties import OUTBOX, empty_context
from tocsin.web.console.home import simulated_channels
from tocsin.web.console.text_sizes import said_size
from tocsin.web.console.words import CHANNEL_ICONS, CHANNELS, COLOURS, reason_text

_SHOWN = 100
_SECRET = (Purpose.VERIFICATION, Purpose.LINK, Purpose.HANDOVER, Purpose.CODE, Purpose.DRILL)
"""Their texts prove who somebody is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which the simulated phone can end, and the receipts that a vendor would send of it."""

    name: str
    title: str | Promise
    icon: str
    receipts: tuple[tuple[ReceiptStatus, str], ...]


ANSWERS = (
    Answer("answer", _("Answer"), "call", ((ReceiptStatus.ANSWERED, ""),)),
    Answer(
        "press-1",
        _("Answer, press 1"),
        "dialpad",
        ((ReceiptStatus.ANSWERED, ""), (ReceiptStatus.KEY_PRESSED, "1")),
    ),
    Answer("reject", _("Refuse"), "call_end", ((ReceiptStatus.REJECTED, ""),)),
    Answer("ring-out", _("Let it ring"), "phone_missed", ((ReceiptStatus.NO_ANSWER, ""),)),
)


def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    require(request, Permission.VIEW)
    shown = {
        **context,
        "title": _now("Outbox"),
        "now": utc_now(),
        "entries": [_entry(message, may(request, Permission.MANAGE)) for message in outbox_messages(_SHOWN)],
        "answers": ANSWERS,
        "simulated": [str(CHANNELS[channel]) for channel in simulated_channels()],
        "empty": empty_context(request, OUTBOX, ""),
    }
    return TemplateResponse(request, "console/outbox.html", shown)


@require_POST
def answer(request: HttpRequest, context: dict[str, Any], delivery_id: int, answer: str) -> HttpResponse:
    """What the person called does, told to delivery as a vendor's receipts would be."""
    require(request, Permission.RESPOND)
    chosen = next((item for item in ANSWERS if item.name == answer), None)
    if chosen is None:
        raise Http404
    delivery = Delivery.objects.select_related("account").filter(pk=delivery_id).first()
    if delivery is None or delivery.account is None:
        raise Http404
    if not PROVIDERS[delivery.account.provider].capabilities.is_simulated or delivery.channel != Channel.PHONE:
        raise BadRequest(_now("Only a simulated call can be answered here."))
    now = utc_now()
    receipts = [
        Receipt(status, reference=to_base36(delivery.pk), key=key, occurred_at=now) for status, key in chosen.receipts
    ]
    note = f"simulated call: {chosen.name}"
    answer_simulated_call(by=actor_of(request), delivery=delivery, receipts=receipts, note=note, now=now)
    done = _now("%(name)s: %(answer)s") % {"name": delivery.recipient_name, "answer": chosen.title}
    messages.success(request, done)
    return HttpResponseRedirect(reverse("console:outbox"))


def _entry(message: OutboxMessage, may_manage: bool) -> dict[str, Any]:
    """The text of a verification proves a number, and a link acts for its recipient: not for every reader."""
    delivery = message.delivery
    is_hidden = delivery.purpose in _SECRET and not may_manage
    return {
        "delivery": delivery,
        "text": "" if is_hidden else message.text if may_manage else redact(message.text),
        "size": said_size(delivery.channel, message.text) if delivery.channel == Channel.SMS else "",
        "is_hidden": is_hidden,
        "channel": CHANNELS.get(delivery.channel, delivery.channel),
        "icon": CHANNEL_ICONS.get(delivery.channel, "send"),
        "state": state_title(delivery),
        "colour": COLOURS.get(delivery.state, "default"),
        "why": reason_text(delivery.reason) if delivery.reason else "",
        "rings": message.is_ringing,
        "alert": delivery.notification.alert if delivery.notification else None,
    }
