"""Reads of users and tokens."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from tocsin.accounts.models import ApiToken, User
from tocsin.accounts.rules import Role


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """None for visitors, the inactive and those without a role."""
    return user.role if isinstance(user, User) else None


def users_with_role(role: Role) -> QuerySet[User]:
    """Active users whose groups give the role itself; for admin also superusers."""
    condition = Q(groups__name=role.value)
    if role is Role.ADMIN:
        condition |= Q(is_superuser=True)
    return User.objects.filter(condition, is_active=True).distinct()


def list_tokens() -> list[ApiToken]:
    """All tokens by name, the revoked ones too."""
    return list(ApiToken.objects.order_by("name"))
