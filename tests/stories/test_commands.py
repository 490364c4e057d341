"""What every command owes scripts: help, JSON of a documented shape, exit codes."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cyclopts import App

from tests.stories.harness import ADMIN, Story
from tests.stories.test_apply import run
from tocsin.alerts.models import Alert
from tocsin.channels.kinds import Channel
from tocsin.cli.groups import GROUPS
from tocsin.contacts.services import issue_personal_links
from tocsin.delivery.drill_models import Drill
from tocsin.policies.models import NotificationPolicy, SilencePolicy
from tocsin.policies.services import StepInput, create_escalation
from tocsin.policies.services.silences import create_silence

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
_NO_JSON = {
    "serve": "runs until it is ended", "web": "runs until it is ended", "worker": "runs until it is ended",
    "contacts export": "writes a file", "outbox answer": "a phone", "outbox press": "a phone",
    "outbox refuse": "a phone", "outbox ring": "a phone", "access-key enable": "a confirmation",
    "access-key disable": "a confirmation", "bounce": "what a mail server pipes into",
}  # fmt: skip


def commands() -> Iterator[tuple[str, App]]:
    """Every command that does something, by its words."""
    for name, group in GROUPS.items():
        app = importlib.import_module(group.module).app
        if app.default_command is not None:
            yield name, app
        for word in app:
            if not word.startswith("-"):
                yield f"{name} {word}", app[word]


COMMANDS = dict(commands())
DRILL = object()


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_says_what_it_does_and_knows_json(words: str) -> None:
    function = COMMANDS[words].default_command
    assert function is not None

    names = set(inspect.signature(function).parameters)

    assert inspect.getdoc(function), f"tocsin {words} --help says nothing"
    assert bool({"json", "as_json"} & names) is (words not in _NO_JSON)


def documented() -> dict[str, str]:
    """Command -> its JSON's keys, as the page has them."""
    rows = re.findall(r"^\| `tocsin ([^`]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    return dict(rows)


def shape(value: Any) -> str:
    if isinstance(value, list):
        keys = shape(value[0]) if value else ""
        return f"{keys} `[]`".strip()
    return " ".join(f"`{key}`" for key in value)


def test_the_page_has_every_command_that_prints_json() -> None:
    elsewhere = {"apply", "dump", "schema", "doctor", "migrate", "database upgrade", "replay", "completion",
                 "import alertmanager", "import arms", "import goalert", "import oncall", "provider test",
                 "user reset-second-factor",
                 "subscription test"}  # fmt: skip

    assert {words.partition(" -")[0] for words in documented()} == set(COMMANDS) - set(_NO_JSON) - elsewhere


def said(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    capsys.readouterr()
    assert run(*words, "--json") in (0, 3)
    return json.loads(capsys.readouterr().out)


def test_json_has_the_shape_that_the_page_says(
    story: Story, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", verified=False)
    story.group(ann, name="Ops")
    policy = story.policy({ann: ["sms"]}, name="All")
    story.schedule([ann], name="Primary")
    for name in ("One", "Two", "Three", "Four"):
        story.fires(name)
    story.passes(30)
    story.expect_many(6)  # two of them say that the turn is Ann's
    one, two, three, four = Alert.objects.order_by("pk").values_list("pk", flat=True)
    create_silence(by=ADMIN, now=story.now, name="S", rules=[[{"key": "a", "operator": "eq", "value": "b"}]])
    issue_personal_links(by=ADMIN, now=story.now, channels={ann.pk: [Channel.EMAIL]})
    story.webhook("http://127.0.0.1:9/", name="Tickets")
    people, tests = tmp_path / "people.csv", tmp_path / "tests.yaml"
    people.write_text("name,email\nEve,eve@example.org\n")
    tests.write_text("tests:\n  - name: One\n    labels: {alertname: One}\n    reaches: {Ann: [sms]}\n")
    calls: dict[str, tuple[object, ...]] = {
        "subscription create": ("Tickets", "--kind", "commented"), "alert list": (), "alert show": (one,),
        "alert claim": (one,), "alert unclaim": (one,),
        "alert assign": (one, "--to", "Ann"), "alert severity": (one, "--to", "P2"), "alert resolve": (two,),
        "alert reopen": (two,), "alert comment": (three, "--text", "seen"), "alert mute": (four, "--for", "1h"),
        "alert unmute": (four,), "policy list": (), "policy shadow": ("All",), "policy disable": ("All",),
        "policy enable": ("All",), "silence list": (), "silence create": ("--match", 'a="b"', "--for", "1h"),
        "silence end": (SilencePolicy.objects.get().pk,), "contacts list": ("--search", "Ann"),
        "contacts links": (ann.pk, "--revoke"),
        "contacts verify": (bob.pk, "--dry-run"), "contacts import": (people, "--dry-run"),
        "integration create": ("--name", "New"), "integration list": (), "integration rotate-token": ("New",),
        "api-token create": ("--name", "CI", "--role", "viewer"), "api-token list": (), "api-token revoke": ("CI",),
        "user create": ("eve", "--role", "viewer"), "user list": (), "user password": ("eve",),
        "access-key create": ("--user", "eve", "--name", "SDK"), "access-key list": (),
        "outbox": (), "oncall": (), "coverage": (), "explain": ("--label", "alertname=One"), "test": (tests,),
        "drill start": ("Ann", "--channel", "sms"), "drill list": (), "drill show": (DRILL,),
        "subscription list": (), "subscription notices": ("Tickets",), "subscription pause": ("Tickets",),
        "subscription resume": ("Tickets",), "subscription change": ("Tickets",),
        "subscription disable": ("Tickets",), "subscription remove": ("Tickets",),
        "provider types": (), "provider list": (),
        "provider add": ("smtp", "smtp://mail.example.org?from=a@example.org", "--name", "Mail"),
        "provider change": ("Mail", "--priority", "5"), "provider disable": ("Mail",), "provider enable": ("Mail",),
        "provider remove": ("Mail",), "secrets reencrypt": (),
    }  # fmt: skip

    found = {}
    for words, more in calls.items():
        given = [Drill.objects.get().pk if item is DRILL else item for item in more]
        found[words] = shape(said(capsys, *words.split(), *given))

    assert found == {words: keys for words, keys in documented().items() if words in found}
    assert set(documented()) - set(found) == {"alert escalate"}
    assert NotificationPolicy.objects.get(pk=policy.pk).is_enabled


def test_an_alert_is_acted_on_from_a_shell(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(30)
    story.expect_text(ann, "Disk full")
    alert = story.alert()

    assert run("alert", "claim", alert.pk, "--lapses-after", "1h") == 0
    assert run("alert", "claim", alert.pk) == 1
    assert run("alert", "assign", alert.pk, "--to", "Ann") == 0
    assert run("alert", "assign", alert.pk, "--to", "Nobody") == 1
    assert run("alert", "severity", alert.pk, "--to", "P1") == 0
    assert run("alert", "resolve", alert.pk, "--text", "cleaned up") == 0
    assert run("alert", "show", alert.pk) == 0

    output = capsys.readouterr()
    assert f"{alert.pk} Disk full is claimed." in output.out
    assert "shell claimed this alert already." in output.err
    assert "cleaned up" in output.out
    assert run("alert", "show", 999_999) == 1
    assert run("alert", "claim") == 1
    assert run("alert", "mute", alert.pk, "--for", "soon") == 1
    capsys.readouterr()
    assert run("alert", "list", "--state", "all", "--policy", "Typing eror") == 1
    assert "There is no notification policy 'Typing eror'" in capsys.readouterr().err


def test_a_step_of_the_escalation_is_asked_for_as_it_was_seen(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    steps = [StepInput(targets=[(bob.pk, ["email"])], after_minutes=minutes) for minutes in (30, 60)]
    nights = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=steps, rounds=0)
    story.policy({ann: ["sms"]}, escalation_id=nights.pk)
    story.fires("Disk full")
    story.passes(30)
    story.expect_text(ann, "Disk full")
    alert = story.alert()

    with time_machine.travel(story.now, tick=False):
        assert run("alert", "escalate", alert.pk, "--escalated-count", 0) == 0
        story.passes()
        assert run("alert", "escalate", alert.pk, "--escalated-count", 0) == 1
        assert run("alert", "show", alert.pk) == 0

    output = capsys.readouterr()
    story.expect_mail(bob, "shell asks for help")
    assert "That step was taken already" in output.err
    assert "escalated 1 time until now" in output.out


def test_a_silence_made_in_a_shell_hides_and_ends(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})

    assert run("silence", "create", "--match", 'alertname="Disk full",instance=~"db.*"', "--for", "2h") == 0
    assert run("silence", "create", "--match", "nonsense", "--for", "2h") == 1

    silence = SilencePolicy.objects.get()
    assert [(one["key"], one["operator"], one["value"]) for one in silence.rules[0]] == [
        ("alertname", "eq", "Disk full"), ("instance", "re", "db.*")
    ]  # fmt: skip
    assert run("silence", "end", silence.pk) == 0
    capsys.readouterr()
    assert run("silence", "list") == 0
    assert capsys.readouterr().out == "Nothing to show.\n"


def test_contacts_are_asked_to_verify_from_a_shell(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", verified=False)
    story.group(ann, bob, name="Ops")

    assert run("contacts", "verify", "--group", "Ops") == 0
    output = capsys.readouterr().out
    assert "already_verified" in output
    assert "sent" in output
    assert run("contacts", "verify", ann.pk) == 1
    assert run("contacts", "verify") == 1
    assert run("contacts", "verify", "--group", "None") == 1
    assert run("contacts", "list", "--unverified") == 0
    assert "Bob" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_its_shell_can_read(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("completion", shell) == 0

    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    assert all(word in script.read_text() for word in ("contacts", "import", "silence", "dry-run"))
    if program := shutil.which(shell):
        subprocess.run([program, "-n", str(script)], check=True, capture_output=True)
