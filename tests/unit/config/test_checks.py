"""What `tocsin doctor` calls wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tocsin.channels.kinds import Channel
from tocsin.config import checks
from tocsin.config.checks import Level


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://alerts.example.org", False),
        ("https://93.184.216.34:8443", False),
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("https://alerts", True),
        ("https://alerts.corp.internal", True),
        ("https://10.1.2.3", True),
        ("https://169.254.1.1", True),
        ("https://[::1]:8000", True),
        ("https://[fd00::1]", True),
        ("https://100.64.0.1", True),
        ("", True),
    ],
)
def test_an_address_is_private_when_a_phone_elsewhere_cannot_open_it(url: str, expected: bool) -> None:
    assert checks.is_private(url) is expected


@pytest.mark.parametrize(
    ("url", "has_text_provider", "level"),
    [
        ("https://alerts.example.org", True, Level.OK),
        ("http://127.0.0.1:8000", False, Level.WARNING),
        ("http://127.0.0.1:8000", True, Level.FAILURE),
        ("", True, Level.FAILURE),
    ],
)
def test_a_private_public_address_fails_once_text_messages_go_out(
    url: str, has_text_provider: bool, level: Level
) -> None:
    assert checks.check_public_url(url, has_text_provider=has_text_provider).level is level


def test_channels_without_an_account_fail_and_the_outbox_warns() -> None:
    found = checks.check_accounts({Channel.EMAIL: False, Channel.SMS: True})

    assert [(finding.name, finding.level) for finding in found] == [
        ("phone account", Level.FAILURE),
        ("sms account", Level.WARNING),
        ("email account", Level.OK),
    ]
    assert "tocsin provider add" in found[1].text


def test_of_a_simulated_phone_it_says_how_a_real_one_is_added() -> None:
    calls = checks.check_accounts({Channel.PHONE: True})[0]

    assert calls.level is Level.WARNING
    assert "provider add" in calls.text


@pytest.mark.parametrize(("count", "level"), [(0, Level.OK), (3, Level.WARNING)])
def test_numbers_verified_by_the_outbox_alone_are_to_be_verified_again(count: int, level: Level) -> None:
    found = checks.check_simulated_proofs(count)

    assert found.level is level
    assert ("3 verified through the outbox" in found.text) == (count > 0)
    assert ("send the verification again" in found.text) == (count > 0)


def test_an_app_that_is_not_connected_fails_with_the_reason() -> None:
    found = [("Lark", True, ""), ("DingTalk", False, "It was lost."), ("New", False, "")]

    findings = list(checks.check_connections(found))

    assert [finding.level for finding in findings] == [Level.OK, Level.FAILURE, Level.FAILURE]
    assert "It was lost." in findings[1].text
    assert "tocsin worker" in findings[2].text


@pytest.mark.parametrize(
    ("number", "level", "text"),
    [(180004, Level.OK, "PostgreSQL 18.4"), (140000, Level.OK, "PostgreSQL 14.0"), (130022, Level.FAILURE, "too old")],
)
def test_postgresql_14_is_the_oldest(number: int, level: Level, text: str) -> None:
    found = checks.check_server_version(number)

    assert found.level is level
    assert text in found.text


@pytest.mark.parametrize(
    ("seconds", "is_synchronised", "level"),
    [
        (0, True, Level.OK),
        (-5, None, Level.OK),
        (0, False, Level.WARNING),
        (6, True, Level.FAILURE),
        (-6, None, Level.FAILURE),
    ],
)
def test_the_clock_must_agree_with_the_databases(
    seconds: int, is_synchronised: bool | None, level: Level, now: datetime
) -> None:
    found = checks.check_clock(now, now + timedelta(seconds=seconds), is_synchronised=is_synchronised)

    assert found.level is level


def test_a_folder_that_others_may_read_fails(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    absent = checks.check_folder(folder)
    folder.mkdir(mode=0o711)
    (folder / "secret-key").touch(mode=0o600)
    passable = checks.check_folder(folder)
    (folder / "secret-key").chmod(0o640)
    readable_key = checks.check_folder(folder)
    folder.chmod(0o755)
    listed = checks.check_folder(folder)

    assert [each.level for each in (absent, passable, readable_key, listed)] == [
        Level.FAILURE,
        Level.OK,
        Level.FAILURE,
        Level.FAILURE,
    ]
    assert f"chmod 600 {folder}/secret-key" in readable_key.text
    assert f"chmod go-rw {folder}" in listed.text


def test_missing_migrations_and_keys_fail() -> None:
    assert checks.check_migrations(["contacts.0002_more"]).level is Level.FAILURE
    assert checks.check_migrations([]).level is Level.OK
    assert checks.check_secret_key([]).level is Level.FAILURE
    assert checks.check_secret_key(["k"]).level is Level.OK


def test_a_worker_that_has_not_been_at_work_warns(now: datetime) -> None:
    beats = [now - timedelta(seconds=5), now - timedelta(minutes=2), None]

    found = [checks.check_worker(beat, now) for beat in beats]

    assert [each.level for each in found] == [Level.OK, Level.WARNING, Level.WARNING]
    assert "since 2026-11-23 11:58 UTC" in found[1].text


def test_alerts_that_cannot_be_planned_fail_and_some_are_named() -> None:
    none, few, many = (checks.check_planning(count, ["#1 a: x", "#2 b: y"]) for count in (0, 2, 5))

    assert [each.level for each in (none, few, many)] == [Level.OK, Level.FAILURE, Level.FAILURE]
    assert "2 (#1 a: x; #2 b: y)" in few.text
    assert "5 (#1 a: x; #2 b: y; ...)" in many.text


def test_secrets_of_another_key_fail_with_both_ways_out() -> None:
    fine = checks.check_secrets({"provider accounts": 0, "robots": 0})
    lost = checks.check_secrets({"provider accounts": 2, "robots": 0, "webhooks": 1})

    assert (fine.level, lost.level) == (Level.OK, Level.FAILURE)
    assert "(provider accounts: 2, webhooks: 1)" in lost.text
    assert "Put the old key behind the present one" in lost.text
    assert "enter them again" in lost.text


def test_a_proxy_that_is_not_named_is_told() -> None:
    assert checks.check_proxies("https://t.example", ()).level is Level.WARNING
    assert "TOCSIN_TRUSTED_PROXIES" in checks.check_proxies("https://t.example", ()).text
    assert checks.check_proxies("https://t.example", ("192.0.2.7",)).level is Level.OK
    assert checks.check_proxies("http://127.0.0.1:8000", ()).level is Level.OK
