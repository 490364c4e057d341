"""What people read for the words of the code, on every face."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.channels.kinds import Channel
from tocsin.core.errors import InvalidInputError, TocsinError
from tocsin.core.sentences import translated
from tocsin.delivery.rules import REASON_TEXTS, DeliveryState, Purpose, Reason
from tocsin.delivery.rules.told import CODED

Words = Mapping[str, str | Promise]

CHANNELS: Words = {
    Channel.PHONE: _("Phone call"),
    Channel.SMS: _("Text message"),
    Channel.EMAIL: _("Email"),
    Channel.DINGTALK: _("DingTalk"),
    Channel.LARK: _("Lark"),
    Channel.WECOM: _("WeCom"),
    Channel.SLACK: _("Slack"),
    Channel.TELEGRAM: _("Telegram"),
    Channel.MATTERMOST: _("Mattermost"),
    Channel.TEAMS: _("Microsoft Teams"),
    Channel.APPRISE: _("Apprise"),
    Channel.WEBHOOK: _("Webhook"),
}
PURPOSES: Words = {
    Purpose.ALERT: _("Alert"),
    Purpose.VERIFICATION: _("Verification"),
    Purpose.TEST: _("Test"),
    Purpose.DAILY: _("Daily statistics"),
    Purpose.DRILL: _("Fire drill"),
    Purpose.HANDOVER: _("Hand-over"),
    Purpose.REPLY: _("Reply"),
    Purpose.CODE: _("Code"),
    Purpose.LINK: _("Personal link"),
    Purpose.NOTICE: _("Security notice"),
}
OUTCOMES: Words = {
    DeliveryState.PLANNED: _("waits to be sent"),
    DeliveryState.HELD: _("waits: a limit holds it back"),
    DeliveryState.SENDING: _("is being sent"),
    DeliveryState.ACCEPTED: _("sent, without proof that it arrived"),
    DeliveryState.DELIVERED: _("arrived"),
    DeliveryState.FAILED: _("did not arrive"),
    DeliveryState.AMBIGUOUS: _("may have arrived"),
    DeliveryState.SKIPPED: _("was not sent"),
    DeliveryState.MERGED: _("is part of another message"),
    DeliveryState.CANCELLED: _("was not sent"),
}
"""Of a message, to its recipient."""


def reason_text(reason: str) -> str:
    """The reason as a sentence without capital and full stop; an unknown one as it is."""
    return _now(REASON_TEXTS[Reason(reason)]) if reason in set(Reason) else reason


def said(text: str) -> str:
    """What pure code or a provider says, in the reader's language; others' words as they are."""
    code, colon, detail = text.partition(": ")
    if colon and " " not in code and (told := translated(detail, _now)) != detail:
        return _now(CODED) % {"code": code, "detail": told}  # else the code is read as the first word of the detail
    return translated(text, _now)


def refused(error: TocsinError) -> str:
    """The whole refusal in one line, where there is no form to show it in."""
    fields = error.fields if isinstance(error, InvalidInputError) else {"": str(error)}
    return "; ".join(f"{name}: {said(text)}" if name else said(text) for name, text in fields.items())
