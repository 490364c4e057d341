"""The forms of signing in: django-allauth's, with our limits, words and widgets."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

from allauth.account.forms import LoginForm
from allauth.account.forms import ReauthenticateForm as AllauthPasswordAgainForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from tocsin.core.errors import ConfigurationError
from tocsin.web.console.fields import SwitchField
from tocsin.web.console.sign_in_limits import is_spent, trying_second_factor

_LONGEST, _LONGEST_NAME = 254, 64


class SignInForm(LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = forms.CharField(
            label=_("Username or email"),
            max_length=_LONGEST,
            widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "username webauthn", "autofocus": True}),
        )
        self.fields["password"] = forms.CharField(
            label=_("Password"),
            strip=False,
            widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
        )
        self.order_fields(["login", "password"])


class _CodeForm(BaseAuthenticateForm):
    """A code of the authenticator app or a recovery code, tried as often as the limits allow, each once."""

    code = forms.CharField(
        label=_("Code"),
        max_length=32,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "autofocus": True}),
        help_text=_("Six digits of your authenticator app, or one of your recovery codes."),
    )

    def clean_code(self) -> str:
        with trying_second_factor(context.request, self.user.pk) as attempt:
            code: str = super().clean_code()
            digits = "".join(letter for letter in code if letter.isalnum())
            if self.authenticator.type == Authenticator.Type.TOTP and is_spent(self.user.pk, digits):
                raise forms.ValidationError(_now("This code was used already. Wait for the next one."))
            attempt.was_right = True
        return code


class SecondFactorForm(_CodeForm, AuthenticateForm):
    """While signing in."""


class SecondFactorAgainForm(_CodeForm, ReauthenticateForm):
    """Before something sensitive."""


class PasswordAgainForm(AllauthPasswordAgainForm):
    """Before something sensitive."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class ActivateAppForm(ActivateTOTPForm):
    """Until it is confirmed the app's secret lies in the session, encrypted as it is afterwards."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session, adapter = context.request.session, get_adapter()
        sealed = session.pop(SECRET_SESSION_KEY, "")
        with suppress(ConfigurationError):  # its key is gone: another secret is shown
            session[SECRET_SESSION_KEY] = adapter.decrypt(sealed)
        super().__init__(*args, **kwargs)
        session[SECRET_SESSION_KEY] = adapter.encrypt(self.secret)

    code = forms.CharField(
        label=_("Code"),
        max_length=32,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        help_text=_("The six digits that the app shows now."),
    )


class _CredentialField(forms.JSONField):
    """Also what is nested too deeply is no JSON."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except RecursionError:
            raise get_adapter().validation_error("incorrect_code") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return ""


class _PasskeyForm(forms.Form):
    """What is no answer of an authenticator at all is refused like a wrong one."""

    credential = _CredentialField(widget=forms.HiddenInput)

    def full_clean(self) -> None:
        try:
            super().full_clean()
        except (AttributeError, KeyError, TypeError, ValueError, struct.error):
            self.add_error(None, get_adapter().validation_error("incorrect_code"))


class PasskeySignInForm(_PasskeyForm, LoginWebAuthnForm):
    """Instead of a password."""


class PasskeySecondForm(_PasskeyForm, AuthenticateWebAuthnForm):
    """After the password."""


class PasskeyAgainForm(_PasskeyForm, ReauthenticateWebAuthnForm):
    """Before something sensitive."""


class AddPasskeyForm(_PasskeyForm, AddWebAuthnForm):
    name = forms.CharField(
        label=_("Name of the passkey"),
        max_length=_LONGEST_NAME,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What you will know it by, like *Work laptop*."),
    )
    passwordless = SwitchField(
        label=_("Sign in with this passkey alone"),
        initial=True,
        help_text=_(
            "It asks for your finger, face or PIN instead of a password. Otherwise it is asked for after the password."
        ),
    )


class RenamePasskeyForm(EditWebAuthnForm):
    name = forms.CharField(label=_("Name of the passkey"), max_length=_LONGEST_NAME, widget=UnfoldAdminTextInputWidget)
