"""Roles, and what each may do."""

from __future__ import annotations

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


def is_allowed(role: Role | None, permission: Permission) -> bool:
    """Nobody without a role is allowed anything."""
    return role is not None and _RANK[role] >= _RANK[_NEEDS[permission]]
