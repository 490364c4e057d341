"""The addresses of signing in and of one's own account. django-allauth looks for its own by these names.

What is not here is not there: no sign-up, no reset of a password by mail, no change of an address by link.
"""

from __future__ import annotations

from django.urls import path

from tocsin.web.console import account_pages, second_factors, sign_in
from tocsin.web.console.account_pages import signed_in
from tocsin.web.console.provider_sign_in import provider_callback, provider_connect, provider_login

_APP, _CODES, _PASSKEYS = "account/app/", "account/codes/", "account/passkeys/"

urlpatterns = [
    path("login/", sign_in.SignIn.as_view(), name="account_login"),
    path("login/second-factor/", sign_in.SecondFactor.as_view(), name="mfa_authenticate"),
    path("login/cancel/", sign_in.cancel_sign_in, name="cancel_sign_in"),
    path("login/passkey/", sign_in.PasskeySignIn.as_view(), name="mfa_login_webauthn"),
    path("login/provider/", provider_login, name="provider_login"),
    path("login/provider/callback/", provider_callback, name="provider_callback"),
    path("login/again/", signed_in(sign_in.PasswordAgain.as_view()), name="account_reauthenticate"),
    path("login/again/code/", signed_in(sign_in.CodeAgain.as_view()), name="mfa_reauthenticate"),
    path("login/again/passkey/", signed_in(sign_in.PasskeyAgain.as_view()), name="mfa_reauthenticate_webauthn"),
    path("account/", account_pages.account, name="account"),
    path("account/profile/", account_pages.profile, name="account_profile"),
    path("account/password/", account_pages.password, name="account_change_password"),
    path("account/provider/", signed_in(provider_connect), name="provider_connect"),
    path(_APP, signed_in(second_factors.ActivateApp.as_view()), name="mfa_activate_totp"),
    path(_APP + "remove/", signed_in(second_factors.DeactivateApp.as_view()), name="mfa_deactivate_totp"),
    path(_CODES, signed_in(second_factors.RecoveryCodes.as_view()), name="mfa_view_recovery_codes"),
    path(_CODES + "new/", signed_in(second_factors.NewRecoveryCodes.as_view()), name="mfa_generate_recovery_codes"),
    path(_PASSKEYS + "add/", signed_in(second_factors.AddPasskey.as_view()), name="mfa_add_webauthn"),
    path(_PASSKEYS + "<int:pk>/rename/", signed_in(second_factors.RenamePasskey.as_view()), name="mfa_edit_webauthn"),
    path(
        _PASSKEYS + "<int:pk>/remove/",
        signed_in(second_factors.RemovePasskey.as_view()),
        name="mfa_remove_webauthn",
    ),
    path(_PASSKEYS, second_factors.to_account, name="mfa_list_webauthn"),
    path("account/second-factor/", second_factors.to_account, name="mfa_index"),
    path("account/sessions/<int:session_id>/end/", account_pages.end_session, name="end_session"),
    path("account/sessions/end-others/", account_pages.end_other_sessions, name="end_other_sessions"),
]
