"""Signing in: who may enter, and how often a wrong password may be tried."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.forms import AuthenticationForm

from tocsin.accounts.queries import role_of
from tocsin.contacts.rules import SIGNING_IN, SIGNING_IN_AS
from tocsin.contacts.services import count_request, uncount_request
from tocsin.core.clock import utc_now
from tocsin.web.console.display import ago
from tocsin.web.shared.addresses import client_address


class SignInForm(AuthenticationForm):
    """Anybody with a role may enter; Django's own staff flag says nothing here."""

    def clean(self) -> dict[str, Any]:
        """Each attempt is counted before the password is looked at, and taken back when it was right."""
        name = str(self.cleaned_data.get("username") or "").casefold()
        if not name or not self.cleaned_data.get("password"):
            cleaned: dict[str, Any] = super().clean()
            return cleaned
        now, address = utc_now(), client_address(self.request)
        untils = [
            count_request(limit=SIGNING_IN, address=address, now=now),
            count_request(limit=SIGNING_IN_AS, address=address, now=now, about=name),
        ]
        if until := max(filter(None, untils), default=None):
            raise _too_often(until, now)
        cleaned = super().clean()
        uncount_request(limit=SIGNING_IN, address=address)
        uncount_request(limit=SIGNING_IN_AS, address=address, about=name)
        return cleaned

    def confirm_login_allowed(self, user: Any) -> None:
        if role_of(user) is None:
            raise self.get_invalid_login_error()


def _too_often(until: datetime, now: datetime) -> forms.ValidationError:
    """Said also to who has the right password by now: it says nothing of the password."""
    text = _("Too many failed attempts. Try again at %(time)s (%(wait)s).")
    when = {"time": f"{timezone.localtime(until):%H:%M:%S %Z}", "wait": ago(until, now)}
    return forms.ValidationError(text % when, code="too_often")
