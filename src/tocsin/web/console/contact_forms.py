"""Forms of contacts, groups, robots and their defaults."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
    UnfoldBooleanWidget,
)

from tocsin.contacts.models import Contact, ContactGroup, default_fallback_choices
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import platforms
from tocsin.web.console.choices import fallback_choices, language_choices, zone_choices
from tocsin.web.console.form_pages import demand_version
from tocsin.web.console.picker import Picker
from tocsin.web.console.service_admin import ServiceForm
from tocsin.web.console.words import CHANNELS


class ContactForm(ServiceForm):
    names = {"group_ids": "groups"}

    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    phone = forms.CharField(
        label=_("phone number"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "tel"}),
        help_text=_("Calls and text messages need a verified number. A changed number is unverified again."),
    )
    sends_verification = forms.BooleanField(
        label=_("Send a verification text to this number"),
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text=_("When it is new or changed. The contact confirms it by the link or code in the text."),
    )
    email = forms.CharField(
        label=_("email"), required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "email"})
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("contact groups"),
        queryset=ContactGroup.objects.all(),
        required=False,
        widget=Picker("group", multiple=True),
    )
    fallback = forms.ChoiceField(
        label=_("method to resend notifications if phone notifications fail"),
        choices=fallback_choices,
        initial=Fallback.DEFAULT,
        widget=UnfoldAdminSelectWidget,
    )
    user_id = forms.CharField(
        label=_("user ID"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "In DingTalk, Lark or WeCom: needed to be mentioned in Lark and WeCom groups, optional in DingTalk."
        ),
    )
    dingtalk_user_id = forms.CharField(label=_("DingTalk user ID"), required=False, widget=UnfoldAdminTextInputWidget)
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


class GroupForm(ServiceForm):
    names = {"contact_ids": "members"}

    name = forms.CharField(label=_("group name"), widget=UnfoldAdminTextInputWidget)
    members = forms.ModelMultipleChoiceField(
        label=_("contacts"),
        queryset=Contact.objects.all(),
        required=False,
        widget=Picker("contact", multiple=True),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial.update(members=list(self.instance.members.all()))


class RobotForm(ServiceForm):
    """The address and the secret are write-only: empty keeps what is stored."""

    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    platform = forms.ChoiceField(label=_("platform"), widget=UnfoldAdminSelectWidget)
    url = forms.CharField(
        label=_("webhook URL"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=_("As the group's settings show it. It holds the robot's token, so it is stored encrypted."),
    )
    secret = forms.CharField(
        label=_("signing secret"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=_("Where the robot's security setting is a signature."),
    )
    forgets_secret = forms.BooleanField(
        label=_("remove the stored secret"), required=False, widget=UnfoldBooleanSwitchWidget
    )
    keyword = forms.CharField(
        label=_("keyword"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Where the robot's security setting is a keyword: it is added to every message."),
    )
    is_enabled = forms.BooleanField(label=_("enabled"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_stored = self.instance.pk is not None
        if "platform" in self.fields:
            options = [(name, CHANNELS.get(name, name)) for name in platforms()]
            self.fields["platform"].choices = options  # type: ignore[attr-defined]
            self.fields["platform"].disabled = is_stored
        if is_stored:
            kept = lazy(lambda: _now("stored; leave empty to keep it"), str)()
            self.fields["url"].widget.attrs["placeholder"] = kept
            if self.instance.secret:
                self.fields["secret"].widget.attrs["placeholder"] = kept
            self.initial.update(url="", secret="")


class DefaultsForm(forms.Form):
    fallback = forms.ChoiceField(
        label=_("method to resend notifications if phone notifications fail"),
        choices=default_fallback_choices,
        widget=UnfoldAdminRadioSelectWidget,
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        demand_version(self)
        return self.cleaned_data


class AttestForm(forms.Form):
    source = forms.CharField(
        label=_("proved by"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The source that has proved it, and when: HR directory, 2026-11-01."),
    )
