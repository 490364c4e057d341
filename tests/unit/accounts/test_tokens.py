"""API tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from auditlog.models import LogEntry

from tocsin.accounts import services
from tocsin.accounts.models import ApiToken
from tocsin.accounts.rules import Permission, Role, Scope
from tocsin.core.actors import SHELL, Actor, ActorKind
from tocsin.core.errors import InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db


def test_the_secret_is_known_once_and_never_stored(now: datetime) -> None:
    token, secret = services.create_token(by=SHELL, now=now, name="ci", role=Role.MANAGER)

    assert secret.startswith("tct_")
    assert len(secret) == 36
    row = ApiToken.objects.values().get(pk=token.pk)
    assert secret not in str(row)
    assert row["prefix"] == secret[:8]
    assert secret not in str(LogEntry.objects.get().__dict__)


def test_a_token_authenticates_and_says_when_it_was_used(now: datetime) -> None:
    created, secret = services.create_token(by=SHELL, now=now, name="ci", role=Role.MANAGER)

    token = services.authenticate_token(secret=secret, now=now)

    assert token == created
    assert ApiToken.objects.get().last_used_at == now
    assert services.actor_of_token(created, "203.0.113.9") == Actor(ActorKind.TOKEN, "ci", created.pk, "203.0.113.9")


def test_the_last_use_is_written_once_a_minute(now: datetime) -> None:
    _, secret = services.create_token(by=SHELL, now=now, name="ci", role=Role.VIEWER)

    services.authenticate_token(secret=secret, now=now)
    services.authenticate_token(secret=secret, now=now + timedelta(seconds=59))
    assert ApiToken.objects.get().last_used_at == now

    services.authenticate_token(secret=secret, now=now + timedelta(seconds=60))
    assert ApiToken.objects.get().last_used_at == now + timedelta(seconds=60)


def test_a_wrong_or_revoked_secret_opens_nothing(now: datetime) -> None:
    token, secret = services.create_token(by=SHELL, now=now, name="ci", role=Role.VIEWER)

    services.revoke_token(by=SHELL, now=now, token_id=token.pk)

    assert services.authenticate_token(secret=secret, now=now) is None
    assert services.authenticate_token(secret="tct_guess", now=now) is None
    assert services.authenticate_token(secret="", now=now) is None


def test_revoking_again_changes_nothing(now: datetime) -> None:
    token, _ = services.create_token(by=SHELL, now=now, name="ci", role=Role.VIEWER)

    services.revoke_token(by=SHELL, now=now, token_id=token.pk)
    services.revoke_token(by=SHELL, now=now + timedelta(hours=1), token_id=token.pk)

    assert ApiToken.objects.get().revoked_at == now
    assert LogEntry.objects.count() == 2


@pytest.mark.parametrize("name", ["", "   ", "x" * 65])
def test_a_token_needs_a_fitting_name(now: datetime, name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        services.create_token(by=SHELL, now=now, name=name, role=Role.VIEWER)

    assert list(refused.value.fields) == ["name"]


def test_a_name_serves_one_token(now: datetime) -> None:
    services.create_token(by=SHELL, now=now, name="ci", role=Role.VIEWER)

    with pytest.raises(InvalidInputError, match="choose another"):
        services.create_token(by=SHELL, now=now, name="ci", role=Role.VIEWER)

    assert ApiToken.objects.count() == 1


def test_an_unknown_token_is_not_found(now: datetime) -> None:
    with pytest.raises(NotFoundError):
        services.revoke_token(by=SHELL, now=now, token_id=404)


def test_a_token_never_may_more_than_its_owner(now: datetime) -> None:
    manager = services.create_user(
        by=SHELL, now=now, username="mei", password="correct horse battery", role=Role.MANAGER
    )

    with pytest.raises(InvalidInputError) as refused:
        services.create_token(by=SHELL, now=now, name="ci", role=Role.ADMIN, owner=manager)
    token, _ = services.create_token(by=SHELL, now=now, name="ci", role=Role.MANAGER, owner=manager)
    services.set_role(by=SHELL, now=now, user_id=manager.pk, role=Role.VIEWER)

    assert list(refused.value.fields) == ["role"]
    assert ApiToken.objects.get(pk=token.pk).role_now is Role.VIEWER


def test_a_token_may_what_it_was_made_for_and_writing_includes_reading(now: datetime) -> None:
    token, _ = services.create_token(by=SHELL, now=now, name="ci", role=Role.MANAGER, scopes=[Scope.CONTACTS_WRITE])

    assert token.may(Permission.MANAGE, Scope.CONTACTS_WRITE)
    assert token.may(Permission.VIEW, Scope.CONTACTS_READ)
    assert not token.may(Permission.VIEW, Scope.ALERTS_READ)
    assert not token.may(Permission.ADMINISTER, Scope.CONTACTS_WRITE)


def test_a_token_may_end_by_itself_and_not_in_the_past(now: datetime) -> None:
    tomorrow = now + timedelta(days=1)
    _, secret = services.create_token(by=SHELL, now=now, name="ci", role=Role.VIEWER, expires_at=tomorrow)

    with pytest.raises(InvalidInputError) as refused:
        services.create_token(by=SHELL, now=now, name="x", role=Role.VIEWER, scopes=["all"], expires_at=now)

    assert sorted(refused.value.fields) == ["expires_at", "scopes"]
    assert services.authenticate_token(secret=secret, now=tomorrow - timedelta(seconds=1)) is not None
    assert services.authenticate_token(secret=secret, now=tomorrow) is None


def test_a_token_may_not_end_when_no_calendar_can_count(now: datetime) -> None:
    never = datetime.fromisoformat("9999-12-31T23:59:59-10:00")

    with pytest.raises(InvalidInputError) as refused:
        services.create_token(by=SHELL, now=now, name="x", role=Role.VIEWER, expires_at=never)

    assert list(refused.value.fields) == ["expires_at"]
