"""Other systems' configurations, imported, applied and told by."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from simulators.goalert import GoAlertSimulator
from simulators.grafana_oncall import GrafanaOnCallSimulator
from tests.stories.harness import Story, begin
from tests.stories.programs import web_server
from tests.stories.test_apply import run
from tests.unit.files.test_alertmanager import FULL
from tests.unit.files.test_goalert import DATA as GOALERT
from tests.unit.files.test_oncall import ANSWERS as ONCALL
from tests.web.arms.calling import program
from tocsin.contacts.models import Contact
from tocsin.core.clock import utc_now
from tocsin.oncall.models import Schedule
from tocsin.policies.models import EscalationPolicy, NotificationPolicy


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
    assert said.err == "10 things could not be carried over; see the top.\n"
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


def _set(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in secrets.read_text().splitlines():
        name, _, value = shlex.split(line)[0].partition("=")
        monkeypatch.setenv(name, value or "https://tickets.example.org/by-hand")


def _applied_twice(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("apply", "-f", files) == 0
    capsys.readouterr()
    assert run("apply", "-f", files) == 0
    assert capsys.readouterr().out == "No changes.\n"


def test_an_imported_grafana_oncall_is_applied_and_applying_again_changes_nothing(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets.env"
    monkeypatch.setenv("GRAFANA_ONCALL_ACCESS_TOKEN", "meowmeowmeow")

    with GrafanaOnCallSimulator(ONCALL) as oncall:
        code = run("import", "oncall", "--endpoint", oncall.url, "--env-file", secrets)
    said = capsys.readouterr()
    _set(secrets, monkeypatch)
    files = tmp_path / "oncall.yaml"
    files.write_text(said.out)

    assert code == 0
    _applied_twice(files, capsys)
    assert "/api/v1/users/?page=2" in oncall.requests
    bob = Contact.objects.get(name="bob")
    assert (bob.phone, bob.phone_verified_at) == ("+14155550123", None)
    severe = EscalationPolicy.objects.get(name="Severe")
    assert NotificationPolicy.objects.filter(is_enabled=True, current__escalation=severe).count() == 2
    assert Schedule.objects.get(name="Primary").layers.count() == 2


def test_what_was_kept_of_grafana_oncall_is_read_from_a_folder_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = {"count": 5, "next": "https://oncall.example.org/api/v1/users/?page=2", "results": ONCALL["users"][:2]}
    (tmp_path / "users.json").write_text(json.dumps(page))
    (tmp_path / "users-2.json").write_text(json.dumps({"count": 5, "next": None, "results": ONCALL["users"][2:]}))
    (tmp_path / "teams.json").write_text(json.dumps(ONCALL["teams"]))

    assert run("import", "oncall", tmp_path, "--json") == 0
    found = json.loads(capsys.readouterr().out)

    assert [one["name"] for one in found["document"]["contacts"]] == ["alex", "bob", "cam"]
    assert "users: only 4 of 5 are there; the other pages are not carried" in found["notes"]
    assert "schedules: is not there; what it lists is not carried" in found["notes"]


def test_a_grafana_oncall_that_refuses_is_one_line_without_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_ONCALL_ACCESS_TOKEN", "another-k3y")

    with GrafanaOnCallSimulator(ONCALL) as oncall:
        codes = [run("import", "oncall", "--endpoint", oncall.url)]
        oncall.retry_after = 40
        codes.append(run("import", "oncall", "--endpoint", oncall.url))
    codes += [run("import", "oncall"), run("import", "oncall", tmp_path)]

    said = capsys.readouterr().err.splitlines()
    assert codes == [1, 1, 1, 1]
    assert said[0].endswith("/api/v1/users/ answers 403. Is this OnCall's own address, and the key its?")
    assert said[1].endswith("has been asked too often; it asks to wait 40 s. Try again later.")
    assert said[2] == "source: Name a folder or file, or --endpoint: one of the two."
    assert "there is nothing of Grafana OnCall's in it" in said[3]
    assert "another-k3y" not in "".join(said)


def test_an_imported_goalert_is_applied_and_applying_again_changes_nothing(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets.env"
    monkeypatch.setenv("GOALERT_API_KEY", "k3y")
    assert run("import", "goalert", "--query") == 0
    query = capsys.readouterr().out

    with GoAlertSimulator(GOALERT, query=query) as goalert:
        code = run("import", "goalert", "--endpoint", goalert.url, "--env-file", secrets)
    said = capsys.readouterr()
    _set(secrets, monkeypatch)
    files = tmp_path / "goalert.yaml"
    files.write_text(said.out)

    assert code == 0
    _applied_twice(files, capsys)
    assert goalert.asked == [{}, {"users": "2", "services": "2", "escalationPolicies": "2"}]
    jane = Contact.objects.get(name="Jane")
    assert (jane.phone, jane.phone_verified_at) == ("+14155550100", None)
    assert set(NotificationPolicy.objects.filter(is_enabled=True).values_list("name", flat=True)) == {"Billing", "Mail"}


def test_a_goalert_whose_key_belongs_to_another_query_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOALERT_API_KEY", "k3y")
    kept = tmp_path / "goalert.json"
    kept.write_text(
        json.dumps({"data": {"users": {**GOALERT["users"], "pageInfo": {"hasNextPage": True, "endCursor": "c"}}}})
    )

    with GoAlertSimulator(GOALERT, query="query Other { users { nodes { id } } }") as goalert:
        refused = run("import", "goalert", "--endpoint", goalert.url)
    assert refused == 1
    assert capsys.readouterr().err.endswith("/api/graphql: GoAlert says: wrong query for API key\n")

    assert run("import", "goalert", kept, "--json") == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert "users: only 3 are there; the other pages are not carried" in notes
    assert "services: are not in the answer and are not carried" in notes
