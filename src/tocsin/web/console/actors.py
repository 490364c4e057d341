"""Who a console request is."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from tocsin.accounts.models import User
from tocsin.accounts.queries import role_of
from tocsin.accounts.rules import Permission, is_allowed
from tocsin.core.actors import Actor, ActorKind
from tocsin.web.shared.addresses import client_address


def user_of(request: HttpRequest) -> User:
    """The signed-in user; PermissionDenied for visitors."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def actor_of(request: HttpRequest) -> Actor:
    """For services: the signed-in user and the address the request came from."""
    user = user_of(request)
    return Actor(ActorKind.USER, user.get_full_name() or user.username, user.pk, client_address(request))


def may(request: HttpRequest, permission: Permission) -> bool:
    return is_allowed(role_of(request.user), permission)


def require(request: HttpRequest, permission: Permission) -> None:
    """PermissionDenied (a 403 page) without it."""
    if not may(request, permission):
        raise PermissionDenied
