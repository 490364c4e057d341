"""Who asks: a token, its role and its scopes. Asked at the door of every operation, and counted there."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security.base import AuthBase

from tocsin.accounts.models import ApiToken
from tocsin.accounts.rules import Permission, Role, Scope, is_allowed, is_in_scope
from tocsin.accounts.services import actor_of_token, authenticate_token, take_request
from tocsin.core.actors import Actor
from tocsin.core.clock import utc_now
from tocsin.core.errors import ForbiddenError, LimitedError, TocsinError
from tocsin.web.shared.addresses import client_address

BURST_SECONDS = 10
"""A token that was quiet may ask at once as often as in so many seconds."""


class UnknownCallerError(TocsinError):
    """No token, or none that is live."""


class OutOfScopeError(ForbiddenError):
    """The token was made for something else."""


@dataclass(frozen=True, slots=True)
class Caller:
    token: ApiToken
    role: Role
    by: Actor

    @property
    def reveals(self) -> bool:
        """May see whole numbers and addresses."""
        return self.may(Permission.REVEAL)

    def may(self, permission: Permission) -> bool:
        return is_allowed(self.role, permission)

    def requires(self, permission: Permission) -> None:
        """ForbiddenError without it."""
        if not self.may(permission):
            raise ForbiddenError(_("The role of this token, %(role)s, does not allow this.") % {"role": self.role})

    def requires_scope(self, scope: Scope) -> None:
        if not is_in_scope(self.token.scopes, scope):
            raise OutOfScopeError(_("This token was not made for this: it lacks %(scope)s.") % {"scope": scope})

    def requires_every_scope(self) -> None:
        """For what opens all that a role may, whatever the token was made for."""
        for scope in Scope:
            self.requires_scope(scope)


class Needs(AuthBase):
    """What an operation needs. Errors are those of problems.py; a right caller is kept for the handler."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, scope: Scope, permission: Permission) -> None:
        super().__init__()
        self.scope, self.permission = scope, permission

    def __call__(self, request: HttpRequest) -> Caller:
        if hasattr(request, "caller"):
            return caller_of(request)
        caller = _authenticate(request)
        caller.requires_scope(self.scope)
        caller.requires(self.permission)
        request.caller = caller  # type: ignore[attr-defined]
        return caller


def caller_of(request: HttpRequest) -> Caller:
    found: Caller = request.caller  # type: ignore[attr-defined]
    return found


def actor_of(request: HttpRequest) -> Actor:
    return caller_of(request).by


def _authenticate(request: HttpRequest) -> Caller:
    scheme, _space, secret = request.headers.get("Authorization", "").strip().partition(" ")
    now = utc_now()
    token = authenticate_token(secret=secret.strip(), now=now) if scheme.lower() == "bearer" else None
    role = token.role_now if token is not None else None
    if token is None or role is None:
        raise UnknownCallerError(_("Send a live token as `Authorization: Bearer tct_...`."))
    per_minute = settings.API_REQUESTS_PER_MINUTE
    if per_minute:
        burst = max(1, per_minute * BURST_SECONDS // 60)
        free_at = take_request(token_id=token.pk, now=now, per_minute=per_minute, burst=burst)
        if free_at is not None:
            raise LimitedError(_("This token asks too often."), free_at)
    return Caller(token, role, actor_of_token(token, client_address(request)))
