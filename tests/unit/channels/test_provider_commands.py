"""`tocsin provider` and `tocsin outbox`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cyclopts import App

from simulators.smtp import SmtpSimulator
from tests.stories.harness import Story, begin
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import config_of
from tocsin.channels.registry import PROVIDERS
from tocsin.cli import outbox, providers
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(now: datetime) -> Story:
    return begin(now)


@pytest.fixture
def mail() -> Iterator[SmtpSimulator]:
    with SmtpSimulator() as running:
        yield running


def call(app: App, *words: str) -> None:
    command, bound, _ = app.parse_args(list(words), exit_on_error=False, print_error=False)
    command(*bound.args, **bound.kwargs)


def provider(*words: str) -> None:
    call(providers.app, *words)


def the_account() -> ProviderAccount:
    return ProviderAccount.objects.get()


def test_a_url_is_enough_for_smtp(capsys: pytest.CaptureFixture[str]) -> None:
    provider("add", "smtp", "smtp://user:p%40ss@mail.example.org:2525?from=a@example.org", "--priority", "7")

    account = the_account()
    assert (account.name, account.channel, account.priority) == ("smtp", "email", 7)
    assert config_of(account)["password"] == "p@ss"
    assert "p@ss" not in capsys.readouterr().out


def test_secrets_come_from_a_file_or_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "password").write_text("from file\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("@typed\n"))

    common = ["--set", "preset=kannel", "--set", "url=http://g.example/", "--set", "username=u"]
    provider("add", "http_sms", "--name", "one", *common, "--set", f"password=@{tmp_path}/password")
    provider("add", "http_sms", "--name", "two", *common, "--set", "password=-")
    capsys.readouterr()
    provider("add", "http_sms", "--name", "three", *common, "--set", "password=@@literal=yes", "--json")

    passwords = {account.name: config_of(account)["password"] for account in ProviderAccount.objects.all()}
    assert passwords == {"one": "from file", "two": "@typed", "three": "@literal=yes"}
    assert json.loads(capsys.readouterr().out)["config"]["password"] == "***"


def test_a_url_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("smtp://mail.example.org?from=a@example.org\n"))

    provider("add", "smtp", "-")

    assert config_of(the_account())["host"] == "mail.example.org"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "pigeon"], "smtp"),
        (["add", "smtp", "http://x"], "looks like smtp://"),
        (["add", "smtp"], "config.host: Server is required"),
        (["add", "outbox_sms", "x://y"], "cannot be written as a URL"),
        (["add", "smtp", "--set", "host"], "name=value"),
        (["add", "smtp", "--set", "password=@/nowhere"], "/nowhere cannot be read"),
        (["add", "dingtalk", "--set", "url=https://oapi.dingtalk.com/robot/send?access_token=s3cret"], "robot"),
        (["test", "smtp", "--to", "a@example.org"], "no provider account smtp"),
        (["remove", "smtp"], "no provider account smtp"),
    ],
)
def test_what_is_wrong_is_said_without_secrets(words: list[str], says: str) -> None:
    with pytest.raises((InvalidInputError, NotFoundError), match=says) as caught:
        provider(*words)

    assert "s3cret" not in str(caught.value)
    assert not ProviderAccount.objects.exists()


def test_an_account_is_changed_listed_disabled_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    provider("add", "smtp", "smtp://u:p4ssword@mail.example.org?from=a@example.org")
    provider("change", "smtp", "--set", "host=mail2.example.org", "--priority", "9")
    provider("disable", "smtp")
    capsys.readouterr()

    provider("list", "--json")
    [listed] = json.loads(capsys.readouterr().out)
    provider("list")
    table = capsys.readouterr().out

    assert (listed["config"]["host"], listed["config"]["password"]) == ("mail2.example.org", "***")
    assert (listed["priority"], listed["is_enabled"], listed["is_simulated"]) == (9, False, False)
    assert "p4ssword" not in table
    assert config_of(the_account())["password"] == "p4ssword"

    provider("enable", "smtp")
    assert the_account().is_enabled
    provider("change", "smtp", "--forget", "password", "--set", "username=")
    assert "password" not in config_of(the_account())
    provider("remove", "smtp")
    assert not ProviderAccount.objects.exists()


def test_a_test_message_goes_out_and_the_exit_code_tells(
    mail: SmtpSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    provider("add", "smtp", f"smtp://127.0.0.1:{mail.port}?from=a@example.org&starttls=never")
    mail.answer("no@example.org", "550 5.1.1 No such user")

    provider("test", "smtp", "--to", "yes@example.org")
    with pytest.raises(SystemExit) as refused:
        provider("test", "smtp", "--to", "no@example.org")
    with pytest.raises(SystemExit) as as_json:
        provider("test", "smtp", "--to", "yes@example.org", "--json")

    assert (refused.value.code, as_json.value.code) == (1, 0)
    captured = capsys.readouterr()
    assert "accepted: The mail server took it." in captured.out
    assert captured.err == "permanent_target: The mail server refused the recipient: 550 5.1.1 No such user\n"
    assert [message.recipient for message in mail.messages] == ["yes@example.org"] * 2
    ids = {str(message.message["Message-ID"]) for message in mail.messages}
    assert len(ids) == 2, "two tests must not look like copies of one mail"


def test_every_provider_shows_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    provider("types")
    table = capsys.readouterr().out
    provider("types", "--json")
    kinds = {kind["name"]: kind for kind in json.loads(capsys.readouterr().out)}

    assert "smtp: SMTP, for email" in table
    assert set(kinds) == {name for name, kind in PROVIDERS.items() if not kind.is_for_robots}
    assert [field["name"] for field in kinds["smtp"]["fields"] if field["is_secret"]] == ["password"]


def test_the_outbox_shows_what_would_have_been_sent(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    ann = story.contact(name="Ann", phone="+8613800000000", fallback="none")
    story.policy({ann: ["phone", "sms"]})
    story.fires("Disk full")
    story.passes(5)

    call(outbox.app)
    table = capsys.readouterr().out
    call(outbox.app, "--json")
    entries = json.loads(capsys.readouterr().out)

    assert "Disk full" in table
    assert {(entry["channel"], entry["to"], entry["state"]) for entry in entries} == {
        ("phone", "Ann", "ringing"),
        ("sms", "Ann", "accepted"),
    }
    assert "+8613800000000" not in json.dumps(entries)


@pytest.mark.parametrize(
    ("words", "state", "reason", "alert_state"),
    [
        (["answer"], "delivered", "", "pending"),
        (["press"], "delivered", "", "handling"),
        (["press", "--key", "5"], "delivered", "", "pending"),
        (["refuse"], "failed", "rejected", "pending"),
        (["ring"], "failed", "no_answer", "pending"),
    ],
)
def test_the_simulated_phone_does_as_told(
    story: Story, words: list[str], state: str, reason: str, alert_state: str
) -> None:
    ann = story.contact(fallback="none")
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    story.passes(5)
    delivery = story.delivery(ann, "phone")

    call(outbox.app, words[0], str(delivery.pk), *words[1:])

    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (state, reason)
    assert story.alert().state == alert_state
    with pytest.raises(ConflictError, match="does not ring"):
        call(outbox.app, "answer", str(delivery.pk))


def test_only_a_simulated_call_can_be_answered(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)

    with pytest.raises(ConflictError, match="not a call"):
        call(outbox.app, "answer", str(story.delivery(ann, "sms").pk))
    with pytest.raises(NotFoundError, match="tocsin outbox"):
        call(outbox.app, "answer", "999999999")
    with pytest.raises(ConflictError, match="keys 0 to 9"):
        call(outbox.app, "press", "1", "--key", "12")
