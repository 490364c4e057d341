"""`tocsin user`."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry

from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.cli.users import app
from tocsin.config.first_start import prepare
from tocsin.core.errors import NotFoundError

pytestmark = pytest.mark.django_db


def run(*words: str) -> None:
    app(list(words), result_action="return_value")


def test_a_lost_password_is_replaced_and_the_new_one_printed_alone(
    now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    first = prepare(now=now)

    run("password", "admin")

    printed = capsys.readouterr().out.strip()
    user = User.objects.get()
    assert user.check_password(printed)
    assert printed != first
    assert printed not in json.dumps([entry.changes for entry in LogEntry.objects.all()])


def test_the_list_says_what_each_may_do(now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(now=now)

    run("list", "--json")

    assert json.loads(capsys.readouterr().out) == [
        {"name": "admin", "role": "admin", "is_active": True, "last_login": None}
    ]


def test_a_user_that_is_not_there_is_refused(now: datetime) -> None:
    with pytest.raises(NotFoundError, match="`tocsin user list` shows"):
        run("password", "nobody")


def test_a_user_is_made_from_the_shell_with_a_password_that_is_printed_alone(
    now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(now=now)

    run("create", "rescue", "--role", "admin")

    user = User.objects.get(username="rescue")
    assert user.check_password(capsys.readouterr().out.strip())
    assert user.role is Role.ADMIN


def test_a_lost_second_factor_is_reset_from_the_shell(now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(now=now)
    user = User.objects.get()
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "v1:..."})

    run("reset-second-factor", "admin")
    run("reset-second-factor", "admin")

    assert capsys.readouterr().out.splitlines() == ["The second factor was reset.", "There was no second factor."]
    assert not Authenticator.objects.exists()
    assert LogEntry.objects.latest("pk").changes == {"second factor": ["totp", ""]}
