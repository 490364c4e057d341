"""`tocsin user`."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from auditlog.models import LogEntry

from tocsin.accounts.models import User
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
