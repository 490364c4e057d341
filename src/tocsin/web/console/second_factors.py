"""A user's own second factors: the authenticator app, recovery codes and passkeys. django-allauth's views, each
demanding that somebody has just proved who they are; here they look like the console and leave an audit entry."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, EditWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.generic.base import View

from tocsin.accounts import services
from tocsin.core.clock import utc_now
from tocsin.web.console.account_pages import signed_in
from tocsin.web.console.actors import actor_of, user_of
from tocsin.web.console.pages import console
from tocsin.web.console.sign_in_adapters import passkey_host
from tocsin.web.console.sign_in_forms import ActivateAppForm, AddPasskeyForm, RenamePasskeyForm


class _Page(View):
    """A page of the console. What it changes and the audit entry of it are one transaction."""

    title: ClassVar[Promise]
    kind = ""
    change: ClassVar[tuple[str, str]] = ("", "")
    done: ClassVar[Promise | str] = ""
    success_url = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)

    def get_form_class(self) -> Any:
        return self.form_class  # type: ignore[attr-defined]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        given: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**console.each_context(self.request), **given, "title": self.title, "account_url": reverse("account")}

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            before, after = self.changed(form)
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            services.record_second_factor(
                by=actor_of(self.request),
                now=utc_now(),
                user=user_of(self.request),
                kind=self.kind,
                before=before,
                after=after,
            )
        if self.done:
            messages.success(self.request, str(self.done))
        return response

    def changed(self, form: Any) -> tuple[str, str]:
        """Before and after, for the audit log."""
        return self.change

    def get_success_url(self) -> str:
        if getattr(self, "did_generate_recovery_codes", False):
            return reverse("mfa_view_recovery_codes")
        return reverse("account")


class ActivateApp(_Page, ActivateTOTPView):
    form_class = ActivateAppForm
    template_name = "console/account/activate_app.html"
    title = _("Set up an authenticator app")
    kind, change = "authenticator app", ("off", "on")
    done = _("From now on you are asked for a code of your app.")


class DeactivateApp(_Page, DeactivateTOTPView):
    template_name = "console/account/confirm.html"
    title = _("Stop asking for codes of the app?")
    kind, change = "authenticator app", ("on", "off")
    done = _("Codes of the app are not asked for any more.")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        text = _("Remove the entry in your app, too. Without any second factor, your password alone opens the console.")
        return {**super().get_context_data(**kwargs), "text": text, "is_danger": True}


class NewRecoveryCodes(_Page, GenerateRecoveryCodesView):
    template_name = "console/account/confirm.html"
    title = _("Make new recovery codes?")
    kind, change = "recovery codes", ("***", "***")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        text = _("The codes that you have stop working. The new ones are shown once.")
        return {**super().get_context_data(**kwargs), "text": text}

    def get_success_url(self) -> str:
        return reverse("mfa_view_recovery_codes")


class RecoveryCodes(_Page, ViewRecoveryCodesView):
    template_name = "console/account/recovery_codes.html"
    title = _("Recovery codes")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        given = super().get_context_data(**kwargs)
        codes = given["unused_codes"] if given["can_view_codes"] else []
        lines = quote("".join(f"{code}\n" for code in codes))
        return {**given, "codes": codes, "file": f"data:text/plain;charset=utf-8,{lines}"}


class AddPasskey(_Page, AddWebAuthnView):
    form_class = AddPasskeyForm
    template_name = "console/account/add_passkey.html"
    title = _("Add a passkey")
    kind = "passkey"
    done = _("The passkey was added.")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "passkeys_work": bool(passkey_host())}

    def changed(self, form: Any) -> tuple[str, str]:
        return "", form.cleaned_data["name"]


class RenamePasskey(_Page, EditWebAuthnView):
    form_class = RenamePasskeyForm
    template_name = "console/account/rename_passkey.html"
    title = _("Rename the passkey")
    kind = "passkey"
    done = _("Saved.")

    def changed(self, form: Any) -> tuple[str, str]:
        return form.instance.wrap().name, form.cleaned_data["name"]


class RemovePasskey(_Page, RemoveWebAuthnView):
    object: Authenticator
    template_name = "console/account/confirm.html"
    title = _("Remove the passkey?")
    kind = "passkey"
    done = _("The passkey was removed.")

    def get_form_class(self) -> Any:
        return RemoveWebAuthnView.form_class

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        text = _("%(name)s does not open the console any more. Remove it in your device, too.")
        return {
            **super().get_context_data(**kwargs),
            "text": text % {"name": self.object.wrap().name},
            "is_danger": True,
        }

    def changed(self, form: Any) -> tuple[str, str]:
        return self.object.wrap().name, ""


@signed_in
def to_account(request: HttpRequest) -> HttpResponse:
    """Where allauth leads that has a page of its own for it."""
    return HttpResponseRedirect(reverse("account"))
