"""Writes of access keys, which programs sign requests with, and what a signed request leaves behind."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.accounts.models import AccessKey, AccessNonce, User
from tocsin.accounts.rules import Role, SigningKey, is_at_least
from tocsin.core import crypto
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import InvalidInputError, existing
from tocsin.core.storable import storable

_ID_MARK = "TCAK"
_ID_DIGITS, _SECRET_DIGITS = 20, 40
_SEEN_EVERY = timedelta(minutes=1)
_NONCES_KEPT_FOR = timedelta(hours=1)
"""Longer than a signed request's time is accepted, early and late together."""
_AT_ONCE = 10_000
_TAKE = "INSERT INTO accounts_accessnonce (digest, taken_at) VALUES (%s, %s) ON CONFLICT DO NOTHING"


def create_access_key(*, by: Actor, now: datetime, user_id: int, name: str, role: Role) -> tuple[AccessKey, str]:
    """The row and the secret, which is shown once. InvalidInputError also for a role above the user's."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise InvalidInputError({"user": _("There is no such active user.")})
    name = storable(name, 200).strip()
    if not 1 <= len(name) <= 64:
        raise InvalidInputError({"name": _("A key needs a name of 1 to 64 characters.")})
    if not is_at_least(user.role, role):
        problem = _("%(user)s may do less than this: a key's role is not above its user's.") % {"user": user}
        raise InvalidInputError({"role": problem})
    secret = crypto.to_base62(secrets.token_bytes(32), _SECRET_DIGITS)
    key = AccessKey(
        user=user,
        name=name,
        key_id=_ID_MARK + crypto.to_base62(secrets.token_bytes(16), _ID_DIGITS),
        secret=crypto.encrypt(secret, settings.SECRET_KEYS),
        role=role.value,
        created_at=now,
    )
    with transaction.atomic():
        try:
            with transaction.atomic():
                key.save(force_insert=True)
        except IntegrityError as error:
            problem = _("%(user)s has a key with the name %(name)s; choose another.") % {"user": user, "name": name}
            raise InvalidInputError({"name": problem}) from error
        changes = {"user": ("", user), "name": ("", name), "key_id": ("", key.key_id), "role": ("", role)}
        audit.record(by=by, action=Action.CREATE, instance=key, changes=changes)
    return key, secret


def disable_access_key(*, by: Actor, now: datetime, access_key_id: int) -> AccessKey:
    """Acts on the next request; disabling again changes nothing."""
    return _set_disabled_at(by, access_key_id, now)


def enable_access_key(*, by: Actor, now: datetime, access_key_id: int) -> AccessKey:
    return _set_disabled_at(by, access_key_id, None)


def take_nonce(*, key: SigningKey, nonce: str, now: datetime) -> bool:
    """False when a request of this key with this nonce was taken before. Notes the key's use, once a minute."""
    digest = crypto.hash_token(f"{key.key_id}\0{nonce}")
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [digest, now])
        is_new = bool(cursor.rowcount)
    if is_new and (key.last_used_at is None or key.last_used_at <= now - _SEEN_EVERY):
        AccessKey.objects.filter(pk=key.id).update(last_used_at=now)
    return is_new


def forget_nonces(now: datetime) -> int:
    """Those of requests whose time is long over; returns how many went."""
    old = AccessNonce.objects.filter(taken_at__lt=now - _NONCES_KEPT_FOR).values_list("pk", flat=True)[:_AT_ONCE]
    count, _by_table = AccessNonce.objects.filter(pk__in=list(old)).delete()
    return count


def actor_of_key(key: SigningKey, address: str = "") -> Actor:
    """The key's user, for the audit entries and timelines of what a program does on its behalf."""
    return Actor(ActorKind.USER, f"{key.user_name} ({key.name})", key.user_id, address)


def _set_disabled_at(by: Actor, access_key_id: int, at: datetime | None) -> AccessKey:
    with transaction.atomic():
        key = existing(
            AccessKey.objects.select_for_update().filter(pk=access_key_id).first(), _("There is no such access key.")
        )
        if (key.disabled_at is None) != (at is None):
            changes = {"disabled_at": (key.disabled_at or "", at or "")}
            key.disabled_at = at
            key.version += 1
            key.save(update_fields=["disabled_at", "version"])
            audit.record(by=by, action=Action.UPDATE, instance=key, changes=changes)
    return key
