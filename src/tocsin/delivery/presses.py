"""What a button pressed in a group does, and what its presser alone is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max, Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.channels.connections import note_heard
from tocsin.channels.kinds import CHANNEL_TITLES, Channel
from tocsin.channels.listening import Press, PressAnswer
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import OWN_USER_ID, contacts_by_user_id
from tocsin.contacts.rules import PageLimit, common_id
from tocsin.contacts.services import count_request
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import TocsinError
from tocsin.delivery.acting import Act, Typed, act_on_alert
from tocsin.delivery.buttons import Pressed, read_button
from tocsin.delivery.link_texts import token_for
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import Purpose

PRESSING = PageLimit("press", 60, timedelta(hours=1))
"""Of one person: a finger that does not rest ends here."""
_AT_ONCE = 50
"""Alerts of one message that a button acts on; of a storm it may stand for thousands."""


def act_on_press(*, account_id: int, press: Press, now: datetime) -> PressAnswer:
    """A press acts as the contact whom the platform's user is; who is nobody's contact is shown the way in.

    The answer is in the language of who pressed, or else of the message.
    """
    note_heard(account_id=account_id, now=now)
    account = ProviderAccount.objects.only("pk", "channel").get(pk=account_id)
    platform = Channel(account.channel)
    found = contacts_by_user_id(platform, press.user_id)
    contact = found[0] if len(found) == 1 else None
    pressed = read_button(press.token)
    delivery = _message(pressed.delivery_id, account_id) if pressed is not None else None
    language = (contact and contact.language) or (delivery and delivery.language) or settings.DEFAULT_LANGUAGE
    with translation.override(language):
        if pressed is None or delivery is None:
            return PressAnswer(_("This button is not one of ours, or its message is gone."), is_done=False)
        if contact is None:
            return _unknown(delivery, platform, press.user_id, is_ambiguous=bool(found))
        if count_request(limit=PRESSING, address="", about=str(contact.pk), now=now) is not None:
            return PressAnswer(_("That is too often; wait a little."), is_done=False)
        return _act(pressed, contact, platform, now)


def _message(delivery_id: int, account_id: int) -> Delivery | None:
    """Only what this very app has sent."""
    return Delivery.objects.filter(pk=delivery_id, purpose=Purpose.ALERT, account_id=account_id).first()


def _unknown(delivery: Delivery, platform: Channel, user_id: str, *, is_ambiguous: bool) -> PressAnswer:
    words = {"platform": _(CHANNEL_TITLES[platform])}
    if is_ambiguous:
        text = _("Several contacts have your %(platform)s user ID, so nothing was done.") % words
    else:
        text = _("No contact has your %(platform)s user ID, so nothing was done.") % words
    if platform not in OWN_USER_ID and (written := common_id(platform, user_id)):
        text = f"{text} {_('As the user ID of your contact, enter %(id)s.') % {'id': written}}"
    if not settings.PUBLIC_URL:
        return PressAnswer(text, is_done=False)
    link = f"{settings.PUBLIC_URL}/a/{token_for(delivery.pk)}"
    return PressAnswer(f"{text} {_('Open the link to say who you are.')}", is_done=False, link=link)


def _act(pressed: Pressed, contact: Contact, platform: Channel, now: datetime) -> PressAnswer:
    """On every alert that the message tells of; what one of them refuses stops no other."""
    by = Actor(ActorKind.CONTACT, contact.name, contact.pk)
    act = pressed.act
    done: list[str] = []
    refused: list[str] = []
    for alert, seen in _alerts_of(pressed):
        try:
            act_on_alert(act, by=by, now=now, alert_id=alert.pk, how=f"button-{platform}", typed=Typed(seen=seen))
            done.append(alert.title)
        except TocsinError as error:
            refused.append(f"{alert.title}: {_own(act, alert, contact) or error}")
    if done:
        return PressAnswer(_done(act, done), is_done=True)
    return PressAnswer(refused[0] if refused else _("This alert is closed."), is_done=False)


def _own(act: Act, alert: Alert, contact: Contact) -> str:
    """What a second press says to who pressed before; "" when that was somebody else, or nobody."""
    if act is Act.CLAIM and alert.state == AlertState.HANDLING and alert.claimed_by == contact.name:
        return _("you have claimed it already.")
    if act is Act.ESCALATE and alert.asker("escalate") == contact.name:
        return _("you have asked for the next step already.")
    return ""


def _alerts_of(pressed: Pressed) -> list[tuple[Alert, int]]:
    """By id, which is the order in which alerts are locked; with how often each had been escalated, as the message or
    its button knew it.
    """
    messages = Delivery.objects.filter(Q(pk=pressed.delivery_id) | Q(merged_into=pressed.delivery_id)).order_by()
    told = messages.exclude(notification=None).values("notification__alert_id")
    seen = dict(told.annotate(seen=Max("notification__escalated_count")).values_list("notification__alert_id", "seen"))
    if len(seen) == 1:  # a message of several is never changed, nor are its buttons
        seen = dict.fromkeys(seen, pressed.escalated_count)
    alerts = Alert.objects.filter(pk__in=seen).order_by("pk")[:_AT_ONCE]
    return [(alert, seen[alert.pk]) for alert in alerts]


def _done(act: Act, titles: list[str]) -> str:
    if len(titles) > 1:
        return ngettext("Done, for %(count)d alert.", "Done, for %(count)d alerts.", len(titles)) % {
            "count": len(titles)
        }
    said = {
        Act.CLAIM: _("you have claimed it."),
        Act.UNCLAIM: _("you gave it back."),
        Act.RESOLVE: _("it is resolved."),
        Act.ESCALATE: _("the next step of the escalation is told now."),
        Act.MUTE: _("nothing is sent about it for an hour."),
    }[act]
    return f"{titles[0]}: {said}"
