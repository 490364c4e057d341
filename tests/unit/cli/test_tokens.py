"""`tocsin api-token`."""

from __future__ import annotations

import json

import pytest

from tocsin.accounts.models import ApiToken
from tocsin.accounts.rules import Role
from tocsin.accounts.services import authenticate_token, create_user
from tocsin.cli.tokens import app
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db


def run(*words: str) -> None:
    app(list(words), result_action="return_value")


def test_a_new_token_is_printed_alone_so_that_scripts_can_take_it(capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "ci", "--role", "manager")

    secret = capsys.readouterr().out.strip()
    token = authenticate_token(secret=secret, now=utc_now())
    assert token is not None
    assert (token.name, token.role) == ("ci", "manager")


def test_as_json_it_comes_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "ci", "--role", "viewer", "--json")

    printed = json.loads(capsys.readouterr().out)
    assert (printed["name"], printed["role"], printed["prefix"]) == ("ci", "viewer", printed["token"][:8])


def test_the_list_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "ci", "--role", "viewer")
    secret = capsys.readouterr().out.strip()

    run("list")
    table = capsys.readouterr().out
    run("list", "--json")
    rows = json.loads(capsys.readouterr().out)

    assert secret not in table
    assert "ci" in table
    assert [(row["name"], row["last_used_at"], row["revoked_at"]) for row in rows] == [("ci", None, None)]


def test_a_revoked_token_opens_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "ci", "--role", "viewer")
    secret = capsys.readouterr().out.strip()

    run("revoke", "ci")

    assert authenticate_token(secret=secret, now=utc_now()) is None
    assert ApiToken.objects.get().revoked_at is not None


def test_a_taken_name_and_an_unknown_one_are_refused() -> None:
    run("create", "--name", "ci", "--role", "viewer")

    with pytest.raises(InvalidInputError):
        run("create", "--name", "ci", "--role", "viewer")
    with pytest.raises(NotFoundError, match="api-token list"):
        run("revoke", "nobody")


def test_what_a_token_is_for_whose_it_is_and_when_it_ends_can_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    create_user(by=SHELL, now=utc_now(), username="mei", password="correct horse battery", role=Role.MANAGER)

    run("create", "--name", "hr", "--role", "manager", "--scope", "contacts:write", "--scope", "alerts:read",
        "--owner", "mei", "--expires-in-days", "30", "--json")  # fmt: skip
    made = json.loads(capsys.readouterr().out)

    assert (made["scopes"], made["owner"]) == (["contacts:write", "alerts:read"], "mei")
    assert made["expires_at"] is not None
    with pytest.raises(InvalidInputError, match="contacts:read"):
        run("create", "--name", "x", "--role", "viewer", "--scope", "everything")
    with pytest.raises(NotFoundError, match="user list"):
        run("create", "--name", "x", "--role", "viewer", "--owner", "nobody")
