"""`tocsin integration`."""

from __future__ import annotations

import json

import pytest

from tocsin.cli.integrations import app
from tocsin.core.errors import InvalidInputError, NotFoundError
from tocsin.events.models import Integration
from tocsin.events.queries import integration_for_token

pytestmark = pytest.mark.django_db


def run(*words: str) -> None:
    app(list(words), result_action="return_value")


def test_a_new_token_is_printed_once_with_what_to_write_into_prometheus(capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "Prometheus")

    printed = capsys.readouterr().out
    token = next(word for word in printed.split() if word.startswith("tci_"))
    key = integration_for_token(token)
    assert key is not None
    assert key.name == "Prometheus"
    assert f"credentials: {token}" in printed
    assert "targets: ['tocsin.example']" in printed


def test_as_json_it_can_be_taken_by_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "Prometheus", "--auto-resolve", "600", "--json")

    printed = json.loads(capsys.readouterr().out)
    integration = Integration.objects.get()
    assert (printed["id"], printed["name"], integration.auto_resolve_seconds) == (integration.pk, "Prometheus", 600)
    assert integration_for_token(printed["token"]) is not None


def test_the_list_shows_no_token(capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "Prometheus", "--json")
    token = json.loads(capsys.readouterr().out)["token"]

    run("list")
    table = capsys.readouterr().out
    run("list", "--json")
    rows = capsys.readouterr().out

    assert "Prometheus" in table
    assert token not in table + rows
    assert [(row["name"], row["is_enabled"]) for row in json.loads(rows)] == [("Prometheus", True)]


def test_a_rotated_token_replaces_the_old_one(capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "Prometheus", "--json")
    old = json.loads(capsys.readouterr().out)["token"]

    run("rotate-token", "Prometheus", "--json")

    new = json.loads(capsys.readouterr().out)["token"]
    assert integration_for_token(new) is not None
    assert integration_for_token(old) is None


def test_a_taken_name_and_an_unknown_one_are_refused() -> None:
    run("create", "--name", "Prometheus")

    with pytest.raises(InvalidInputError):
        run("create", "--name", "Prometheus")
    with pytest.raises(NotFoundError, match="Prometheus"):
        run("rotate-token", "nobody")
