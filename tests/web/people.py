"""Users of every role for the tests of the web doors, signed in."""

from __future__ import annotations

from datetime import UTC, datetime

from django.test import Client

from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_user
from tocsin.core.actors import SHELL

PASSWORD = "correct horse battery"
_THEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def user_with(role: Role) -> User:
    """The user named after the role; made when there is none yet."""
    found = User.objects.filter(username=role.value).first()
    return found or create_user(by=SHELL, now=_THEN, username=role.value, password=PASSWORD, role=role)


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(user_with(role))
    return client
