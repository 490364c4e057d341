"""What people read for the words of the code, and the colour that goes with each state."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tocsin.accounts.rules import Role
from tocsin.alerts.rules import AlertState
from tocsin.channels.kinds import Channel
from tocsin.contacts.rules import Fallback
from tocsin.delivery.rules import Cause, DeliveryState
from tocsin.events.rules import EventState
from tocsin.web.shared.words import CHANNELS as CHANNELS
from tocsin.web.shared.words import PURPOSES as PURPOSES
from tocsin.web.shared.words import Words as Words
from tocsin.web.shared.words import reason_text as reason_text

CHANNEL_ICONS: Mapping[str, str] = {
    Channel.PHONE: "call",
    Channel.SMS: "sms",
    Channel.EMAIL: "mail",
    Channel.DINGTALK: "smart_toy",
    Channel.LARK: "smart_toy",
    Channel.WECOM: "smart_toy",
    Channel.WEBHOOK: "webhook",
}
ALERT_STATES: Words = {
    AlertState.PENDING: _("Pending"),
    AlertState.HANDLING: _("Handling"),
    AlertState.RESOLVED: _("Resolved"),
}
EVENT_STATES: Words = {
    EventState.ACTIVE: _("Active"),
    EventState.SILENCED: _("Silenced"),
    EventState.RESOLVED: pgettext_lazy("event", "Resolved"),
}
DELIVERY_STATES: Words = {
    DeliveryState.PLANNED: _("Planned"),
    DeliveryState.HELD: _("Held"),
    DeliveryState.SENDING: _("Sending"),
    DeliveryState.ACCEPTED: _("Accepted"),
    DeliveryState.DELIVERED: _("Delivered"),
    DeliveryState.FAILED: _("Failed"),
    DeliveryState.AMBIGUOUS: _("Ambiguous"),
    DeliveryState.SKIPPED: _("Skipped"),
    DeliveryState.MERGED: _("Merged"),
    DeliveryState.CANCELLED: _("Cancelled"),
}
CAUSES: Words = {
    Cause.FIRED: _("Fired"),
    Cause.ADDED: _("More events"),
    Cause.REPEATED: _("Repeated"),
    Cause.ESCALATED: _("Escalated"),
    Cause.RECOVERED: _("Recovered"),
}
FALLBACKS: Words = {
    Fallback.DEFAULT: _("Use the global default"),
    Fallback.NONE: _("Do nothing"),
    Fallback.CALL: _("Call again"),
    Fallback.SMS: _("Send a text message"),
}
ROLES: Words = {
    Role.VIEWER: _("Viewer: sees everything, numbers masked"),
    Role.RESPONDER: _("Responder: also claims, resolves, comments"),
    Role.MANAGER: _("Manager: also contacts, policies, integrations; whole numbers"),
    Role.ADMIN: _("Administrator: also provider accounts, users, tokens"),
}

COLOURS: Mapping[str, str] = {
    AlertState.PENDING: "danger",
    AlertState.HANDLING: "warning",
    AlertState.RESOLVED: "success",
    EventState.ACTIVE: "danger",
    EventState.SILENCED: "default",
    DeliveryState.PLANNED: "info",
    DeliveryState.HELD: "warning",
    DeliveryState.SENDING: "info",
    DeliveryState.ACCEPTED: "primary",
    DeliveryState.DELIVERED: "success",
    DeliveryState.FAILED: "danger",
    DeliveryState.AMBIGUOUS: "warning",
    DeliveryState.SKIPPED: "default",
    DeliveryState.MERGED: "default",
    DeliveryState.CANCELLED: "default",
}
"""State -> unfold's label type; states of the same word mean the same."""

SEVERITY_COLOURS: Mapping[int, str] = {1: "danger", 2: "danger", 3: "warning", 4: "info", 5: "default", 6: "default"}


def choices(words: Words) -> list[tuple[str, str | Promise]]:
    return [(str(value), text) for value, text in words.items()]
