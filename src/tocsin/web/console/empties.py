"""What an empty list says: what belongs there, why there is nothing yet, and where the first one comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.accounts.rules import Permission
from tocsin.web.console.actors import may

Text = str | Promise


@dataclass(frozen=True, slots=True)
class EmptyList:
    """`why` says what puts rows here. Without a `view` of its own the button makes a row of the list itself."""

    icon: str
    title: Text
    why: Text
    button: Text = ""
    view: str = ""
    needs: Permission = Permission.VIEW
    is_dialog: bool = False


def empty_context(request: HttpRequest, empty: EmptyList, add_url: str) -> dict[str, Any]:
    """For `console/empty.html`. `add_url`: where a row is made, "" for those who may not."""
    url = add_url
    if empty.view:
        url = reverse(f"console:{empty.view}") if may(request, empty.needs) else ""
    return {"icon": empty.icon, "title": empty.title, "why": empty.why, "button": empty.button, "url": url,
            "is_dialog": empty.is_dialog or (not empty.view and bool(add_url))}  # fmt: skip


def plain_list(name: Text, names: Text) -> EmptyList:
    """For a list that says nothing of its own."""
    title = capfirst(_now("no %(names)s yet") % {"names": names})
    return EmptyList("inbox", title, "", _now("Add %(name)s") % {"name": name})


CONTACTS = EmptyList(
    "person",
    _("No contacts yet"),
    _("A contact is a person who is told of alerts by call, text message or email. Policies name contacts and groups."),
    _("Create the first contact"),
)
GROUPS = EmptyList(
    "groups",
    _("No contact groups yet"),
    _("A group is told as one: put the people of a team into it, and name the group in policies."),
    _("Create the first group"),
)
ROBOTS = EmptyList(
    "smart_toy",
    _("No chatbots yet"),
    _("A chatbot posts alerts into a group chat of DingTalk, Lark or WeCom, and mentions the people of its policy."),
    _("Add the first chatbot"),
)
WEBHOOKS = EmptyList(
    "webhook",
    _("No webhooks yet"),
    _("A webhook hands alerts to a program of yours as JSON. Policies name it beside people and chatbots."),
    _("Add the first webhook"),
)
POLICIES = EmptyList(
    "alt_route",
    _("No notification policies yet"),
    _("A policy says which events are told to whom, and how. Without one, events are kept and nobody is told of them."),
    _("Add the first policy"),
)
ESCALATIONS = EmptyList(
    "stairs",
    _("No escalation policies yet"),
    _("It says who is told next when nobody claims or resolves an alert. Notification policies use it."),
    _("Add the first escalation policy"),
)
SCHEDULES = EmptyList(
    "calendar_month",
    _("No on-call schedules yet"),
    _(
        "A schedule says who is on duty when: people take turns, and substitutes stand in. Policies name it beside "
        "people and groups, and tell whoever is on duty."
    ),
    _("Add the first schedule"),
)
INTEGRATIONS = EmptyList(
    "input",
    _("No integrations yet"),
    _("An integration is a source of events: a Prometheus, or anything that posts alerts with its token."),
    _("Add the first integration"),
)
SUBSCRIPTIONS = EmptyList(
    "webhook",
    _("No webhook follows alerts yet"),
    _(
        "A webhook that follows alerts hears what happens to each of them: opened, claimed, escalated, resolved. The "
        "webhook itself is made first, under Notification Objects."
    ),
    _("Let the first webhook follow alerts"),
)
EVENTS = EmptyList(
    "bolt",
    _("No events yet"),
    _(
        "What alert rules report appears here, whether or not a policy tells somebody of it. Connect a Prometheus to "
        "an integration, or send a test event from the integration's page."
    ),
    _("Open the integrations"),
    "events_integration_changelist",
)
SILENCES = EmptyList(
    "notifications_paused",
    _("No silence policies yet"),
    _(
        "What a silence policy matches is recorded and told to nobody while it is in force: for a period, every night, "
        "every weekend. From an alert or an event it takes one click."
    ),
    _("Add the first silence policy"),
)
INHIBITIONS = EmptyList(
    "volume_off",
    _("No inhibitions yet"),
    _(
        "While a cluster is down, the warnings of its nodes tell nothing new. An inhibition keeps them quiet as long "
        "as the larger event fires, by labels that both share."
    ),
    _("Add the first inhibition"),
)
ALERTS = EmptyList(
    "notifications_active",
    _("No alerts yet"),
    _(
        "A policy opens an alert when an event matches its rules; people claim and resolve it here. If something fires "
        "and this stays empty, Explain says why."
    ),
    _("Open Explain"),
    "explain",
)
DELIVERIES = EmptyList(
    "send",
    _("No messages yet"),
    _(
        "Every message to a person or chatbot is a row here: of an alert, a verification or a test, with what became "
        "of it. The first comes with the first alert, or with a test to a contact."
    ),
    _("Open the contacts"),
    "contacts_contact_changelist",
)
ACCOUNTS = EmptyList(
    "vpn_key",
    _("No provider accounts yet"),
    _(
        "An account holds what messages go out with: a mail server, a text message gateway. Without one, messages stay "
        "in the outbox."
    ),
    _("Add the first account"),
)
USERS = EmptyList(
    "manage_accounts",
    _("No users yet"),
    _("A user signs in to this console with a role. A contact who only gets messages needs none."),
    _("Add the first user"),
)
TOKENS = EmptyList(
    "token",
    _("No API tokens yet"),
    _("A token lets a program of yours call the API with a role. Sources of events use the integration's token."),
    _("Add the first token"),
)
ACCESS_KEYS = EmptyList(
    "key",
    _("No access keys yet"),
    _("A program made for Alibaba Cloud's ARMS signs its requests with an access key, and manages Tocsin unchanged."),
    _("Add the first access key"),
)
AUDIT = EmptyList(
    "history",
    _("Nothing was changed yet"),
    _("Every change of contacts, policies, accounts and users is recorded here, and every reveal of a number."),
)
OUTBOX = EmptyList(
    "outbox",
    _("Nothing in the outbox"),
    _("When an alert is to be told by a channel that no provider account carries, its message appears here."),
    _("Open the provider accounts"),
    "channels_provideraccount_changelist",
    Permission.ADMINISTER,
)
