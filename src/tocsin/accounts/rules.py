"""Roles, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


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
