"""`tocsin integration`: a token is printed once, with what to write into prometheus.yml."""

from __future__ import annotations

import json

import pytest
import yaml

from tocsin.cli import main
from tocsin.events.models import Integration
from tocsin.events.queries import integration_for_token
from tocsin.events.recipes import prometheus_yml

pytestmark = pytest.mark.django_db


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(["integration", *words])
    return capsys.readouterr().out


def test_create_prints_the_token_and_a_snippet(capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(run(capsys, "create", "--name", "Prometheus", "--json"))

    assert made["name"] == "Prometheus"
    found = integration_for_token(made["token"])
    assert found is not None
    assert found.id == made["id"]
    [target] = yaml.safe_load(made["prometheus_yml"])["alerting"]["alertmanagers"]
    assert target == {
        "scheme": "https",
        "authorization": {"credentials": made["token"]},
        "static_configs": [{"targets": ["tocsin.example"]}],
    }
    said = run(capsys, "create", "--name", "Second")
    assert Integration.objects.get(name="Second").token_prefix in said


def test_list_shows_no_token(capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(run(capsys, "create", "--name", "Prometheus", "--json"))

    table, rows = run(capsys, "list"), json.loads(run(capsys, "list", "--json"))

    assert made["token"] not in table
    assert "Prometheus" in table
    assert [(row["name"], row["token"], row["is_enabled"]) for row in rows] == [
        ("Prometheus", made["token"][:8] + "...", True)
    ]


def test_rotate_token_replaces_it(capsys: pytest.CaptureFixture[str]) -> None:
    old = json.loads(run(capsys, "create", "--name", "Prometheus", "--json"))["token"]

    new = json.loads(run(capsys, "rotate-token", "Prometheus", "--json"))["token"]

    assert integration_for_token(old) is None
    assert integration_for_token(new) is not None


def test_what_cannot_be_done_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "create", "--name", "Prometheus")

    for words in (["create", "--name", "Prometheus"], ["rotate-token", "Grafana"]):
        with pytest.raises(SystemExit) as ended:
            main(["integration", *words])
        assert ended.value.code == 1
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_snippet_knows_an_address_under_a_path() -> None:
    [target] = yaml.safe_load(prometheus_yml("http://example.org:8080/tocsin/", "t"))["alerting"]["alertmanagers"]

    assert target["path_prefix"] == "/tocsin"
    assert target["static_configs"] == [{"targets": ["example.org:8080"]}]
