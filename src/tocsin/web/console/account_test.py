"""A test message through one provider account, and the provider's own answer explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from tocsin.channels import services
from tocsin.channels.base import ConfigField, Outcome, SendResult
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import capabilities_of, kind_of
from tocsin.core.errors import TocsinError
from tocsin.core.phones import PhoneError, parse
from tocsin.web.console.display import span
from tocsin.web.console.form_pages import add_refusal, capitalise_labels
from tocsin.web.console.words import OUTCOMES, said

_MEANINGS: Mapping[Outcome, tuple[str, str | Promise, str | Promise]] = {
    Outcome.ACCEPTED: ("good", _("The provider accepted the message"), ""),
    Outcome.RATE_LIMITED: (
        "warning",
        _("Too many messages for the provider just now"),
        _("An alert's message would wait and be tried again."),
    ),
    Outcome.TRANSIENT: (
        "warning",
        _("The provider could not take the message just now"),
        _("An alert's message would be tried again, also through the next account of the channel."),
    ),
    Outcome.PERMANENT_TARGET: (
        "bad",
        _("The provider cannot reach this number or address"),
        _("Another account would not help: check what was typed."),
    ),
    Outcome.PERMANENT_CONFIG: (
        "bad",
        _("The account does not work as it is set up"),
        _("Check its address, credentials, sender and balance. Until then alerts need another account of the channel."),
    ),
    Outcome.AMBIGUOUS: (
        "warning",
        _("The request went out and no answer came"),
        _("The message may or may not have been sent: look whether it arrived."),
    ),
}
"""What an outcome means: a level of the console's colours, a verdict, and what follows from it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said, in its own words, and what it means."""

    level: str
    verdict: str
    meaning: str
    facts: list[tuple[str, str]]


class AddressForm(forms.Form):
    to = forms.CharField(label=_("to"), max_length=254, widget=UnfoldAdminTextInputWidget)

    def __init__(self, data: Any, channel: Channel, chat: ConfigField | None = None) -> None:
        super().__init__(data)
        self._is_email, self._chat = channel is Channel.EMAIL, chat
        if chat is not None:
            self.fields["to"].label, self.fields["to"].help_text = said(chat.label), said(chat.help)
            capitalise_labels(self)
            return
        self.fields["to"].help_text = (
            _("An email address.") if self._is_email else _("A phone number, like +86 138 0000 0000.")
        )
        self.fields["to"].widget.attrs["type"] = "email" if self._is_email else "tel"
        capitalise_labels(self)

    def clean_to(self) -> str:
        typed: str = self.cleaned_data["to"]
        if self._chat is not None:
            return typed.strip()
        if self._is_email:
            validate_email(typed)
            return typed
        try:
            return parse(typed, settings.DEFAULT_REGION)
        except PhoneError as error:
            template = _now(error.template)
            raise forms.ValidationError(template % error.values if error.values else template) from error


def account_test_page(request: HttpRequest, context: Mapping[str, Any], account: ProviderAccount) -> HttpResponse:
    """GET asks for an address; POST sends there at once and shows the answer above the form."""
    form = AddressForm(
        request.POST if request.method == "POST" else None, Channel(account.channel), kind_of(account).chat
    )
    answer = None
    if request.method == "POST" and form.is_valid():
        try:
            answer = explained(account, services.try_account(account=account, to=form.cleaned_data["to"]))
        except TocsinError as error:
            add_refusal(form, error)
    title = _now("Test %(name)s") % {"name": account}
    page = {**context, "title": title, "account": account, "form": form, "answer": answer}
    return TemplateResponse(request, "console/account_test.html", page)


def explained(account: ProviderAccount, result: SendResult) -> Answer:
    """What the result means, and its facts as far as there are any."""
    level, verdict, meaning = _MEANINGS[result.outcome]
    facts = [
        (_now("outcome"), str(OUTCOMES[result.outcome])),
        (_now("code"), result.code),
        (_now("answer"), said(result.detail)),
        (_now("provider's id"), result.provider_id),
        (_now("try again after"), span(result.retry_after.total_seconds()) if result.retry_after else ""),
    ]
    if result.outcome is Outcome.ACCEPTED:
        meaning = _meaning_of_acceptance(account)
    return Answer(level, str(verdict), str(meaning), [(name, value) for name, value in facts if value])


def _meaning_of_acceptance(account: ProviderAccount) -> str:
    capabilities = capabilities_of(account)
    if kind_of(account).reports:
        return ""
    if capabilities.is_simulated:
        return _now("A simulation: nothing left this machine.")
    if capabilities.accepted_is_delivered:
        return _now("That is all that can be known of it.")
    return _now("Whether it arrived, only its recipient can say: no receipt is asked for a test.")
