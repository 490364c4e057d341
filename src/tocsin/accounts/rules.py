"""Roles, what each may do, and what an identity provider says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any


class Role(StrEnum):
    """From least to most; each may do all that the ones before it may."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    MANAGER = "manager"
    ADMIN = "admin"


class Permission(StrEnum):
    VIEW = "view"
    RESPOND = "respond"
    """Claim, resolve, comment."""
    REVEAL = "reveal"
    """See whole numbers and addresses (each reveal is audited)."""
    MANAGE = "manage"
    """Contacts, groups, robots, policies, integrations."""
    ADMINISTER = "administer"
    """Provider accounts, users, tokens."""


class Scope(StrEnum):
    """What a token was made for, within its role. Writing an area includes reading it."""

    CONTACTS_READ = "contacts:read"
    """Contacts, files of them, groups, robots, webhooks, verification, personal links, the default configuration."""
    CONTACTS_WRITE = "contacts:write"
    POLICIES_READ = "policies:read"
    """Notification and escalation policies, inhibitions."""
    POLICIES_WRITE = "policies:write"
    SCHEDULES_READ = "schedules:read"
    SCHEDULES_WRITE = "schedules:write"
    INTEGRATIONS_READ = "integrations:read"
    INTEGRATIONS_WRITE = "integrations:write"
    ALERTS_READ = "alerts:read"
    """Alerts, events, silences, deliveries, explain, coverage, drills, subscriptions."""
    ALERTS_WRITE = "alerts:write"
    ADMIN_READ = "admin:read"
    """Provider accounts, caps, users, tokens, access keys, the audit log."""
    ADMIN_WRITE = "admin:write"


_NEEDS = {
    Permission.VIEW: Role.VIEWER,
    Permission.RESPOND: Role.RESPONDER,
    Permission.REVEAL: Role.MANAGER,
    Permission.MANAGE: Role.MANAGER,
    Permission.ADMINISTER: Role.ADMIN,
}
_RANK = {role: rank for rank, role in enumerate(Role)}


def highest_role(group_names: Iterable[str]) -> Role | None:
    """Groups with other names are no roles."""
    roles = [Role(name) for name in group_names if name in _RANK]
    return max(roles, key=_RANK.__getitem__, default=None)


def is_allowed(role: Role | None, permission: Permission) -> bool:
    """Nobody without a role is allowed anything."""
    return role is not None and _RANK[role] >= _RANK[_NEEDS[permission]]


def is_at_least(role: Role | None, least: Role | None) -> bool:
    """Whether the role is `least` or above; nothing is when there is no least."""
    return role is not None and least is not None and _RANK[role] >= _RANK[least]


def lower_role(one: Role | None, other: Role | None) -> Role | None:
    """What both allow; None when one of them is none."""
    return None if one is None or other is None else min(one, other, key=_RANK.__getitem__)


def is_in_scope(scopes: Collection[str], needed: Scope) -> bool:
    """Whether one of the scopes is the needed one, or writes what that reads."""
    return needed.value in scopes or f"{needed.partition(':')[0]}:write" in scopes


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An access key as a signed request needs it. `role` is what key and user both allow; None: nothing."""

    id: int
    key_id: str
    name: str
    user_id: int
    user_name: str
    secret: str = field(repr=False)
    role: Role | None
    is_enabled: bool
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An OpenID Connect provider, and how its claims become roles.

    `role_claim` is a claim's name, or a path with points into nested ones (Keycloak's `realm_access.roles`).
    `role_map`: value of the claim -> role; empty when the values are the roles' own names.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    role_claim: str = "groups"
    role_map: Mapping[str, Role] | None = None
    default_role: Role | None = None
    is_required: bool = False
    """Passwords open the console only for administrators of its own, on a page that one must know."""

    @property
    def key(self) -> str:
        """What the subjects of this issuer are kept under: another issuer's may have the same names."""
        return f"oidc-{sha256(self.issuer.encode()).hexdigest()[:12]}"

    def role_for(self, claims: Mapping[str, Any]) -> Role | None:
        """The highest role that the claim gives, else the default; None when there is neither."""
        known = self.role_map or {role.value: role for role in Role}
        roles = [known[value] for value in _values(claims, self.role_claim) if value in known]
        return max(roles, key=_RANK.__getitem__, default=self.default_role)


def _values(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim's strings: the claim as it is named, or the path that its name is."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [value for value in found if isinstance(value, str)] if isinstance(found, list) else []
