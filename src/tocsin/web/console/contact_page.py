"""A contact's page: how it can be reached and how that is known, what was sent to it, who changed what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auditlog.models import LogEntry
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tocsin.accounts.rules import Permission
from tocsin.channels.queries import directories
from tocsin.contacts import queries
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.core.clock import utc_now
from tocsin.core.phones import display as whole_phone
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email, redact
from tocsin.delivery.models import Delivery
from tocsin.delivery.verifications import may_call_with_code
from tocsin.web.console.actors import may
from tocsin.web.console.audit_log import ACTIONS, fact, field_title
from tocsin.web.console.contact_list import fallback_words, user_ids
from tocsin.web.console.contact_reachability import channel_lines, channels_ready, proof_lines
from tocsin.web.console.display import NOTHING, chip, moment, state_chip
from tocsin.web.console.uses import uses_list
from tocsin.web.console.words import CAUSES, CHANNELS, DELIVERY_STATES, LINK_STATES, PURPOSES, reason_text

_NEWEST = 20
_GROUPS_NAMED = 100
_FIELDS = {
    "name": _("Name"),
    "phone": _("Phone Number"),
    "personal_link": _("Personal link"),
    "email": pgettext_lazy("field", "Email"),
    "groups": _("Contact Group"),
    "fallback": _("Fallback"),
    "user_id": _("User ID"),
    "dingtalk_user_id": _("DingTalk user ID"),
    "lark_user_id": _("Lark open ID"),
    "wecom_user_id": _("WeCom user ID"),
    "language": _("language of messages"),
    "time_zone": _("time zone"),
    "phone_verified_at": _("Verified"),
    "legacy_chatbot_url": _("chatbot (imported)"),
}


def contact_page(
    request: HttpRequest, context: Mapping[str, Any], contact: Contact, admin: Any, *, is_revealed: bool
) -> HttpResponse:
    may_change = may(request, Permission.MANAGE)
    ready = channels_ready(contact)
    links = queries.personal_links_of(contact.pk, utc_now()) if may_change else []
    groups = list(contact.groups.order_by("name").values_list("pk", "name")[: _GROUPS_NAMED + 1])
    return TemplateResponse(
        request,
        "console/contact.html",
        {
            **context,
            "title": contact.name,
            "contact": contact,
            "is_revealed": is_revealed,
            "phone": _phone(contact, is_revealed),
            "number_state": admin.number_state(contact, may_change) if contact.phone else "",
            "email": (contact.email if is_revealed else mask_email(contact.email or "")) or NOTHING,
            "groups": groups[:_GROUPS_NAMED],
            "has_more_groups": len(groups) > _GROUPS_NAMED,
            "fallback": fallback_words(Fallback(contact.fallback), queries.default_fallback()),
            "user_ids": user_ids(contact),
            "channels": channel_lines(contact, admin.url("send_test", contact.pk) if may_change else ""),
            "proof": proof_lines(contact, may(request, Permission.REVEAL)),
            "uses": uses_list(queries.uses_of([contact.pk])),
            "chatbot": redact(contact.legacy_chatbot_url.split("?")[0]),
            "deliveries": _deliveries(contact),
            "deliveries_url": f"{reverse('console:delivery_delivery_changelist')}?recipient={contact.pk}",
            "changes": _changes(contact),
            "history_url": admin.url("history", contact.pk) if may(request, Permission.REVEAL) else "",
            "may_change": may_change,
            "may_reveal": may(request, Permission.REVEAL) and bool(contact.phone or contact.email),
            "may_attest": admin.has_attest_permission(request)
            and bool(contact.phone)
            and contact.phone_verified_at is None,
            "may_call": may_call_with_code(),
            "may_look_up": may_change and bool(contact.email or contact.phone) and bool(directories()),
            "may_link": may_change and (bool(contact.email) or contact.phone_verified_at is not None),
            "links": _links(links),
            "has_live_link": may_change and any(link.state.is_live for link in links),
            "may_administer": admin.has_administer_permission(request),
            "signs_in_as": admin.signs_in_as(contact),
            "may_test": may_change and bool(ready),
        },
    )


def _phone(contact: Contact, is_whole: bool) -> str:
    if not contact.phone:
        return NOTHING
    return whole_phone(contact.phone) if is_whole else mask_phone(contact.phone)


def _deliveries(contact: Contact) -> list[dict[str, Any]]:
    """The newest, of every purpose."""
    now = utc_now()
    rows = Delivery.objects.filter(recipient_id=contact.pk).select_related("notification__alert").order_by("-id")
    return [
        {
            "url": reverse("console:delivery_delivery_change", args=[row.pk]),
            "state": state_chip(row.state, DELIVERY_STATES),
            "channel": CHANNELS.get(row.channel, row.channel),
            "about": _about(row),
            "why": reason_text(row.reason) if row.reason else "",
            "at": moment(row.planned_at, now),
        }
        for row in rows[:_NEWEST]
    ]


def _links(links: Sequence[queries.SentLink]) -> list[dict[str, Any]]:
    now = utc_now()
    return [
        {
            "state": state_chip(link.state, LINK_STATES),
            "channel": CHANNELS[link.channel],
            "address": link.address_masked,
            "until": link.until,
            "opened_from": link.opened_from,
            "at": moment(link.sent_at, now),
        }
        for link in links
    ]


def _about(delivery: Delivery) -> str:
    if delivery.notification is None:
        return str(PURPOSES.get(delivery.purpose, delivery.purpose))
    cause = CAUSES.get(delivery.notification.cause, delivery.notification.cause)
    return f"{delivery.notification.alert.title} ({cause})"


def _changes(contact: Contact) -> list[dict[str, Any]]:
    """Entries of the audit log, which keeps numbers masked; the newest."""
    now = utc_now()
    entries = LogEntry.objects.get_for_object(contact).order_by("-id")[:_NEWEST]
    return [
        {
            "action": chip(*ACTIONS.get(str(entry.action), (str(entry.action), "default"))),
            "by": (entry.additional_data or {}).get("by", ""),
            "at": moment(entry.timestamp, now),
            "fields": [
                (_FIELDS.get(name) or field_title(entry, name), fact(name, before), fact(name, after))
                for name, (before, after) in entry.changes_dict.items()
            ],
            "note": (entry.additional_data or {}).get("note", ""),
        }
        for entry in entries
    ]


def help_page(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
    return TemplateResponse(request, "console/help.html", {**context, "title": _now("Help")})
