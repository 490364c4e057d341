"""Other systems' configurations, imported, applied and told by."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from tests.stories.harness import Story, begin
from tests.stories.programs import web_server
from tests.stories.test_apply import run
from tests.unit.files.test_alertmanager import FULL
from tests.web.arms.calling import program
from tocsin.core.clock import utc_now
from tocsin.policies.models import NotificationPolicy


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(FULL.replace("smtp_auth_password: mail-secret", "smtp_auth_password_file: password"))
    (tmp_path / "password").write_text("mail-secret\n")
    return path


def test_an_imported_alertmanager_is_applied_and_tells_its_receivers(
    story: Story, configuration: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = configuration.with_name("secrets.env")

    assert run("import", "alertmanager", configuration, "--env-file", secrets) == 0
    said = capsys.readouterr()
    for line in secrets.read_text().splitlines():
        name, _, value = shlex.split(line)[0].partition("=")
        monkeypatch.setenv(name, value)
    files = configuration.with_name("tocsin.yaml")
    files.write_text(said.out)

    assert run("apply", "-f", files) == 0
    capsys.readouterr()
    assert run("apply", "-f", files) == 0
    assert capsys.readouterr().out == "No changes.\n"
    assert os.stat(secrets).st_mode & 0o777 == 0o600
    assert "# - receivers[3].pagerduty_configs[1]: PagerDuty has no form here" in said.out
    assert "hooks.example.org" not in said.out + said.err
    assert said.err == "11 things could not be carried over; they stand at the top.\n"
    assert NotificationPolicy.objects.filter(is_enabled=True).count() == 3


def test_what_is_no_alertmanager_configuration_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text("scrape_configs: []\n")

    code = run("import", "alertmanager", file)

    assert (code, capsys.readouterr().err) == (
        1, f"file: {file}: This is no Alertmanager configuration: there is no route in it.\n"
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_an_installation_is_imported_through_its_own_arms_api(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = begin(utc_now())
    ann = story.contact("Ann")
    story.group(ann, name="Ops")
    key = program()
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", key.key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.secret)

    with web_server(tmp_path, faces="api,operator") as port:
        code = run("import", "arms", "--endpoint", f"http://127.0.0.1:{port}", "--json")
        found = json.loads(capsys.readouterr().out)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "another")
        refused = run("import", "arms", "--endpoint", f"http://127.0.0.1:{port}")

    assert (code, refused) == (0, 1)
    [contact] = found["document"]["contacts"]
    assert (contact["name"], contact["external_id"]) == ("Ann", f"arms-{ann.pk}")
    assert found["document"]["groups"] == [{"name": "Ops", "members": ["Ann"]}]
    assert "is refused: " in capsys.readouterr().err
