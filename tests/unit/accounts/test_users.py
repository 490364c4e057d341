"""Users, their roles and passwords."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import AnonymousUser, Group

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.accounts.queries import role_of
from tocsin.accounts.rules import Permission, Role, is_allowed
from tocsin.core.actors import SHELL, Actor, ActorKind
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def make(now: datetime, name: str, role: Role = Role.ADMIN, **fields: Any) -> User:
    return services.create_user(by=SHELL, now=now, username=name, password=PASSWORD, role=role, **fields)


def test_a_created_user_has_the_role_and_the_password(now: datetime) -> None:
    user = make(now, "ann", Role.RESPONDER, full_name="Ann Li", email="ann@example.org", time_zone="Asia/Shanghai")

    read = User.objects.get(pk=user.pk)
    assert role_of(read) is Role.RESPONDER
    assert read.check_password(PASSWORD)
    assert (read.get_full_name(), read.email, read.time_zone) == ("Ann Li", "ann@example.org", "Asia/Shanghai")
    assert read.date_joined == now


def test_creating_a_user_is_audited_without_the_password(now: datetime) -> None:
    make(now, "ann", Role.VIEWER)

    entry = LogEntry.objects.get()
    assert entry.changes_dict == {"username": ["", "ann"], "role": ["", "viewer"], "password": ["", "***"]}
    assert PASSWORD not in str(entry.__dict__)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("username", {"username": "an n!"}),
        ("username", {"username": ""}),
        ("password", {"password": "short"}),
        ("password", {"password": "password1234"}),
        ("email", {"email": "nowhere"}),
        ("language", {"language": "tlh"}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
    ],
)
def test_a_bad_field_is_refused_by_its_name(now: datetime, field: str, given: dict[str, str]) -> None:
    wanted: dict[str, Any] = {"username": "ann", "password": PASSWORD, "role": Role.VIEWER, **given}

    with pytest.raises(InvalidInputError) as refused:
        services.create_user(by=SHELL, now=now, **wanted)

    assert list(refused.value.fields) == [field]
    assert not User.objects.exists()


def test_a_taken_name_is_refused_whatever_its_case(now: datetime) -> None:
    make(now, "ann")

    with pytest.raises(InvalidInputError) as refused:
        make(now, "ANN")

    assert refused.value.fields == {"username": "The name ANN is taken; choose another."}


def test_a_role_replaces_the_one_before(now: datetime) -> None:
    make(now, "root")
    user = make(now, "ann", Role.VIEWER)

    services.set_role(by=SHELL, now=now, user_id=user.pk, role=Role.MANAGER)

    read = User.objects.get(pk=user.pk)
    assert role_of(read) is Role.MANAGER
    assert [group.name for group in read.groups.all()] == ["manager"]
    assert read.version == 2


def test_other_groups_are_no_roles_and_stay(now: datetime) -> None:
    user = make(now, "ann", Role.VIEWER)
    user.groups.add(Group.objects.create(name="night shift"))

    services.set_role(by=SHELL, now=now, user_id=user.pk, role=Role.RESPONDER)

    read = User.objects.get(pk=user.pk)
    assert role_of(read) is Role.RESPONDER
    assert sorted(group.name for group in read.groups.all()) == ["night shift", "responder"]


def test_the_highest_group_counts(now: datetime) -> None:
    user = make(now, "ann", Role.VIEWER)
    user.groups.add(Group.objects.create(name="manager"))

    assert role_of(User.objects.get(pk=user.pk)) is Role.MANAGER


def test_visitors_and_the_disabled_have_no_role(now: datetime) -> None:
    make(now, "root")
    user = make(now, "ann", Role.MANAGER)

    services.change_user(by=SHELL, now=now, user_id=user.pk, is_active=False)

    assert role_of(User.objects.get(pk=user.pk)) is None
    assert role_of(AnonymousUser()) is None


def test_a_superuser_is_an_administrator(now: datetime) -> None:
    user = User.objects.create_superuser("root", password=PASSWORD)

    assert role_of(user) is Role.ADMIN


def test_the_only_administrator_cannot_be_demoted_or_disabled(now: datetime) -> None:
    user = make(now, "root")

    with pytest.raises(ConflictError, match="only administrator"):
        services.set_role(by=SHELL, now=now, user_id=user.pk, role=Role.MANAGER)
    with pytest.raises(ConflictError, match="only administrator"):
        services.change_user(by=SHELL, now=now, user_id=user.pk, is_active=False)

    assert role_of(User.objects.get(pk=user.pk)) is Role.ADMIN


def test_nobody_disables_themselves(now: datetime) -> None:
    make(now, "root")
    user = make(now, "ann")

    with pytest.raises(ConflictError, match="your own account"):
        services.change_user(by=Actor(ActorKind.USER, "ann", user.pk), now=now, user_id=user.pk, is_active=False)


def test_a_change_on_an_old_version_is_refused(now: datetime) -> None:
    user = make(now, "ann")
    services.change_user(by=SHELL, now=now, user_id=user.pk, version=1, email="a@example.org")

    with pytest.raises(ConflictError, match="Somebody changed this"):
        services.change_user(by=SHELL, now=now, user_id=user.pk, version=1, email="b@example.org")

    assert User.objects.get(pk=user.pk).email == "a@example.org"


def test_an_unchanged_user_keeps_its_version_and_leaves_no_entry(now: datetime) -> None:
    user = make(now, "ann", email="a@example.org")

    services.change_user(by=SHELL, now=now, user_id=user.pk, email="a@example.org")

    assert User.objects.get(pk=user.pk).version == 1
    assert LogEntry.objects.count() == 1


def test_a_new_password_replaces_the_old_one(now: datetime) -> None:
    user = make(now, "ann")

    services.set_password(by=SHELL, now=now, user_id=user.pk, password="another long sentence")

    read = User.objects.get(pk=user.pk)
    assert read.check_password("another long sentence")
    assert not read.check_password(PASSWORD)


def test_a_weak_new_password_is_refused(now: datetime) -> None:
    user = make(now, "ann")

    with pytest.raises(InvalidInputError) as refused:
        services.set_password(by=SHELL, now=now, user_id=user.pk, password="ann")

    assert list(refused.value.fields) == ["password"]
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_an_unknown_user_is_not_found(now: datetime) -> None:
    with pytest.raises(NotFoundError):
        services.set_role(by=SHELL, now=now, user_id=404, role=Role.VIEWER)


def test_each_role_may_what_those_before_it_may() -> None:
    allowed = {role: [permission for permission in Permission if is_allowed(role, permission)] for role in Role}

    assert allowed == {
        Role.VIEWER: [Permission.VIEW],
        Role.RESPONDER: [Permission.VIEW, Permission.RESPOND],
        Role.MANAGER: [Permission.VIEW, Permission.RESPOND, Permission.REVEAL, Permission.MANAGE],
        Role.ADMIN: list(Permission),
    }
    assert not any(is_allowed(None, permission) for permission in Permission)
