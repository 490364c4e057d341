"""Writes of API tokens."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.accounts.models import ApiToken, User
from tocsin.accounts.rules import Role, Scope, is_in_scope, lower_role
from tocsin.core import crypto
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.clock import is_keepable
from tocsin.core.errors import InvalidInputError, existing

_TOKEN_MARK = "tct_"  # noqa: S105 (what a leaked token is recognised by)
_TOKEN_DIGITS = 32
_SEEN_EVERY = timedelta(minutes=1)


def create_token(
    *,
    by: Actor,
    now: datetime,
    name: str,
    role: Role,
    scopes: Collection[str] = tuple(Scope),
    owner: User | None = None,
    expires_at: datetime | None = None,
    parent: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """The row and the secret, which is shown once: only its SHA-256 is stored.

    InvalidInputError names the fields: `role` when it is above the owner's. All scopes: whatever its role may.
    `parent`: the token that asks for it. The new one has its owner, ends no later, and has no scope that it lacks.
    """
    name = name.strip()
    problems = {}
    if parent is not None:
        owner = parent.owner
        expires_at = min((end for end in (expires_at, parent.expires_at) if end is not None), default=None)
    if not 1 <= len(name) <= 64 or not name.isprintable():
        problems["name"] = _("A token needs a name of 1 to 64 characters.")
    if owner is not None and lower_role(role, owner.role) != role:
        problems["role"] = _("A token may not do more than its owner, whose role is %(role)s.") % {"role": owner.role}
    if not scopes or not set(scopes) <= set(Scope):
        problems["scopes"] = _("Choose among: %(choices)s.") % {"choices": ", ".join(Scope)}
    elif parent is not None and not all(is_in_scope(parent.scopes, Scope(scope)) for scope in scopes):
        problems["scopes"] = _("A token cannot make one with a scope that it lacks.")
    if expires_at is not None and expires_at <= now:
        problems["expires_at"] = _("This moment has passed already.")
    elif expires_at is not None and not is_keepable(expires_at):
        problems["expires_at"] = _("Choose a moment between the years 2000 and 2200.")
    if problems:
        raise InvalidInputError(problems)
    secret = _TOKEN_MARK + crypto.to_base62(secrets.token_bytes(32), _TOKEN_DIGITS)
    token = ApiToken(
        name=name,
        prefix=secret[:8],
        digest=crypto.hash_token(secret),
        role=role.value,
        scopes=[scope.value for scope in Scope if scope in set(scopes)],
        owner=owner,
        created_at=now,
        expires_at=expires_at,
    )
    with transaction.atomic():
        try:
            with transaction.atomic():
                token.save(force_insert=True)
        except IntegrityError as error:
            problem = _("There is a token with the name %(name)s; choose another.") % {"name": name}
            raise InvalidInputError({"name": problem}) from error
        changes = {"name": ("", name), "role": ("", role.value), "scopes": ("", ", ".join(token.scopes))}
        audit.record(by=by, action=Action.CREATE, instance=token, changes=changes)
    return token, secret


def revoke_token(*, by: Actor, now: datetime, token_id: int) -> ApiToken:
    """Acts at once and cannot be undone; revoking again changes nothing."""
    with transaction.atomic():
        token = existing(ApiToken.objects.select_for_update().filter(pk=token_id).first(), _("There is no such token."))
        if token.revoked_at is None:
            token.revoked_at = now
            token.version += 1
            token.save(update_fields=["revoked_at", "version"])
            audit.record(by=by, action=Action.UPDATE, instance=token, changes={"revoked_at": ("", now.isoformat())})
    return token


def authenticate_token(*, secret: str, now: datetime) -> ApiToken | None:
    """The live token of the secret with its owner, or None. `last_used_at` moves at most once a minute."""
    live = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    tokens = ApiToken.objects.select_related("owner").filter(live, revoked_at__isnull=True)
    token = tokens.filter(digest=crypto.hash_token(secret)).first()
    if token is None or token.role_now is None:
        return None
    if token.last_used_at is not None and token.last_used_at > now - _SEEN_EVERY:
        return token
    ApiToken.objects.filter(Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - _SEEN_EVERY), pk=token.pk).update(
        last_used_at=now
    )
    return token


def actor_of_token(token: ApiToken, address: str = "") -> Actor:
    """For the audit entries of what a program does."""
    return Actor(ActorKind.TOKEN, token.name, token.pk, address)
