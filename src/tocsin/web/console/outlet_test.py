"""A test message to a robot or webhook, and what its platform or receiver answered, explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import Note
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Robot, Webhook
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Attempt, Delivery
from tocsin.delivery.rules import DeliveryState, Purpose
from tocsin.delivery.services import send_test
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import span
from tocsin.web.console.words import reason_text, said

Text = str | Promise

_VERDICTS: Mapping[Outcome, tuple[str, Text, Text]] = {
    Outcome.ACCEPTED: ("good", _("It arrived"), ""),
    Outcome.RATE_LIMITED: ("warning", _("Too many messages just now"), _("It waits and is tried again.")),
    Outcome.TRANSIENT: ("warning", _("It could not be taken just now"), _("It is tried again, as an alert would be.")),
    Outcome.PERMANENT_TARGET: ("bad", _("The content was refused"), ""),
    Outcome.PERMANENT_CONFIG: ("bad", _("It does not work as it is set up"), ""),
    Outcome.AMBIGUOUS: ("warning", _("No whole answer came"), _("Look whether the message is there.")),
}
_NOTED: Mapping[str, Text] = {Note.UNCONFIRMED: _("It was sent, unconfirmed")}
_KEYWORD = _(
    "The robot takes only messages that hold one of its keywords. Look the keyword up in the group's robot settings "
    "and enter it for this robot, or change the robot's security setting to a signature."
)
_SIGNATURE = _(
    "Copy the signing secret again from the robot's security settings and enter it for this robot. If it is right, the "
    "clock of this machine is wrong: run NTP."
)
_ADDRESS_LIST = _(
    "The robot takes messages from listed addresses only. Add the public address of this server to its list; the "
    "answer may name the address that it saw."
)
_TOKEN = _(
    "The robot was removed, or its address was made anew. Open the group's robot settings, copy the webhook URL and "
    "enter it for this robot."
)
_GONE = _("The robot or its group is gone. Add the robot to a group again and enter its new webhook URL.")
_RATE = _("The platform's limit is reached, perhaps by others who use this robot. Tocsin waits and tries again.")
_NETWORK = _("This server cannot reach that address: check name, firewall and proxy.")
_PRIVATE = _("If the address is meant to be private, an operator adds it to TOCSIN_OUTGOING_ALLOW.")
_ADVICE: Mapping[tuple[str, str], Text] = {
    (Channel.DINGTALK, "130101"): _RATE,
    (Channel.DINGTALK, "410100"): _RATE,
    (Channel.DINGTALK, "300001"): _TOKEN,
    (Channel.DINGTALK, "300005"): _TOKEN,
    (Channel.DINGTALK, "400101"): _TOKEN,
    (Channel.DINGTALK, "400102"): _GONE,
    (Channel.DINGTALK, "400106"): _GONE,
    (Channel.DINGTALK, "400013"): _GONE,
    (Channel.LARK, "19001"): _TOKEN,
    (Channel.LARK, "19021"): _SIGNATURE,
    (Channel.LARK, "19022"): _ADDRESS_LIST,
    (Channel.LARK, "19024"): _KEYWORD,
    (Channel.LARK, "230002"): _GONE,
    (Channel.LARK, "232009"): _GONE,
    (Channel.LARK, "11232"): _RATE,
    (Channel.LARK, "11247"): _RATE,
    (Channel.WECOM, "93000"): _TOKEN,
    (Channel.WECOM, "93004"): _GONE,
    (Channel.WECOM, "93008"): _GONE,
    (Channel.WECOM, "45009"): _RATE,
    (Channel.SLACK, "ratelimited"): _RATE,
    (Channel.TELEGRAM, "429"): _RATE,
    (Channel.WEBHOOK, "401"): _("The receiver refuses who asks: check headers, query parameters and signing secret."),
    (Channel.WEBHOOK, "403"): _("The receiver refuses who asks: check headers, query parameters and signing secret."),
    (Channel.WEBHOOK, "404"): _("There is nothing at this address: check its path."),
    (Channel.WEBHOOK, "405"): _("The receiver takes another method: choose POST or GET."),
    (Channel.WEBHOOK, "415"): _("The receiver takes another content type: set the header Content-Type."),
}
_DINGTALK_310000 = (
    ("keyword", _KEYWORD),
    ("sign not match", _SIGNATURE),
    ("timestamp", _SIGNATURE),
    ("whitelist", _ADDRESS_LIST),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """`level`: one of the console's colours. `facts`: what was answered, in its own words."""

    level: str
    verdict: Text
    meaning: Text
    advice: Text
    facts: list[tuple[str, str]]


def outlet_test_page(
    request: HttpRequest, context: Mapping[str, Any], outlet: Robot | Webhook, back: str
) -> HttpResponse:
    """GET asks; POST queues the message, as the worker sends every other, and leads to the page that follows it."""
    channel = Channel.WEBHOOK if isinstance(outlet, Webhook) else Channel(outlet.platform)
    if request.method == "POST":
        sent = send_test(by=actor_of(request), now=utc_now(), object_id=outlet.pk, channel=channel)
        return HttpResponseRedirect(f"{request.path}?delivery={sent.pk}")
    delivery = _delivery(request, outlet.pk)
    page = {
        **context,
        "title": _now("Test %(name)s") % {"name": outlet},
        "outlet": outlet,
        "is_webhook": channel is Channel.WEBHOOK,
        "delivery": delivery,
        "answer": answer_to(delivery) if delivery else None,
        "waits": delivery is not None and delivery.next_at is not None,
        "is_over": delivery is not None and delivery.finished_at is not None,
        "back": back,
        "now": utc_now(),
    }
    return TemplateResponse(request, "console/outlet_test.html", page)


def answer_to(delivery: Delivery) -> Answer | None:
    """What the last try came to; None as long as there was none."""
    attempt = delivery.attempts.order_by("-number", "-pk").first()
    if attempt is not None:
        return _explained(delivery.channel, attempt)
    if delivery.state in (DeliveryState.SKIPPED, DeliveryState.CANCELLED):
        return Answer("warning", _("It was not sent"), reason_text(delivery.reason), "", [])
    return None


def _explained(channel: str, attempt: Attempt) -> Answer:
    outcome = Outcome(attempt.outcome)
    level, verdict, meaning = _VERDICTS[outcome]
    took = (attempt.finished_at - attempt.started_at).total_seconds()
    is_webhook = channel == Channel.WEBHOOK
    if attempt.code in set(Note):
        verdict, meaning = _NOTED.get(attempt.code, verdict), said(attempt.detail)
    facts = [
        (_now("status") if is_webhook and attempt.code.isdigit() else _now("code"), attempt.code),
        (_now("answer"), said(attempt.detail)),
        (_now("took"), _now("%(ms)d ms") % {"ms": int(took * 1000)} if took < 10 else span(took)),
        (_now("try"), str(attempt.number) if attempt.number > 1 else ""),
    ]
    return Answer(
        level,
        verdict,
        meaning,
        _advice(channel, attempt.code, attempt.detail),
        [(name, value) for name, value in facts if value],
    )


def answer_at_once(channel: str, result: SendResult) -> Answer:
    """What a message came to that was sent past the queue: nothing of it is tried again."""
    level, verdict, meaning = _VERDICTS[result.outcome]
    again = result.outcome in (Outcome.RATE_LIMITED, Outcome.TRANSIENT)
    is_status = channel == Channel.WEBHOOK and result.code.isdigit()
    facts = [(_now("status") if is_status else _now("code"), result.code), (_now("answer"), said(result.detail))]
    advice = _advice(channel, result.code, result.detail)
    return Answer(level, verdict, "" if again else meaning, advice, [(name, value) for name, value in facts if value])


def _advice(channel: str, code: str, detail: str) -> Text:
    if code == "connect":
        return _NETWORK
    if code == "address":
        return _PRIVATE
    if channel == Channel.DINGTALK and code == "310000":
        says = detail.lower().rpartition("310000")[2]
        return next((advice for sign, advice in _DINGTALK_310000 if sign in says), "")
    return _ADVICE.get((channel, code), "")


def _delivery(request: HttpRequest, object_id: int) -> Delivery | None:
    """Http404 for one that is no test of this object."""
    asked = request.GET.get("delivery", "")
    if not asked:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= 18):
        raise Http404
    found = Delivery.objects.filter(pk=int(asked), recipient_id=object_id, purpose=Purpose.TEST).first()
    if found is None:
        raise Http404
    return found
