"""What an installation needs before anybody uses it. Every start calls it; it adds only what is missing."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.contrib.auth.models import Group
from django.db import transaction

from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_user
from tocsin.channels.services import ensure_outbox_accounts
from tocsin.core.actors import SYSTEM
from tocsin.policies.services import ensure_catch_all

ADMIN = "admin"


def prepare(*, now: datetime) -> str | None:
    """The generated password of the administrator that it made, because there was no user yet; else None."""
    with transaction.atomic():
        Group.objects.bulk_create([Group(name=role.value) for role in Role], ignore_conflicts=True)
        ensure_outbox_accounts(now=now)
        ensure_catch_all(now=now)
        return None if User.objects.exists() else _create_admin(now)


def _create_admin(now: datetime) -> str:
    password = secrets.token_urlsafe(15)
    user = create_user(by=SYSTEM, now=now, username=ADMIN, password=password, role=Role.ADMIN)
    user.is_superuser = user.is_staff = True
    user.save(update_fields=["is_superuser", "is_staff"])
    return password
