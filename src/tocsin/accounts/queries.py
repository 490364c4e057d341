"""Reads of users and tokens."""

from __future__ import annotations

from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from auditlog.models import LogEntry
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q, QuerySet

from tocsin.accounts.models import AccessKey, ApiToken, User
from tocsin.accounts.rules import Role, SigningKey, lower_role
from tocsin.core import crypto


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
    return list(ApiToken.objects.select_related("owner").order_by("name"))


def list_access_keys() -> list[AccessKey]:
    """All keys by user and name, the disabled ones too, without their secrets."""
    found = AccessKey.objects.select_related("user").prefetch_related("user__groups").defer("secret")
    return list(found.order_by("user__username", "name"))


def find_signing_key(key_id: str) -> SigningKey | None:
    """The key that a signed request names, with its secret; also a disabled one."""
    key = AccessKey.objects.select_related("user").filter(key_id=key_id).first()
    if key is None:
        return None
    return SigningKey(
        id=key.pk,
        key_id=key.key_id,
        name=key.name,
        user_id=key.user_id,
        user_name=key.user.get_full_name() or key.user.username,
        secret=crypto.decrypt(key.secret, settings.SECRET_KEYS),
        role=lower_role(Role(key.role), key.user.role),
        is_enabled=key.disabled_at is None,
        last_used_at=key.last_used_at,
    )


SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What may be asked for beside a password. Recovery codes stand in for one of them."""


def authenticators_of(user_id: int) -> list[Authenticator]:
    """The authenticator app first, then passkeys as they were added, then the recovery codes."""
    order = {Authenticator.Type.TOTP: 0, Authenticator.Type.WEBAUTHN: 1}
    found = Authenticator.objects.filter(user_id=user_id).order_by("created_at", "pk")
    return sorted(found, key=lambda each: order.get(each.type, 2))


def has_second_factor(user_id: int) -> bool:
    found: bool = Authenticator.objects.filter(user_id=user_id, type__in=SECOND_FACTORS).exists()
    return found


def with_ways_in(users: QuerySet[User]) -> QuerySet[User]:
    """Each with `has_factor` and `has_provider`, in the same statement."""
    factors = Authenticator.objects.filter(user_id=OuterRef("pk"), type__in=SECOND_FACTORS)
    return users.annotate(
        has_factor=Exists(factors), has_provider=Exists(SocialAccount.objects.filter(user_id=OuterRef("pk")))
    )


def administrators_without_second_factor() -> list[User]:
    """Those who sign in with a password of ours; a provider asks its users itself."""
    with_factor = Authenticator.objects.filter(type__in=SECOND_FACTORS).values("user_id")
    admins = users_with_role(Role.ADMIN).exclude(pk__in=with_factor)
    return [user for user in admins.order_by("username") if user.has_usable_password()]


def is_provided(user_id: int, provider: str) -> bool:
    found: bool = SocialAccount.objects.filter(user_id=user_id, provider=provider).exists()
    return found


def sessions_of(user_id: int, now: datetime) -> list[UserSession]:
    """Where the user is signed in now, the last used first."""
    live = Session.objects.filter(expire_date__gt=now).values("session_key")
    return list(UserSession.objects.filter(user_id=user_id, session_key__in=live).order_by("-last_seen_at", "-pk"))


SEARCHED_ENTRIES = 100_000
"""Of the audit log, in which a text is looked for: it has no index for that, and grows for ever."""


def newest_entries(entries: QuerySet[LogEntry], most: int = SEARCHED_ENTRIES) -> QuerySet[LogEntry]:
    """The newest `most` of these."""
    last = list(entries.order_by("-pk").values_list("pk", flat=True)[most : most + 1])
    return entries.filter(pk__gt=last[0]) if last else entries
