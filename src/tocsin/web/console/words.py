"""What people read for the words of the code, and the colour that goes with each state."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tocsin.accounts.rules import Role
from tocsin.alerts.rules import AlertState
from tocsin.channels.base import Outcome, ReceiptStatus
from tocsin.channels.kinds import Channel
from tocsin.contacts.rules import LinkState
from tocsin.delivery.rules import Cause, DeliveryState
from tocsin.events.rules import EventState
from tocsin.web.shared.words import CHANNELS as CHANNELS
from tocsin.web.shared.words import PURPOSES as PURPOSES
from tocsin.web.shared.words import Words as Words
from tocsin.web.shared.words import reason_text as reason_text
from tocsin.web.shared.words import refused as refused
from tocsin.web.shared.words import said as said

CHANNEL_ICONS: Mapping[str, str] = {
    Channel.PHONE: "call",
    Channel.SMS: "sms",
    Channel.EMAIL: "mail",
    Channel.DINGTALK: "smart_toy",
    Channel.LARK: "smart_toy",
    Channel.WECOM: "smart_toy",
    Channel.SLACK: "smart_toy",
    Channel.TELEGRAM: "smart_toy",
    Channel.MATTERMOST: "smart_toy",
    Channel.TEAMS: "smart_toy",
    Channel.APPRISE: "smart_toy",
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
OUTCOMES: Words = {
    Outcome.ACCEPTED: _("accepted by the provider"),
    Outcome.RATE_LIMITED: _("refused: too many messages"),
    Outcome.TRANSIENT: _("failed, and may work later"),
    Outcome.PERMANENT_TARGET: _("refused: this address cannot be reached"),
    Outcome.PERMANENT_CONFIG: _("refused: the account or robot is set up wrongly"),
    Outcome.AMBIGUOUS: _("ambiguous: no reply came"),
}
RECEIPTS: Words = {
    ReceiptStatus.QUEUED: _("queued by the provider"),
    ReceiptStatus.DELIVERED: _("delivered"),
    ReceiptStatus.FAILED: _("not delivered"),
    ReceiptStatus.BOUNCED: _("came back: the address takes no mail"),
    ReceiptStatus.ANSWERED: _("answered"),
    ReceiptStatus.BUSY: _("busy"),
    ReceiptStatus.NO_ANSWER: _("nobody answered"),
    ReceiptStatus.REJECTED: _("rejected"),
    ReceiptStatus.UNREACHABLE: _("unreachable"),
    ReceiptStatus.MACHINE: _("a machine answered"),
    ReceiptStatus.KEY_PRESSED: _("key pressed"),
}
EFFECTS: Words = {
    "late": _("(late: it changed nothing)"),
    "part": _("(one part; others of the same message are waited for)"),
    "applied": "",
    "": "",
}
CAUSES: Words = {
    Cause.FIRED: _("Fired"),
    Cause.ADDED: _("More events"),
    Cause.REPEATED: _("Repeated"),
    Cause.ESCALATED: _("Escalated"),
    Cause.RECOVERED: _("Recovered"),
}
LINK_STATES: Words = {
    LinkState.WAITS: _("Not opened yet"),
    LinkState.OPEN: _("Page is open"),
    LinkState.OVER: _("Used"),
    LinkState.EXPIRED: _("Expired or revoked"),
    LinkState.REPLACED: _("Replaced by a newer one"),
    LinkState.ADDRESS_CHANGED: _("Address has changed"),
}
ROLE_NAMES: Words = {
    Role.VIEWER: _("Viewer"),
    Role.RESPONDER: _("Responder"),
    Role.MANAGER: _("Manager"),
    Role.ADMIN: _("Administrator"),
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
    LinkState.WAITS: "info",
    LinkState.OPEN: "warning",
}
"""State -> unfold's label type; states of the same word mean the same."""

SEVERITY_COLOURS: Mapping[int, str] = {1: "danger", 2: "danger", 3: "warning", 4: "info", 5: "default", 6: "default"}


def choices(words: Words) -> list[tuple[str, str | Promise]]:
    return [(str(value), text) for value, text in words.items()]
