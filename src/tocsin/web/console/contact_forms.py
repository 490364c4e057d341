"""Forms of contacts, groups, robots and their defaults."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from tocsin.contacts.models import Contact, ContactGroup, default_fallback_choices
from tocsin.contacts.queries import Consequences, consequences_of_change, groups_left_empty
from tocsin.contacts.rules import Fallback
from tocsin.core.phones import PhoneError, parse
from tocsin.web.console.choices import fallback_choices, language_choices, zone_choices
from tocsin.web.console.consequences import notes_on_change, notes_on_emptying
from tocsin.web.console.form_pages import VersionedForm
from tocsin.web.console.picker import Picker
from tocsin.web.console.service_admin import ServiceForm

MOST_PICKED = 200
"""Members that the form of a group shows one by one; of a larger group it only adds."""


def _help(text: Any, section: str, link: Any) -> Any:
    """Help with a link to a section of the help page."""

    def build() -> SafeString:
        url = f"{reverse('console:help')}#{section}"
        return format_html('{} <a class="text-link" href="{}" target="_blank">{}</a>', text, url, link)

    return lazy(build, str)()


class AsksAgainForm(ServiceForm):
    """Shows what is lost elsewhere and is valid only when `consequences`, as posted, says that this was seen."""

    consequences = forms.CharField(required=False, widget=forms.HiddenInput)
    notes: tuple[SafeString, ...] = ()

    def is_valid(self) -> bool:
        return super().is_valid() and not self.notes

    def ask_again(self, key: str, notes: list[SafeString]) -> None:
        if notes and self.cleaned_data.get("consequences") != key:
            self.notes = tuple(notes)
            posted: Any = self.data
            self.data = posted.copy()
            self.data["consequences"] = key  # type: ignore[index]


class ContactForm(AsksAgainForm):
    """The labels and their order are those that people know; what is ours is folded away under *More*."""

    names = {"group_ids": "groups"}

    name = forms.CharField(label=_("Name"), widget=UnfoldAdminTextInputWidget, help_text=_("The name of the contact."))
    phone = forms.CharField(
        label=_("Phone Number"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "tel"}),
        help_text=_help(
            _(
                "The contact's mobile number, for alerts by call and text message. Only a verified number gets them; a "
                "changed number is unverified again."
            ),
            "verify",
            _("Verify a mobile number"),
        ),
    )
    email = forms.CharField(
        label=pgettext_lazy("field", "Email"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "email"}),
        help_text=_(
            "The contact's email address, for alerts by email. Give a phone number or an email address, or both; each "
            "belongs to one contact only."
        ),
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Contact Group"),
        queryset=ContactGroup.objects.all(),
        required=False,
        widget=Picker("group", multiple=True),
        help_text=_help(_("The groups that the contact is to be in; none is fine."), "groups", _("Contact groups")),
    )
    new_group = forms.CharField(
        label=_("Or create a group"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "The name of a group that does not exist yet: it is made together with this contact. Else leave it empty."
        ),
    )
    fallback = forms.ChoiceField(
        label=_("Method to Resend Notifications If Phone Notifications Fail"),
        choices=fallback_choices,
        initial=Fallback.DEFAULT,
        widget=UnfoldAdminSelectWidget,
        help_text=_help(
            _("What follows when a call fails: busy, not answered, refused, or not to be placed at all."),
            "fallback",
            _("Set a default fallback method"),
        ),
    )
    user_id = forms.CharField(
        label=_("User ID"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "The contact's ID in an IM tool: DingTalk, Lark or WeCom. Group messages mention the contact by it. Lark "
            "and WeCom need it; for DingTalk it is optional."
        ),
    )
    dingtalk_user_id = forms.CharField(
        label=_("DingTalk user ID"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("For people in several IM tools: each tool's own ID goes before the one above."),
    )
    lark_user_id = forms.CharField(
        label=_("Lark open ID"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Starts with ou_; Lark silently ignores any other ID."),
    )
    wecom_user_id = forms.CharField(label=_("WeCom user ID"), required=False, widget=UnfoldAdminTextInputWidget)
    language = forms.ChoiceField(
        label=_("language of messages"), choices=language_choices, required=False, widget=UnfoldAdminSelectWidget
    )
    time_zone = forms.ChoiceField(
        label=_("time zone"), choices=zone_choices, required=False, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial.update(groups=list(self.instance.groups.all()))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.instance.pk is not None and not self.errors:
            found = self._consequences(cleaned)
            key = f"{cleaned['phone']}/{','.join(str(pk) for pk, _name in found.emptied_groups)}"
            self.ask_again(key, notes_on_change(found, bool(cleaned["phone"])))
        return cleaned

    def _consequences(self, cleaned: dict[str, Any]) -> Consequences:
        try:
            phone = parse(cleaned["phone"], settings.DEFAULT_REGION) if cleaned["phone"].strip() else None
        except PhoneError:  # the service says what is wrong with it
            return Consequences()
        groups = [group.pk for group in cleaned["groups"]]
        return consequences_of_change(self.instance.pk, phone=phone, group_ids=groups)


class GroupForm(AsksAgainForm):
    names = {"contact_ids": "members"}

    name = forms.CharField(label=_("Group Name"), widget=UnfoldAdminTextInputWidget)
    members = forms.ModelMultipleChoiceField(
        label=_("Contacts"),
        queryset=Contact.objects.defer("legacy_chatbot_url"),
        required=False,
        widget=Picker("contact", multiple=True),
    )
    only_adds = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None or "members" not in self.fields:
            return
        if self.instance.memberships.count() > MOST_PICKED:
            self.only_adds = True
            self.initial.pop("members", None)
            self.fields["members"].label = _("Contacts to add")
            self.fields["members"].help_text = _(
                "The group has so many members that they are not listed here. Remove some from the list of contacts, "
                "with this group chosen beside it."
            )
        else:
            self.initial.update(members=list(self.instance.memberships.values_list("contact_id", flat=True)))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.instance.pk is not None and not self.errors and not self.only_adds and not cleaned["members"]:
            everybody = list(self.instance.memberships.values_list("contact_id", flat=True))
            emptied = groups_left_empty(everybody, [self.instance.pk])
            self.ask_again("empty", notes_on_emptying(emptied))
        return cleaned


class DefaultsForm(VersionedForm):
    fallback = forms.ChoiceField(
        label=_("Method to Resend Notifications If Phone Notifications Fail"),
        choices=default_fallback_choices,
        widget=UnfoldAdminRadioSelectWidget,
    )


class AttestForm(forms.Form):
    source = forms.CharField(
        label=_("proved by"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The source that has proved it, and when: HR directory, 2026-11-01."),
    )
