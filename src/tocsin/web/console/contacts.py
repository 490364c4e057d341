"""Contacts and contact groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import action as admin_action
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from tocsin.accounts.rules import Permission
from tocsin.accounts.services import record_reveal
from tocsin.contacts import queries, services
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.core.clock import utc_now
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of, may
from tocsin.web.console.contact_forms import AttestForm, ContactForm, DefaultsForm, GroupForm
from tocsin.web.console.contact_reachability import channel_chips, channel_lines, channels_ready, proof_lines, test_page
from tocsin.web.console.contact_self_service import SelfServiceOfContacts
from tocsin.web.console.contact_verification import send_and_tell, verification_page
from tocsin.web.console.display import NOTHING, chip, read_once
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.uses import notes_on_deleting, uses_list

_FIELDS = (
    "name", "phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id", "language",
    "time_zone",
)  # fmt: skip


class ContactAdmin(SelfServiceOfContacts):
    empty = empties.CONTACTS
    form = ContactForm
    writes = ("add", "change", "delete")
    adds_in_dialog = True
    list_display = ("name", "shown_phone", "shown_email", "group_names", "reached_by")
    list_filter = ("groups",)
    search_fields = ("name",)
    search_help_text = _("Search by name; managers also by number and address")
    list_before_template = "console/contacts_note.html"
    change_form_outer_before_template = "console/contact_form_note.html"
    actions_list = ("default_configuration",)
    actions = ("verify_numbers", "send_links")
    actions_detail = ("verify_number", "attest_number", "send_test", "send_link", "link_user", "remove_chatbot")
    readonly_fields = ("shown_phone", "shown_email", "reachability", "proof", "used_by", "chatbot", "signs_in_as")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        contacts: QuerySet = super().get_queryset(request)
        return contacts.prefetch_related("groups").defer("legacy_chatbot_url")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Numbers in any spelling, for those who may see them: a search is a way to read a number."""
        if search_term and may(request, Permission.REVEAL):
            return queryset.filter(pk__in=queries.contacts_matching(search_term).values("pk")), False
        found: tuple[QuerySet, bool] = super().get_search_results(request, queryset, search_term)
        return found

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        ready = queries.readiness([contact.pk for contact in changelist.result_list])
        may_verify = self.has_change_permission(request)
        for contact in changelist.result_list:
            contact.ready = ready.get(contact.pk, {})
            contact.verify_url = self.url("verify_number", contact.pk) if may_verify else ""
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        contact = super().get_object(request, object_id, from_field)
        if contact is not None:
            contact.test_url = self.url("send_test", contact.pk) if self.has_write_permission(request) else ""
            contact.is_revealed = may(request, Permission.REVEAL)
        return contact

    def get_fieldsets(self, request: HttpRequest, obj: Contact | None = None) -> Any:
        whole = obj is None or may(request, Permission.REVEAL)
        numbers = ("phone", "sends_verification", "email") if whole else ("shown_phone", "shown_email")
        sets: list[tuple[Any, Any]] = [
            (None, {"fields": ("name", *numbers, "groups" if whole else "group_names", "fallback")}),
            (_("In IM tools"), {"fields": ("user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id")}),
            (_("Messages"), {"fields": ("language", "time_zone")}),
        ]
        if obj is not None:
            extra = (
                "reachability",
                "proof",
                "used_by",
                "signs_in_as",
                *(("chatbot",) if obj.legacy_chatbot_url else ()),
            )
            sets.insert(0, (_("Reachability"), {"fields": extra}))
        return sets

    def get_readonly_fields(self, request: HttpRequest, obj: Contact | None = None) -> Any:
        return (*self.readonly_fields, "group_names")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method == "GET" and object_id is not None and may(request, Permission.REVEAL):
            contact = self.get_object(request, object_id)
            if contact is not None and (contact.phone or contact.email):
                record_reveal(by=actor_of(request), now=utc_now(), instance=contact, fields=("phone", "email"))
        return super().changeform_view(request, object_id, form_url, extra_context)

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Contact:
        contact = services.create_contact(by=actor_of(request), now=utc_now(), **_facts(data))
        if contact.phone:
            messages.info(request, _now("The number is not verified yet: no calls and texts until it is."))
            if data["sends_verification"]:
                send_and_tell(request, contact)
        return contact

    def change_row(self, request: HttpRequest, row: Contact, data: dict[str, Any]) -> None:
        change = services.update_contact(
            by=actor_of(request), now=utc_now(), contact_id=row.pk, version=data["version"], **_facts(data)
        )
        if change.uses_losing_phone:
            lost = _now("The new number is not verified. Until it is, these tell %(contact)s by neither call nor text:")
            names = format_html_join(", ", "{}", ((line,) for line in uses_list(change.uses_losing_phone)))
            messages.warning(request, format_html("{} {}", lost % {"contact": change.contact}, names))
        if change.is_phone_changed and change.contact.phone and data["sends_verification"]:
            send_and_tell(request, change.contact)

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_contacts(by=actor_of(request), now=utc_now(), ids=ids)

    def notes_on_deleting(self, ids: list[int]) -> list[str]:
        preview = queries.deletion_preview(ids)
        emptied = [_now("The group %(name)s will have no members.") % {"name": name} for name in preview.emptied_groups]
        return [*notes_on_deleting(ids, preview.uses), *emptied]

    @admin_action(description=_("Verify Mobile Numbers"), permissions=["change"])
    def verify_numbers(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        """Also across pages: the list's own selection is asked for again when it is confirmed."""
        carried = [("action", "verify_numbers"), ("select_across", request.POST.get("select_across", "0"))]
        across = carried[1][1] == "1"
        ids = list(queryset.values_list("pk", flat=True))
        chosen = ids[:1] if across else ids
        carried += [(ACTION_CHECKBOX_NAME, str(pk)) for pk in chosen]
        return verification_page(request, self.admin_site.each_context(request), ids, carried)

    @action(description=_("Verify the number"), icon="verified", url_path="verify", permissions=["write"])
    def verify_number(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)
        return verification_page(request, self.admin_site.each_context(request), [contact.pk])

    @action(description=_("Vouch for the number"), icon="approval", url_path="attest", permissions=["attest"])
    def attest_number(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.attest_phone(by=actor_of(request), now=utc_now(), contact_id=contact.pk, source=data["source"])
            return self.done(
                request, _now("The number counts as proved, and is shown as attested."), "change", contact.pk
            )

        return form_page(
            request,
            self.admin_site.each_context(request),
            AttestForm,
            act,
            title=_now("Vouch for the number of %(name)s") % {"name": contact},
            text=_now("Instead of its owner, a source that has proved it already. Your name is kept with it."),
            submit=_now("Vouch"),
        )

    def has_attest_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return settings.ATTESTED_PHONES and may(request, Permission.ADMINISTER)

    @action(description=_("Send a test"), icon="send", url_path="test", permissions=["write"])
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)
        return test_page(request, self.admin_site.each_context(request), contact)

    @action(
        description=_("Contact Default Configuration"),
        icon="tune",
        url_path="defaults",
        permissions=["write"],
        attrs={"data-dialog": True},
    )
    def default_configuration(self, request: HttpRequest) -> HttpResponse:
        now_used = queries.get_defaults()

        def act(data: dict[str, Any]) -> HttpResponse:
            services.set_default_fallback(
                by=actor_of(request), now=utc_now(), fallback=data["fallback"], version=data["version"]
            )
            return self.done(request, _now("The default was changed; it acts at once on all who use it."))

        return form_page(
            request,
            self.admin_site.each_context(request),
            DefaultsForm,
            act,
            title=_now("Contact Default Configuration"),
            text=_now("What follows when a phone notification fails, for every contact that uses the global default."),
            initial={"fallback": now_used.fallback, "version": now_used.version},
        )

    @action(
        description=_("Remove the imported chatbot"), icon="delete", url_path="remove-chatbot", permissions=["write"]
    )
    def remove_chatbot(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.remove_legacy_chatbot(by=actor_of(request), now=utc_now(), contact_id=contact.pk)
            return self.done(request, _now("The chatbot was removed."), "change", contact.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Remove the chatbot of %(name)s") % {"name": contact},
            text=_now("The chatbot was imported and cannot be put back here; make a robot to replace it."),
            submit=_now("Remove"),
        )

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """What makes sense for the contact: an unverified number, an imported chatbot."""
        contact = Contact.objects.filter(pk=object_id).first()
        if contact is None:
            return []
        is_unverified = bool(contact.phone) and contact.phone_verified_at is None
        fits = {
            "verify_number": is_unverified,
            "attest_number": is_unverified,
            "send_test": bool(channels_ready(contact)),
            "send_link": bool(contact.email) or contact.phone_verified_at is not None,
            "link_user": True,
            "remove_chatbot": bool(contact.legacy_chatbot_url),
        }
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return [item for item in actions if any(item.action_name.endswith(name) for name, fit in fits.items() if fit)]

    @display(description=_("phone number"))
    def shown_phone(self, contact: Any) -> SafeString | str:
        """In the list, *Not verified* leads managers to sending the text."""
        if not contact.phone:
            return NOTHING
        if contact.phone_verified_at is not None:
            state = chip(_now("Verified"), "success")
        else:
            state = chip(_now("Not verified"), "warning", href=getattr(contact, "verify_url", ""))
        return format_html('<span class="tc-chips">{} {}</span>', mask_phone(contact.phone), state)

    @display(description=_("email"))
    def shown_email(self, contact: Contact) -> str:
        return mask_email(contact.email or "") or NOTHING

    @display(description=_("contact groups"))
    def group_names(self, contact: Contact) -> str:
        return ", ".join(group.name for group in contact.groups.all()) or NOTHING

    @display(description=_("reached by"))
    def reached_by(self, contact: Any) -> SafeString:
        return channel_chips(contact.ready)

    @display(description=_("now"))
    @read_once
    def reachability(self, contact: Any) -> SafeString:
        return channel_lines(contact, contact.test_url)

    @display(description=_("proof of the number"))
    @read_once
    def proof(self, contact: Any) -> SafeString | str:
        return proof_lines(contact, contact.is_revealed)

    @display(description=_("used by"))
    @read_once
    def used_by(self, contact: Contact) -> SafeString | str:
        lines = uses_list(queries.uses_of([contact.pk]))
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) if lines else NOTHING

    @display(description=_("chatbot (imported)"))
    def chatbot(self, contact: Contact) -> str:
        return str(contact.legacy_chatbot_url).split("?")[0]


class ContactGroupAdmin(ServiceAdmin):
    empty = empties.GROUPS
    form = GroupForm
    writes = ("add", "change", "delete")
    adds_in_dialog = True
    list_display = ("name", "member_count")
    search_fields = ("name",)
    readonly_fields = ("used_by",)

    def get_fieldsets(self, request: HttpRequest, obj: ContactGroup | None = None) -> Any:
        members = "members" if obj is None or self.has_change_permission(request, obj) else "member_names"
        return ((None, {"fields": ("name", members, *(("used_by",) if obj else ()))}),)

    def get_readonly_fields(self, request: HttpRequest, obj: ContactGroup | None = None) -> Any:
        return ("used_by", "member_names")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        groups: QuerySet = super().get_queryset(request).annotate(member_total=Count("memberships"))
        return groups

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> ContactGroup:
        return services.create_group(
            by=actor_of(request), now=utc_now(), name=data["name"], contact_ids=_ids(data["members"])
        )

    def change_row(self, request: HttpRequest, row: ContactGroup, data: dict[str, Any]) -> None:
        services.update_group(
            by=actor_of(request),
            now=utc_now(),
            group_id=row.pk,
            version=data["version"],
            name=data["name"],
            contact_ids=_ids(data["members"]),
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_groups(by=actor_of(request), now=utc_now(), ids=ids)

    def notes_on_deleting(self, ids: list[int]) -> list[SafeString]:
        return notes_on_deleting(ids, queries.uses_of(ids))

    @display(description=_("contacts"), ordering="member_total")
    def member_count(self, group: Any) -> SafeString | str:
        return str(group.member_total) if group.member_total else chip(_now("empty: tells nobody"), "warning")

    @display(description=_("contacts"))
    def member_names(self, group: ContactGroup) -> str:
        return ", ".join(contact.name for contact in group.members.all()) or NOTHING

    @display(description=_("used by"))
    @read_once
    def used_by(self, group: ContactGroup) -> SafeString | str:
        lines = uses_list(queries.uses_of([group.pk]))
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) if lines else NOTHING


def _facts(data: dict[str, Any]) -> dict[str, Any]:
    return {**{name: data[name] for name in _FIELDS}, "group_ids": _ids(data["groups"])}


def _ids(rows: Iterable[Any]) -> list[int]:
    return [row.pk for row in rows]
