"""What the first start makes, and later ones leave."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group

from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.channels.models import ProviderAccount
from tocsin.config.first_start import prepare
from tocsin.policies.models import NotificationPolicy

pytestmark = pytest.mark.django_db


def test_the_first_start_makes_an_administrator_the_roles_an_outbox_and_a_policy(now: datetime) -> None:
    password = prepare(now=now)

    admin = User.objects.get()
    assert password is not None
    assert admin.check_password(password)
    assert (admin.username, admin.is_superuser, admin.role) == ("admin", True, Role.ADMIN)
    assert set(Group.objects.values_list("name", flat=True)) == set(Role)
    assert sorted(ProviderAccount.objects.values_list("channel", flat=True)) == ["email", "phone", "sms"]
    assert list(NotificationPolicy.objects.values_list("is_enabled", flat=True)) == [False]


def test_later_starts_change_nothing(now: datetime) -> None:
    prepare(now=now)
    User.objects.update(username="ada")
    before = [list(model.objects.values()) for model in (User, ProviderAccount, NotificationPolicy)]

    assert prepare(now=now + timedelta(days=1)) is None

    assert [list(model.objects.values()) for model in (User, ProviderAccount, NotificationPolicy)] == before
