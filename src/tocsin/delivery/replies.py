"""A reply to a text message acts on the newest open alert that its sender was told of, and is answered by a text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.alerts.models import Alert
from tocsin.alerts.services import StepTakenError
from tocsin.channels.base import Confirmed, InboundText
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import LONGEST_PERIOD, PageLimit
from tocsin.contacts.services import count_request, forget_requests, uncount_request
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import TocsinError
from tocsin.core.phones import PhoneError, parse
from tocsin.delivery.acting import Act, Typed, act_on_alert
from tocsin.delivery.models import Delivery
from tocsin.delivery.notices import send_notice
from tocsin.delivery.render import zone_named
from tocsin.delivery.rules import Purpose
from tocsin.delivery.rules.replies import read_reply
from tocsin.events.retrying import retried

REPLYING = PageLimit("reply", 20, timedelta(hours=1))
"""Of one person: a machine that answers our answers ends here."""
_ONCE = PageLimit("reply-id", 1, LONGEST_PERIOD)
"""Of one id of a gateway's: it comes again with the same one when it got no answer in time."""
_WORDS = PageLimit("reply-words", 1, timedelta(minutes=10))
"""Of the same words of one sender, before the vendor has heard that they were taken: it brings them to another worker
when the one that took them died.
"""
_LOOKED_AT = 50


def act_on_replies(*, account: ProviderAccount, replies: Sequence[InboundText], now: datetime) -> None:
    """Whoever is no contact with this verified number is not answered: their number may be forged, or anybody's."""
    for reply in replies:
        contact = _sender(reply.sender)
        if contact is None:
            continue
        about = f"{account.pk}:{reply.provider_id}" if reply.provider_id else ""
        if about and count_request(limit=_ONCE, address="", about=about, now=now) is not None:
            continue
        words = f"{account.pk}:{reply.words}" if reply.words else ""
        if words and count_request(limit=_WORDS, address="", about=words, now=now) is not None:
            continue
        if count_request(limit=REPLYING, address="", about=str(contact.pk), now=now) is not None:
            continue
        with translation.override(contact.language or settings.DEFAULT_LANGUAGE):
            try:
                said = _act(contact, reply.text, now)
            except Exception:
                if about:  # when the gateway comes again, it is no double
                    uncount_request(limit=_ONCE, address="", about=about)
                if words:
                    forget_requests(limit=_WORDS, address="", about=words)
                raise
            _send(contact, said, now)


def hear_confirmed(*, account: ProviderAccount, confirmed: Confirmed) -> None:
    """Whoever writes the same words from now on says them anew."""
    forget_requests(limit=_WORDS, address="", about=f"{account.pk}:{confirmed.words}")


@retried
def _send(contact: Contact, said: str, now: datetime) -> None:
    send_notice(contact, said, now)


def _act(contact: Contact, text: str, now: datetime) -> str:
    """What the answer says."""
    told = _newest_open_alert(contact)
    if told is None:
        return _("There is no open alert of yours.")
    alert, seen = told
    read = read_reply(text)
    if read is None:
        return _("%(title)s: reply 1 to claim it, 2 to resolve it, 3 to escalate it.") % {"title": alert.title}
    by = Actor(ActorKind.CONTACT, contact.name, contact.pk)
    act = Act(read.act.value)
    typed = Typed(read.text, read.minutes, read.number - 1 if read.number else seen)
    try:
        acted = act_on_alert(act, by=by, now=now, alert_id=alert.pk, how="text", typed=typed)
    except StepTakenError as error:
        return _("%(title)s: that step was taken already. Reply 3 %(number)d to take the next one.") % {
            "title": alert.title,
            "number": error.following,
        }
    except TocsinError as error:
        return f"{alert.title}: {error}"
    until = (acted.muted_until or now).astimezone(zone_named(contact.time_zone))
    done = {
        Act.CLAIM: _("you have claimed it."),
        Act.UNCLAIM: _("you gave it back."),
        Act.RESOLVE: _("it is resolved."),
        Act.ESCALATE: _("the next step of the escalation is told now."),
        Act.COMMENT: _("your comment was added."),
        Act.MUTE: _("nothing is sent about it until %(time)s.") % {"time": f"{until:%Y-%m-%d %H:%M}"},
    }[act]
    return f"{alert.title}: {done}"


def _newest_open_alert(contact: Contact) -> tuple[Alert, int] | None:
    """Of the alerts that the contact was told of, by the newest message; it may have become part of another one.

    With how often it had been escalated when that was planned.
    """
    sent = Delivery.objects.filter(
        recipient_id=contact.pk, purpose=Purpose.ALERT, started_at__isnull=False
    ) | Delivery.objects.filter(recipient_id=contact.pk, purpose=Purpose.ALERT, state="merged")
    newest = sent.order_by("-pk").values_list("notification__alert_id", "notification__escalated_count")[:_LOOKED_AT]
    told = list(newest)
    known = Alert.objects.filter(pk__in=[pk for pk, _seen in told], resolved_at__isnull=True).in_bulk()
    return next(((known[pk], seen) for pk, seen in told if pk in known), None)


def _sender(number: str) -> Contact | None:
    """Gateways write numbers with and without the plus."""
    digits = number.strip()
    for typed in dict.fromkeys((digits if digits.startswith("+") else f"+{digits}", digits)):
        try:
            phone = parse(typed, settings.DEFAULT_REGION)
        except PhoneError:
            continue
        contact = Contact.objects.filter(phone=phone, phone_verified_at__isnull=False).first()
        if contact is not None:
            return contact
    return None
