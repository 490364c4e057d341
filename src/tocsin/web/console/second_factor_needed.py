"""Who must set up a second factor before anything else (TOCSIN_REQUIRE_2FA)."""

from __future__ import annotations

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.http import HttpRequest

from tocsin.accounts.models import User
from tocsin.accounts.queries import has_second_factor, role_of
from tocsin.accounts.rules import is_at_least

_OPEN = ("/console/account/", "/console/login/", "/console/logout/", "/console/language/", "/console/jsi18n/")


def needs_second_factor(request: HttpRequest) -> bool:
    """Not who came through the identity provider: what else it asks of its users is its own matter."""
    user = request.user
    if not isinstance(user, User) or not is_at_least(role_of(user), settings.SECOND_FACTOR_FROM):
        return False
    methods = {record.get("method") for record in get_authentication_records(request, user)}
    return "socialaccount" not in methods and not has_second_factor(user.pk)


def is_in_the_way(request: HttpRequest) -> bool:
    """Whether this page has to wait for that."""
    return not request.path_info.startswith(_OPEN) and needs_second_factor(request)
