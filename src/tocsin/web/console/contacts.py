"""Contacts: their dialogs, and what can be done with one or many. contact_list has the list, contact_page a page."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import action as admin_action
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action

from tocsin.accounts.rules import Permission
from tocsin.accounts.services import record_reveal
from tocsin.contacts import queries, services
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.queries import MOST_FOUND
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of, may, require
from tocsin.web.console.asked import is_asked_anew, selection
from tocsin.web.console.consequences import confirmation, notes_on_deleting_contacts, notes_on_emptying
from tocsin.web.console.contact_directory import DirectoryOfContacts
from tocsin.web.console.contact_exports import export_page
from tocsin.web.console.contact_forms import AttestForm, ContactForm, DefaultsForm
from tocsin.web.console.contact_list import ContactListAdmin, wanted
from tocsin.web.console.contact_page import contact_page
from tocsin.web.console.contact_reachability import test_page
from tocsin.web.console.contact_verification import send_and_tell, verification_page
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.service_admin import Deletion
from tocsin.web.console.uses import MOST_NAMED, uses_list

_FIELDS = (
    "name", "phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id", "language",
    "time_zone",
)  # fmt: skip
_CONFIRMED = "confirmed"


class ContactAdmin(ContactListAdmin, DirectoryOfContacts):
    empty = empties.CONTACTS
    form = ContactForm
    writes = ("add", "change", "delete")
    change_form_template = "console/contact_form.html"
    actions = ("verify_numbers", "remove_selected", "send_links", "look_up_ids", "drill_selected", "export_selected")
    actions_list = ("default_configuration",)
    actions_detail = (
        "verify_number", "call_with_code", "attest_number", "send_test", "send_link", "revoke_links", "look_up_id",
        "link_user", "remove_chatbot", "remove_from_group",
    )  # fmt: skip

    def get_urls(self) -> list[Any]:
        pages = [("overview", self.overview), ("reveal", self.reveal)]
        own = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(page),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{name}",
            )
            for name, page in pages
        ]
        return own + list(super().get_urls())

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        """The list and a contact's page have their own buttons for what has an address here."""
        return []

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        return []

    def get_fieldsets(self, request: HttpRequest, obj: Contact | None = None) -> Any:
        known = ("name", "phone", "email", "groups", "new_group", "fallback", "user_id")
        ours = ("dingtalk_user_id", "lark_user_id", "wecom_user_id", "language", "time_zone")
        return ((None, {"fields": known}), (_("More"), {"fields": ours, "classes": ("collapse",)}))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        around = {} if request.method == "POST" else self.list_context(request)
        return super().changelist_view(request, {**around, **(extra_context or {})})

    def _check_selection(self, request: HttpRequest) -> None:
        super()._check_selection(request)
        if request.POST.get("select_across") == "1" and self.has_change_permission(request):
            found = queries.contacts_found(wanted(request), sees_addresses=may(request, Permission.REVEAL))
            ids = queries.ids_found(found)
            if len(ids) > MOST_FOUND:
                text = _now("These are more than %(count)d contacts. Search or filter for fewer of them.")
                raise InvalidInputError({"": text % {"count": MOST_FOUND}})
            request.ids_found = ids  # type: ignore[attr-defined]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method != "POST" and object_id is not None:
            if not self.has_change_permission(request):
                return self.overview(request, object_id)
            contact = self.get_object(request, object_id)
            if contact is not None and (contact.phone or contact.email):
                record_reveal(by=actor_of(request), now=utc_now(), instance=contact, fields=("phone", "email"))
        extra = {
            "title": _now("Create Contact") if object_id is None else _now("Edit Contact"),
            "second_button": ("sends_verification", _now("OK and send verification")),
            "says_ok": True,
            "in_form": True,
        }
        return super().changeform_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A contact made beside a chosen group is to be in it."""
        groups = [pk for pk in request.GET.get("groups", "").split(",") if pk.isascii() and pk.isdecimal()]
        return {"groups": groups} if groups else {}

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Contact:
        facts = _facts(request, data)
        contact = services.create_contact(by=actor_of(request), now=utc_now(), **facts)
        if contact.phone:
            messages.info(request, _now("The number is not verified yet: no calls and texts until it is."))
            if "sends_verification" in request.POST:
                send_and_tell(request, contact)
        return contact

    def change_row(self, request: HttpRequest, row: Contact, data: dict[str, Any]) -> None:
        facts = _facts(request, data)
        change = services.update_contact(
            by=actor_of(request), now=utc_now(), contact_id=row.pk, version=data["version"], **facts
        )
        if change.uses_losing_phone:
            lost = _now("The new number is not verified. Until it is, these tell %(contact)s by neither call nor text:")
            names = format_html_join(", ", "{}", ((line,) for line in uses_list(change.uses_losing_phone)))
            messages.warning(request, format_html("{} {}", lost % {"contact": change.contact}, names))
        is_unverified = change.contact.phone and change.contact.phone_verified_at is None
        if is_unverified and "sends_verification" in request.POST:
            send_and_tell(request, change.contact)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Deletion], dict[str, int], set[str], list[Any]]:
        """Of thousands only names are read, and of a deletion that was confirmed nothing."""
        if not isinstance(objs, QuerySet):
            return super().get_deleted_objects(objs, request)
        is_answered, is_across = bool(request.POST.get("post")), request.POST.get("select_across") == "1"
        ids = self.chosen_ids(request, objs) if is_across or not is_answered else []
        is_anew = is_asked_anew(request, ids)
        if is_answered and not is_anew:
            return [Deletion([], [], [])], {}, set(), []
        names = dict(Contact.objects.filter(pk__in=ids[:MOST_NAMED]).values_list("pk", "name"))
        shown = [names[pk] for pk in ids if pk in names]
        deletion = Deletion(shown, self.notes_on_deleting(ids) if ids else [], ids, is_anew)
        objs.count = partial(len, ids)  # type: ignore[method-assign]  # Django asks for it once more
        return [deletion], {str(self.opts.verbose_name_plural): len(ids)}, set(), []

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_contacts(by=actor_of(request), now=utc_now(), ids=ids)

    def notes_on_deleting(self, ids: list[int]) -> list[Any]:
        return list(notes_on_deleting_contacts(ids))

    # many

    @admin_action(description=_("Verify Mobile Numbers"), permissions=["change"])
    def verify_numbers(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        """Also across pages: the list's own selection is asked for again when it is confirmed."""
        ids = self.chosen_ids(request, queryset)
        if request.POST.get("select_across") != "1":  # who was deleted since is told of too
            ids = [int(key) for key in dict.fromkeys(request.POST.getlist(ACTION_CHECKBOX_NAME))]
        return verification_page(request, self._context(request), ids, selection(request, "verify_numbers", ids))

    @admin_action(description=_("Remove from Group"), permissions=["change"])
    def remove_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        ids = self.chosen_ids(request, queryset)
        is_anew = is_asked_anew(request, ids)
        hidden = selection(request, "remove_selected", ids)
        return self._remove(request, wanted(request).group_id, ids, hidden, is_anew=is_anew)

    @admin_action(description=_("Export selected"), permissions=["change"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        ids = self.chosen_ids(request, queryset)
        return export_page(request, self._context(request), ids, selection(request, "export_selected", ids))

    # one

    def overview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A contact's page; numbers masked."""
        require(request, Permission.VIEW)
        return contact_page(request, self._context(request), self.row(request, object_id), self, is_revealed=False)

    def reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The contact's page with whole numbers; every POST is an entry of the audit log."""
        require(request, Permission.REVEAL)
        contact = self.row(request, object_id)
        if request.method != "POST":
            return HttpResponseRedirect(self.url("overview", contact.pk))
        record_reveal(by=actor_of(request), now=utc_now(), instance=contact, fields=("phone", "email"))
        return contact_page(request, self._context(request), contact, self, is_revealed=True)

    @action(description=_("Verify the number"), icon="verified", url_path="verify", permissions=["write"])
    def verify_number(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)
        return verification_page(request, self._context(request), [contact.pk])

    @action(description=_("Call with a code"), icon="call", url_path="call", permissions=["write"])
    def call_with_code(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)
        return verification_page(request, self._context(request), [contact.pk], by_call=True)

    @action(description=_("Vouch for the number"), icon="approval", url_path="attest", permissions=["attest"])
    def attest_number(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.attest_phone(by=actor_of(request), now=utc_now(), contact_id=contact.pk, source=data["source"])
            text = _now("The number counts as proved, and is shown as attested.")
            return self.done(request, text, "overview", contact.pk)

        return form_page(
            request,
            self._context(request),
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
        return test_page(request, self._context(request), self.row(request, object_id))

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
            self._context(request),
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
            return self.done(request, _now("The chatbot was removed."), "overview", contact.pk)

        return form_page(
            request,
            self._context(request),
            forms.Form,
            act,
            title=_now("Remove the chatbot of %(name)s") % {"name": contact},
            text=_now("The chatbot was imported and cannot be put back here; make a robot to replace it."),
            submit=_now("Remove"),
        )

    @action(description=_("Remove from Group"), url_path="remove-from-group", permissions=["write"])
    def remove_from_group(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.row(request, object_id)
        return self._remove(request, wanted(request).group_id, [contact.pk], [])

    def _remove(
        self,
        request: HttpRequest,
        group_id: int | None,
        ids: list[int],
        hidden: list[tuple[str, str]],
        *,
        is_anew: bool = False,
    ) -> HttpResponse:
        group = ContactGroup.objects.filter(pk=group_id).first()
        if group is None:
            raise Http404
        list_url = f"{self.url('changelist')}?group={group.pk}"
        if request.method == "POST" and _CONFIRMED in request.POST:
            count = services.remove_members(by=actor_of(request), now=utc_now(), group_id=group.pk, contact_ids=ids)
            text = ngettext("%(count)d contact was removed from %(group)s.", "%(count)d contacts were removed from "
                            "%(group)s.", count)  # fmt: skip
            messages.success(request, text % {"count": count, "group": group})
            return HttpResponseRedirect(list_url)
        names = list(Contact.objects.filter(pk__in=ids[:200]).values_list("name", flat=True))
        text = ngettext(
            "Remove %(name)s from the group %(group)s? The contact itself stays.",
            "Remove %(count)d contacts from the group %(group)s? The contacts themselves stay.",
            len(ids),
        )
        return confirmation(
            request,
            self._context(request),
            title=_now("Remove from Group"),
            text=text % {"name": next(iter(names), ""), "count": len(ids), "group": group},
            names=names,
            notes=notes_on_emptying(queries.groups_left_empty(ids, [group.pk])),
            hidden=hidden,
            cancel_url=list_url,
            is_anew=is_anew,
        )

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "list_url": reverse("console:contacts_contact_changelist")}


def _facts(request: HttpRequest, data: dict[str, Any]) -> dict[str, Any]:
    """What the services take. A group that the form names is made first, in the same transaction."""
    groups = [group.pk for group in data["groups"]]
    if data["new_group"].strip():
        try:
            groups.append(services.create_group(by=actor_of(request), now=utc_now(), name=data["new_group"]).pk)
        except InvalidInputError as error:
            raise InvalidInputError({"new_group": next(iter(error.fields.values()))}) from error
    return {**{name: data[name] for name in _FIELDS}, "group_ids": groups}
