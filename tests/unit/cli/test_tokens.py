"""`tocsin api-token`."""

from __future__ import annotations

import json

import pytest

from tocsin.accounts.models import ApiToken
from tocsin.accounts.services import authenticate_token
from tocsin.cli.tokens import app
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
