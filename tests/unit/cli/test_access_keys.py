"""`tocsin access-key`."""

from __future__ import annotations

import json

import pytest

from tests.web.people import user_with
from tocsin.accounts.models import AccessKey
from tocsin.accounts.queries import find_signing_key
from tocsin.accounts.rules import Role
from tocsin.cli.access_keys import app
from tocsin.core.errors import InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db


def run(*words: str) -> None:
    app(list(words), result_action="return_value")


def made(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    run("create", "--user", "manager", "--name", "sync", "--json", *words)
    printed: dict[str, str] = json.loads(capsys.readouterr().out)
    return printed


def test_a_new_key_and_its_secret_are_printed_this_once(capsys: pytest.CaptureFixture[str]) -> None:
    user_with(Role.MANAGER)

    printed = made(capsys)

    key = find_signing_key(printed["access_key_id"])
    assert key is not None
    assert (key.secret, key.role) == (printed["access_key_secret"], Role.MANAGER)
    run("list")
    run("list", "--json")
    listed = capsys.readouterr().out
    assert printed["access_key_id"] in listed
    assert printed["access_key_secret"] not in listed


def test_a_role_below_the_users_can_be_given_and_none_above(capsys: pytest.CaptureFixture[str]) -> None:
    user_with(Role.MANAGER)

    assert made(capsys, "--role", "viewer")["role"] == "viewer"
    with pytest.raises(InvalidInputError, match="role"):
        run("create", "--user", "manager", "--name", "more", "--role", "admin")
    with pytest.raises(InvalidInputError, match="name"):
        run("create", "--user", "manager", "--name", "sync")
    with pytest.raises(NotFoundError, match="user list"):
        run("create", "--user", "nobody", "--name", "sync")


def test_a_key_is_disabled_and_enabled_by_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    user_with(Role.MANAGER)
    key_id = made(capsys)["access_key_id"]

    run("disable", key_id)
    assert AccessKey.objects.get().disabled_at is not None
    run("enable", key_id)
    assert AccessKey.objects.get().disabled_at is None
    with pytest.raises(NotFoundError, match="access-key list"):
        run("disable", "TCAKnobody")
