"""What a user proves itself with beside the password: kept by allauth, audited here."""

from __future__ import annotations

from datetime import datetime

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.accounts.models import User
from tocsin.accounts.services.users import locked_user
from tocsin.core import crypto
from tocsin.core.actors import Actor

_SECRETS = frozenset({"secret", "seed"})
"""What allauth has encrypted among the data of an authenticator app and of recovery codes."""
_AT_ONCE = 1000


def record_second_factor(*, by: Actor, now: datetime, user: User, kind: str, before: str, after: str) -> None:
    """The audit entry of a change that allauth made, in the caller's transaction. `before`, `after`: "on", a name..."""
    audit.record(by=by, action=Action.UPDATE, instance=user, changes={kind: (before, after)})


def reset_second_factor(*, by: Actor, now: datetime, user_id: int) -> int:
    """Removes the authenticator app, passkeys and recovery codes; how many went. The password alone opens again."""
    with transaction.atomic():
        user = locked_user(user_id, None)
        gone = list(Authenticator.objects.filter(user_id=user.pk).order_by("type", "pk"))
        if not gone:
            return 0
        Authenticator.objects.filter(pk__in=[each.pk for each in gone]).delete()
        user.version += 1
        user.save(update_fields=["version"])
        changes = {"second factor": (", ".join(each.type for each in gone), "")}
        audit.record(by=by, action=Action.UPDATE, instance=user, changes=changes)
    return len(gone)


def reencrypt_second_factors() -> tuple[int, int]:
    """Secrets of authenticator apps and recovery codes under the first key: how many changed, how many none opens."""
    changed, unreadable = [], 0
    with transaction.atomic():
        for row in Authenticator.objects.select_for_update().order_by("pk"):
            for name in _SECRETS.intersection(row.data):
                new = crypto.renewed(row.data[name], settings.SECRET_KEYS)
                if not new:
                    unreadable += 1
                elif new != row.data[name]:
                    row.data[name] = new
                    changed.append(row)
        Authenticator.objects.bulk_update(changed, ["data"], batch_size=_AT_ONCE)
    return len(changed), unreadable
