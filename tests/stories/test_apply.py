"""`tocsin apply`, `dump` and `schema`: what is configured, as files."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from auditlog.models import LogEntry
from django.db import connection
from jsonschema import Draft202012Validator

from tests.stories.harness import ADMIN, Story, begin
from tocsin.channels.models import ProviderAccount
from tocsin.cli import main
from tocsin.contacts.models import Contact, ContactGroup, NotificationObject, Robot, Webhook
from tocsin.contacts.services import create_robot, delete_contacts, update_contact
from tocsin.core import phones
from tocsin.core.clock import utc_now
from tocsin.events.models import Integration
from tocsin.events.services import create_integration, delete_integration
from tocsin.files.rules.kinds import KINDS
from tocsin.files.rules.schema import json_schema
from tocsin.oncall.models import Schedule
from tocsin.policies.models import EscalationPolicy, Inhibition, NotificationPolicy, SilencePolicy
from tocsin.policies.services import create_policy
from tocsin.policies.services.silences import create_silence

pytestmark = pytest.mark.django_db
EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "files"
SECRETS = {
    "OPERATIONS_ROBOT_URL": "https://oapi.dingtalk.com/robot/send?access_token=robot-secret",
    "TICKETS_URL": "https://tickets.example.org/hook/ticket-secret",
    "TICKETS_TOKEN": "Bearer ticket-token",
    "SMTP_PASSWORD": "mail-secret",
}
TABLES = (Contact, ContactGroup, Robot, Webhook, Integration, Schedule, NotificationPolicy,
          SilencePolicy, Inhibition, ProviderAccount)  # fmt: skip


def run(*words: object) -> int:
    """The exit code."""
    try:
        main([*map(str, words)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def to_file(text: str, name: str = "tocsin.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def counts() -> list[int]:
    escalations = EscalationPolicy.objects.filter(deleted_at__isnull=True)
    return [*(model.objects.count() for model in TABLES), escalations.count()]


def test_the_example_makes_an_installation_and_the_same_again_changes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = run("apply", "-f", EXAMPLE)
    said = capsys.readouterr().out
    audited = LogEntry.objects.count()

    again = run("apply", "-f", EXAMPLE)

    assert (first, again) == (0, 0)
    assert "+ notification policy Databases" in said
    assert "Token of the integration Prometheus, shown this once: tci_" in said
    assert capsys.readouterr().out == "No changes.\n"
    assert LogEntry.objects.count() == audited
    assert list(NotificationPolicy.objects.values_list("name", flat=True)) == ["Databases", "Everything else"]


def test_what_a_dump_writes_is_no_change_and_makes_the_same_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("apply", "-f", EXAMPLE)
    capsys.readouterr()
    assert run("dump", tmp_path / "dump") == 0
    run("dump", "--name-secrets")
    named = capsys.readouterr()
    named_out = named.out[named.out.index("contacts:") :]

    assert run("apply", "-f", tmp_path / "dump", "--prune", "--yes") == 0
    assert capsys.readouterr().out.endswith("No changes.\n")

    before = (tmp_path / "dump" / "policies.yaml").read_text()
    with connection.cursor() as cursor:
        tables = ", ".join(model._meta.db_table for model in (NotificationObject, EscalationPolicy, *TABLES))
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {tables} CASCADE")
    assert counts() == [0] * (len(TABLES) + 1)
    for line in named.err.splitlines():
        monkeypatch.setenv(line.split()[0], SECRETS["OPERATIONS_ROBOT_URL"])
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(named_out, encoding="utf-8")
    assert run("apply", "-f", elsewhere) == 0
    run("dump", tmp_path / "again")
    assert (tmp_path / "again" / "policies.yaml").read_text() == before
    assert {path.name for path in (tmp_path / "again").iterdir()} == {f"{kind}.yaml" for kind in KINDS}


def test_a_dump_into_the_same_folder_forgets_what_is_gone(story: Story, tmp_path: Path) -> None:
    folder = tmp_path / "dump"
    ann = story.contact("Ann")
    story.group(ann, name="Ops")
    run("dump", folder, "--only", "groups", "--only", "contacts")
    ContactGroup.objects.all().delete()

    run("dump", folder)

    assert (folder / "groups.yaml").read_text() == "groups: []\n"
    assert run("apply", "-f", folder, "--dry-run") == 0


def test_no_secret_leaves_in_a_dump_or_a_difference(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run("apply", "-f", EXAMPLE, "--dry-run", "--json")
    run("apply", "-f", EXAMPLE)
    run("dump")
    run("dump", "--json")
    run("dump", "--name-secrets")

    said = "".join(capsys.readouterr())

    assert not [value for value in SECRETS.values() if value in said or value.split("=")[-1] in said]


def test_a_dry_run_shows_the_difference_and_writes_nothing(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = write("contacts:\n  - {name: Ann, email: ann@example.org}\n")

    code = run("apply", "-f", file, "--dry-run")

    assert code == 3
    assert capsys.readouterr().out == (
        "+ contact Ann\n    email: ann@example.org\nWould be 1 created. Nothing was written.\n"
    )
    assert (Contact.objects.count(), LogEntry.objects.count()) == (0, 0)
    assert run("apply", "-f", file) == 0
    assert run("apply", "-f", file, "--dry-run") == 0


def test_everything_wrong_is_said_at_once_with_file_line_and_field(
    write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(
        "contacts:\n"
        "  - name: Ann\n"
        "    phone: 12\n"
        "  - name: Bob\n"
        "    email: bob@example.org\n"
        "policies:\n"
        "  - name: All\n"
        "    tells:\n"
        "      Ann: [sms]\n"
        "  - name: Others\n"
        "    tells: {Carla: [sms]}\n"
        "    repeat_minutes: 5\n"
        "silences:\n"
        "  - name: Nothing\n"
        "    rules: []\n"
    )

    code = run("apply", "-f", file)

    lines = capsys.readouterr().err.splitlines()
    assert code == 1
    assert lines[0].startswith(f"{file}:3: contacts[1] 'Ann' phone: ")
    assert lines[1] == f"{file}:11: policies[2] 'Others' tells: there is nothing of the name 'Carla'"
    assert lines[2].startswith(f"{file}:15: silences[1] 'Nothing' rules: Name at least one condition")
    assert lines[3] == "3 problems; nothing was written."
    assert (Contact.objects.count(), NotificationPolicy.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("contacts:\n  - nam: Ann\n", "2: contacts[1]: knows no 'nam'; it knows name, phone"),
        ("contacts:\n  - {name: A, user-id: x}\n", ". Did you mean user_id?"),
        ("contact: []\n", "1: knows no 'contact'; it knows contacts, groups"),
        ("contacts: {a: b}\n", "1: contacts: must be a list"),
        ("contacts:\n  - {name: A, name: B}\n", "2: contacts[1]: has 'name' twice"),
        ("groups:\n  - name: A\n  - name: A\n", "3: groups[2] 'A' name: stands there twice: first in"),
        ("policies:\n  - name: A\n    state: on\n", "3: policies[1].state: must be one of enabled, shadow, disabled"),
        ("policies:\n  - name: A\n    severity_limits: {phone: bad}\n", "phone: must be a severity from P1"),
        ("policies:\n  - name: A\n    tells: {X: [fax]}\n", "policies[1].tells.X[1]: must be one of phone, sms"),
        ("robots:\n  - {name: R, platform: lark, url: 'https://x'}\n", "url: names where the secret is, never"),
        ("robots:\n  - {name: R, platform: lark}\n", "url: is needed for a new one: {env: VARIABLE} or {file: PATH}"),
        ("robots:\n  - {name: R, platform: lark, url: {env: NOT_SET}}\n", "the environment has no NOT_SET; set it"),
        ("robots:\n  - {name: R, platform: lark, url: {file: none}}\n", "none: No such file or directory"),
        ("accounts:\n  - {name: M, provider: smtp, settings: {password: x}}\n", "settings.password: is a secret"),
        ("accounts:\n  - {name: M, provider: fax}\n", "2: accounts[1] 'M' provider: "),
        ("silences:\n  - {name: S, rules: [{a: b}], effect: period, ends_at: later}\n", "ends_at: must be a moment"),
        ("escalations:\n  - {name: E, steps: [{after_minutes: 100, tells: {}}]}\n", "a whole number from 1 to 90"),
        ("schedules:\n  - name: S\n    layers:\n      - {people: [X], unit: days, starts_on: '2026-11-30', "
         "handover_time: 9}\n", "3: schedules[1] 'S' layers.0.people: there is nothing of the name 'X'"),
        ("a: [\n", "is not YAML"),
        ('contacts:\n  - name: "a\\0b"\n', "2: holds a character that cannot be stored, such as NUL"),
        ('policies:\n  - {name: P, rules: [{"\\ud800": x}]}\n', "2: holds a character that cannot be stored"),
        ("- a\n", "1: must have keys: contacts"),
        ("contacts:\n  - &a {name: A, email: *a}\n", "email: must be text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_way_out(
    text: str, problem: str, write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("apply", "-f", write(text))

    assert code == 1
    assert problem in capsys.readouterr().err
    assert counts() == [0] * (len(TABLES) + 1)


def test_a_file_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch, story: Story) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("contacts: [{name: Ann, email: ann@example.org}]"))

    assert run("apply", "-f", "-") == 0
    assert Contact.objects.get().name == "Ann"


def test_a_problem_is_json_too(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = write("contacts:\n  - {name: Ann}\n")

    code = run("apply", "-f", file, "--json")

    assert code == 1
    assert json.loads(capsys.readouterr().out) == {
        "written": False,
        "problems": [
            {"file": str(file), "line": 2, "place": "contacts[1] 'Ann'",
             "problem": "Give a phone number or an email address, or both."}
        ],
    }  # fmt: skip


def test_what_is_left_out_of_an_object_has_its_default_again(write: Any) -> None:
    run("apply", "-f", write("contacts:\n  - {name: Ann, email: a@example.org, language: en, external_id: E1}\n"))

    run("apply", "-f", write("contacts:\n  - {name: Ann, email: a@example.org}\n"))

    ann = Contact.objects.get()
    assert (ann.language, ann.external_id) == ("", "E1")


def test_a_secret_that_is_not_named_stays(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run("apply", "-f", EXAMPLE)
    capsys.readouterr()

    run("apply", "-f", write("robots:\n  - {name: Operations, platform: dingtalk, keyword: alarm}\n"))

    robot = Robot.objects.get()
    assert (robot.url, robot.keyword) == (SECRETS["OPERATIONS_ROBOT_URL"], "alarm")
    assert "keyword: alert -> alarm" in capsys.readouterr().out


def test_a_secret_that_changed_is_a_change_that_is_not_shown(
    write: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("apply", "-f", EXAMPLE)
    monkeypatch.setenv("SMTP_PASSWORD", "another-secret")
    capsys.readouterr()

    run("apply", "-f", EXAMPLE)

    assert capsys.readouterr().out.startswith("~ provider account Company mail\n    settings: ")
    assert "another-secret" in ProviderAccount.objects.get(name="Company mail").config


def test_only_what_is_named_is_touched(write: Any, story: Story) -> None:
    story.contact("Bob")
    create_robot(by=ADMIN, now=story.now, name="Old", platform="lark",
                 url="https://open.larksuite.com/open-apis/bot/v2/hook/0123")  # fmt: skip

    run("apply", "-f", write("contacts:\n  - {name: Ann, email: ann@example.org}\n"))

    assert sorted(Contact.objects.values_list("name", flat=True)) == ["Ann", "Bob"]
    assert Robot.objects.get().name == "Old"


def test_pruning_shows_who_loses_something_and_asks(
    write: Any, capsys: pytest.CaptureFixture[str], story: Story
) -> None:
    bob = story.contact("Bob")
    story.policy({bob: ["sms"]}, name="All")
    file = write(
        "contacts:\n  - {name: Ann, email: ann@example.org}\npolicies:\n  - {name: Other, tells: {Ann: [email]}}\n"
    )
    with_policy = write(
        "contacts:\n  - {name: Ann, email: ann@example.org}\npolicies:\n  - {name: All, tells: {Bob: [sms]}}\n",
        "all.yaml",
    )

    unasked = run("apply", "-f", file, "--prune")

    said = capsys.readouterr()
    assert unasked == 1
    assert "- contact Bob" in said.out
    assert "- notification policy All" in said.out
    assert "! policy All no longer tells Bob" in said.out
    assert "would be deleted; --yes says that this is meant. Nothing was written." in said.err
    assert Contact.objects.get().name == "Bob"
    assert run("apply", "-f", with_policy, "--prune", "--dry-run") == 1
    assert "contact 'Bob': would be deleted, and policy All names it; put it" in capsys.readouterr().err
    assert run("apply", "-f", file, "--prune", "--yes") == 0
    assert Contact.objects.get().name == "Ann"


def test_pruning_leaves_kinds_that_no_file_has_and_silences_for_a_time(
    write: Any, capsys: pytest.CaptureFixture[str], story: Story
) -> None:
    bob = story.contact("Bob")
    story.policy({bob: ["sms"]}, name="All")
    rules = [[{"key": "instance", "operator": "eq", "value": "db1"}]]
    ends_at = utc_now() + timedelta(hours=1)
    create_silence(by=ADMIN, now=utc_now(), name="By amtool", rules=rules, effect="period", ends_at=ends_at)
    silences = write("silences:\n  - {name: Tests, rules: [{env: test}]}\n")
    empty = write("# all of it moved elsewhere\n", "empty.yaml")

    pruned = run("apply", "-f", silences, "--prune", "--yes")
    refused = run("apply", "-f", empty, "--prune", "--yes")

    assert (pruned, refused) == (0, 1)
    assert "the files name nothing" in capsys.readouterr().err
    assert (Contact.objects.count(), NotificationPolicy.objects.count(), SilencePolicy.objects.count()) == (1, 1, 2)


def test_a_group_that_pruning_empties_is_named(write: Any, capsys: pytest.CaptureFixture[str], story: Story) -> None:
    bob = story.contact("Bob")
    story.group(bob, name="Night")
    file = write("groups:\n  - {name: Night, members: []}\n")

    run("apply", "-f", file, "--prune", "--dry-run")

    assert "! the group Night has no members any more" in capsys.readouterr().out


def test_a_new_number_says_who_no_longer_calls(write: Any, capsys: pytest.CaptureFixture[str], story: Story) -> None:
    bob = story.contact("Bob")
    story.policy({bob: ["sms"]}, name="All")
    file = write("contacts:\n  - {name: Bob, phone: '+86 138 0000 7777'}\n")

    run("apply", "-f", file, "--dry-run")

    assert "! Bob's new number has to be verified; until then no call or text by policy All" in capsys.readouterr().out
    bob.refresh_from_db()
    assert bob.phone_verified_at is not None


def test_people_are_recognised_by_id_number_address_and_name(write: Any, story: Story) -> None:
    ann = story.contact("Ann")
    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=None, external_id="E1", email="ann@example.org")

    run("apply", "-f", write("contacts:\n  - {name: Ann Lee, external_id: E1, email: a@example.org}\n"))
    run("apply", "-f", write("contacts:\n  - {name: Anne Lee, email: A@example.org}\n"))
    run("apply", "-f", write("contacts:\n  - {name: Anne Lee, email: anne@example.org}\n"))

    assert Contact.objects.get(pk=ann.pk).email == "anne@example.org"
    assert Contact.objects.count() == 1


def test_two_people_exchange_numbers_and_addresses_in_one_apply_and_both_have_to_be_verified(
    write: Any, capsys: pytest.CaptureFixture[str], story: Story
) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    for person, email in ((ann, "ann@example.org"), (bob, None)):
        Contact.objects.filter(pk=person.pk).update(email=email, phone_verified_at=story.now)
    ann.refresh_from_db()
    bob.refresh_from_db()
    story.policy({bob: ["phone"]}, name="All")
    file = write(
        f"contacts:\n  - {{name: Ann, phone: '{bob.phone}'}}\n"
        f"  - {{name: Bob, phone: '{ann.phone}', email: ann@example.org}}\n"
    )

    assert run("apply", "-f", file) == 0
    said = capsys.readouterr().out
    assert run("apply", "-f", file) == 0

    assert capsys.readouterr().out == "No changes.\n"
    assert f"phone: {ann.phone} -> {bob.phone}" in said
    assert "! Bob's new number has to be verified; until then no call or text by policy All" in said
    assert list(Contact.objects.order_by("pk").values_list("pk", "phone", "email", "phone_verified_at")) == [
        (ann.pk, bob.phone, None, None), (bob.pk, ann.phone, "ann@example.org", None)
    ]  # fmt: skip
    entry = LogEntry.objects.filter(object_pk=str(ann.pk)).latest("pk")
    assert entry.changes["phone"] == [phones.mask(ann.phone or ""), phones.mask(bob.phone or "")]


def test_a_number_passes_to_a_new_contact_when_the_file_gives_its_owner_another(write: Any, story: Story) -> None:
    bob = story.contact("Bob")
    number = str(bob.phone)
    file = write(f"contacts:\n  - {{name: Carla, phone: '{number}'}}\n  - {{name: Bob, phone: '+86 138 0000 7777'}}\n")

    assert run("apply", "-f", file) == 0

    carla = Contact.objects.get(name="Carla")
    assert (carla.phone, carla.phone_verified_at) == (number, None)
    bob.refresh_from_db()
    assert (bob.name, bob.phone, bob.phone_verified_at) == ("Bob", "+8613800007777", None)


def test_a_number_that_its_owner_keeps_is_still_refused(
    write: Any, capsys: pytest.CaptureFixture[str], story: Story
) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    file = write(f"contacts:\n  - {{name: Ann, phone: '{bob.phone}'}}\n  - {{name: Bob, phone: '{bob.phone}'}}\n")

    assert run("apply", "-f", file) == 1

    assert "is the same contact as 'Ann'" in capsys.readouterr().err
    ann.refresh_from_db()
    assert ann.phone_verified_at is not None


def test_people_of_one_name_are_told_apart_by_an_address(
    write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(
        "contacts:\n  - {name: Li Wei, email: one@example.org}\n  - {name: Li Wei, email: two@example.org}\n"
        "groups:\n  - {name: Ops, members: [Li Wei <two@example.org>]}\n  - {name: Li Wei}\n"
        "policies:\n  - {name: All, tells: {group:Li Wei: [sms], 'contact:Li Wei <one@example.org>': [email]}}\n"
    )

    assert run("apply", "-f", file) == 0

    assert ContactGroup.objects.get(name="Ops").members.get().email == "two@example.org"
    run("dump", tmp_path / "dump")
    capsys.readouterr()
    assert run("apply", "-f", tmp_path / "dump") == 0
    assert capsys.readouterr().out == "No changes.\n"
    assert run("apply", "-f", write("policies:\n  - {name: All, tells: {Li Wei: [sms]}}\n")) == 1
    assert "3 things have the name 'Li Wei'" in capsys.readouterr().err


def test_policies_take_the_order_of_the_file_and_others_keep_their_places(write: Any, story: Story) -> None:
    bob = story.contact("Bob")
    for name in ("A", "B", "C"):
        story.policy({bob: ["sms"]}, name=name)

    run("apply", "-f", write("policies:\n  - {name: C, tells: {Bob: [sms]}}\n  - {name: A, tells: {Bob: [sms]}}\n"))

    assert list(NotificationPolicy.objects.values_list("name", flat=True)) == ["C", "B", "A"]


def test_a_policy_changes_its_state(write: Any, story: Story) -> None:
    story.contact("Bob")
    states = []

    for state in ("enabled", "shadow", "disabled", "enabled"):
        run("apply", "-f", write(f"policies:\n  - {{name: A, state: {state}, tells: {{Bob: [sms]}}}}\n"))
        policy = NotificationPolicy.objects.get()
        states.append((policy.is_enabled, policy.is_shadow))

    assert states == [(True, False), (False, True), (False, False), (True, False)]


def test_what_changed_meanwhile_is_not_overwritten_unseen(
    write: Any, story: Story, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, eve = story.contact("Bob"), story.contact("Eve")
    file = write("contacts:\n  - {name: Ann, email: ann@example.org}\n")

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            delete_contacts(by=ADMIN, now=story.now, ids=[eve.pk])
            return "y\n"

    monkeypatch.setattr("sys.stdin", Terminal())

    code = run("apply", "-f", file, "--prune")

    assert code == 1
    assert "changed since the difference was shown. Nothing was written." in capsys.readouterr().err
    assert Contact.objects.get().pk == bob.pk


def test_every_example_and_every_dump_fits_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    validator = Draft202012Validator(json_schema())
    Draft202012Validator.check_schema(json_schema())
    examples = [yaml.safe_load(path.read_text()) for path in sorted(EXAMPLE.glob("*.yaml"))]
    run("apply", "-f", EXAMPLE)
    capsys.readouterr()
    run("dump", "--name-secrets")
    dumped = yaml.safe_load(capsys.readouterr().out)

    documents = json.loads(json.dumps([*examples, dumped], default=str))  # YAML 1.1 makes dates, editors do not
    problems = [error.message for document in documents for error in validator.iter_errors(document)]

    assert problems == []
    assert len(documents) == 4
    assert list(validator.iter_errors({"contacts": [{"nam": "Ann"}]}))


def test_yaml_makes_no_numbers_of_what_are_texts(write: Any) -> None:
    run("apply", "-f", write("contacts:\n  - {name: 007, phone: +8613800001234, external_id: 0042}\n"))

    ann = Contact.objects.get()
    assert (ann.name, ann.phone, ann.external_id) == ("007", "+8613800001234", "0042")


def test_several_silences_of_one_name_are_taken_in_their_order(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    begin(utc_now())
    file = write("silences:\n  - {name: S, rules: [{a: b}]}\n  - {name: S, rules: [{a: c}]}\n")
    run("apply", "-f", file)
    capsys.readouterr()

    assert run("apply", "-f", file) == 0

    assert capsys.readouterr().out == "No changes.\n"
    assert run("apply", "-f", write("silences:\n  - {name: S, rules: [{a: d}]}\n")) == 1
    assert "2 have this name and the file names 1" in capsys.readouterr().err


def test_robots_of_other_kinds_and_of_apps_come_back_as_they_were(
    write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_TOKEN", "123456789:" + "A" * 35)
    monkeypatch.setenv("APP_SECRET", "app-secret-0123456789")
    file = write(
        "accounts:\n"
        "  - {name: Our app, provider: dingtalk_app,\n"
        "     settings: {client_id: dingabc, client_secret: {env: APP_SECRET}}}\n"
        "robots:\n"
        "  - {name: Bot, platform: telegram, settings: {token: {env: BOT_TOKEN}, chat: '-1001234567890', topic: '7'}}\n"
        "  - {name: Buttons, platform: dingtalk, app: Our app, chat_id: cidABC}\n"
        "integrations:\n  - {name: Plain, mapping: labels.host = host.name}\n"
    )

    assert run("apply", "-f", file) == 0
    run("dump", tmp_path / "dump")
    capsys.readouterr()
    assert run("apply", "-f", tmp_path / "dump") == 0

    assert capsys.readouterr().out == "No changes.\n"
    assert "AAAA" not in (tmp_path / "dump" / "robots.yaml").read_text()
    assert run("apply", "-f", write("robots:\n  - {name: Bot, platform: telegram, settings: {token: t}}\n")) == 1
    assert "settings.token: is a secret" in capsys.readouterr().err
    assert run("apply", "-f", write("robots:\n  - {name: Bot, platform: lark}\n")) == 1
    assert "platform: is telegram and cannot change" in capsys.readouterr().err


def test_a_policy_whose_integration_was_deleted_does_not_come_to_hear_every_one(
    write: Any, story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No name is left for it, and a policy that names no source hears all."""
    gone, _token = create_integration(by=ADMIN, now=story.now, name="Old Zabbix")
    policy = create_policy(
        by=ADMIN, now=story.now, name="Zabbix", targets=[(story.contact("Ann").pk, ["email"])], sources=[gone.pk]
    )
    named, pk = f"integration {gone.pk} (deleted)", gone.pk
    delete_integration(by=ADMIN, now=story.now, integration_id=pk)

    run("dump", tmp_path / "dump")
    capsys.readouterr()
    dumped = (tmp_path / "dump" / "policies.yaml").read_text()
    unchanged = run("apply", "-f", tmp_path / "dump")
    said = capsys.readouterr().out
    changed = run("apply", "-f", write(dumped + "    stops_here: true\n"))

    assert (unchanged, said, changed) == (0, "No changes.\n", 1)
    assert named in dumped
    assert named in capsys.readouterr().err
    policy.refresh_from_db()
    assert policy.current is not None
    assert policy.current.sources == [pk]


def test_an_integration_that_knows_no_words_for_severities_comes_back_so(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_integration(by=ADMIN, now=story.now, name="Plain", severity_map={})

    run("dump", tmp_path / "dump")
    capsys.readouterr()
    assert run("apply", "-f", tmp_path / "dump") == 0

    assert capsys.readouterr().out == "No changes.\n"
    assert Integration.objects.get(name="Plain").severity_map == {}
