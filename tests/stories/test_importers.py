"""Other systems' configurations, imported, applied and told by."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests.stories.harness import Story
from tests.stories.test_apply import run
from tests.unit.files.test_alertmanager import FULL
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
