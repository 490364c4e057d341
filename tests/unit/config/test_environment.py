"""What the environment may say, and what is said to those who mistype it."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from tocsin.config import environment
from tocsin.core.errors import ConfigurationError

KEY, OLD_KEY = "new-" + "0" * 32, "old-" + "0" * 32


def days_kept() -> int:
    return environment.whole_number("TOCSIN_RETENTION_DAYS", 90, largest=36500)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)


def test_the_data_folder_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DATA_DIR", "~/alerts")

    assert environment.data_folder() == Path.home() / "alerts"


@pytest.mark.parametrize(("uid", "folder"), [(0, "/var/lib/tocsin"), (1000, "/home/ada/.local/share/tocsin")])
def test_the_default_data_folder_is_the_users(uid: int, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ada/.local/share")

    assert environment.data_folder() == Path(folder)


def test_a_database_url_is_taken_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://ada:p%40ss@db.example:5433/alerts?sslmode=require")

    found = environment.database_settings(tmp_path)

    parts = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    assert [found[part] for part in parts] == ["alerts", "ada", "p@ss", "db.example", "5433", {"sslmode": "require"}]


def test_a_database_url_may_name_a_sockets_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://tocsin@/alerts?host=/run/postgresql")

    found = environment.database_settings(tmp_path)

    assert (found["HOST"], found["NAME"], found["OPTIONS"]) == ("/run/postgresql", "alerts", {})


@pytest.mark.parametrize(
    "url",
    [
        "mysql://db/alerts",
        "postgresql://db",
        "db.example",
        "postgresql://ada:hunter2@db:99999/alerts",
        "postgresql://ada:hunter2@db:0/alerts",
        "postgresql://ada:hunter2@[::1/alerts",
        "postgresql://ada:hunter2/x@db/alerts",
        "postgresql://ada:hunter2@db/alerts#x",
        "postgresql://ada:hunter2%00@db/alerts",
    ],
)
def test_a_database_url_that_cannot_work_is_refused(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", url)

    with pytest.raises(ConfigurationError, match="must look like postgresql://") as refusal:
        environment.database_settings(tmp_path)

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ("foo=bar", "the option 'foo' after its"),
        ("foo=hunter2", "write one that it knows"),
        ("sslmode=require&foo", "'foo'"),
        ("port=99999", "port= as a number from 1 to 65535"),
        ("port=5432,x", "port= as a number from 1 to 65535"),
        ("connect_timeout=soon", "connect_timeout= as a number of seconds"),
    ],
)
def test_an_option_of_the_database_that_cannot_work_is_refused(
    query: str, advice: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", f"postgresql://ada:hunter2@db/alerts?{query}")

    with pytest.raises(ConfigurationError, match=advice) as refusal:
        environment.database_settings(tmp_path)

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("alerts.example", "start with http:// or https:// and name a host"),
        ("ftp://alerts.example", "start with http:// or https:// and name a host"),
        ("http://[::1", "start with http:// or https:// and name a host"),
        ("http://", "start with http:// or https:// and name a host"),
        ("http://:8000", "start with http:// or https:// and name a host"),
        ("http://alerts.example:99999", "start with http:// or https:// and name a host"),
        ("https://alerts example", "start with http:// or https:// and name a host"),
        ("https://ada:hunter2@alerts.example", "no user, password, query or fragment"),
        ("https://alerts.example/?", "no user, password, query or fragment"),
        ("https://alerts.example/?key=hunter2", "no user, password, query or fragment"),
        ("https://alerts.example/#hunter2", "no user, password, query or fragment"),
    ],
)
def test_a_public_url_that_cannot_work_is_refused(typed: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_PUBLIC_URL", typed)

    with pytest.raises(ConfigurationError, match=advice) as refusal:
        environment.public_url()

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://alerts.example/", "https://alerts.example"),
        ("https://example.org/alerts/", "https://example.org/alerts"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("", ""),
    ],
)
def test_a_public_url_may_have_a_path_and_a_port(typed: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_PUBLIC_URL", typed)

    assert environment.public_url() == url


def test_proxies_and_allowed_addresses_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_TRUSTED_PROXIES", "192.0.2.7, 10.0.0.1/8,fd00::/8")
    monkeypatch.setenv("TOCSIN_OUTGOING_ALLOW", "10.0.0.0/8, ::1, robot.example.org, gateway, 3com.example")

    assert environment.trusted_proxies() == ("192.0.2.7", "10.0.0.1/8", "fd00::/8")
    assert environment.outgoing_allow() == ("10.0.0.0/8", "::1", "robot.example.org", "gateway", "3com.example")


@pytest.mark.parametrize(("typed", "is_on"), [("", False), ("0", False), ("1", True)])
def test_a_switch_is_1_or_0(typed: str, is_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_ATTESTED_PHONES", typed)

    assert environment.switch("TOCSIN_ATTESTED_PHONES") is is_on


@pytest.mark.parametrize(("typed", "days"), [("0", 0), ("036500", 36500)])
def test_a_whole_number_may_be_its_limit(typed: str, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_RETENTION_DAYS", typed)

    assert environment.whole_number("TOCSIN_RETENTION_DAYS", 90, largest=36500) == days


def test_without_a_url_it_is_the_embedded_database(tmp_path: Path) -> None:
    found = environment.database_settings(tmp_path)

    assert (found["HOST"], found["NAME"], found["USER"]) == (str(tmp_path / "postgres/run"), "tocsin", "tocsin")


def test_several_keys_are_read_newest_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_SECRET_KEY", f"{KEY}, {OLD_KEY}")

    assert environment.secret_keys(tmp_path) == (KEY, OLD_KEY)


@pytest.mark.parametrize("typed", ["short", f"{KEY},short", " , "])
def test_a_key_that_is_too_short_is_refused(typed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_SECRET_KEY", typed)

    with pytest.raises(ConfigurationError, match="32 characters or more") as refusal:
        environment.secret_keys(tmp_path)

    assert "short" not in str(refusal.value)


def test_a_server_of_ones_own_needs_a_key_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://db/alerts")

    with pytest.raises(ConfigurationError, match="TOCSIN_SECRET_KEY is required"):
        environment.ensure_secret_key(tmp_path)

    assert not list(tmp_path.iterdir())


def test_the_first_start_makes_one_key_that_only_the_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    at_once = [threading.Thread(target=environment.ensure_secret_key, args=[folder]) for _ in range(8)]

    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    keys = environment.secret_keys(folder)
    environment.ensure_secret_key(folder)

    assert [len(key) for key in keys] == [64]
    assert environment.secret_keys(folder) == keys
    assert [path.name for path in folder.iterdir()] == ["secret-key"]
    assert stat.S_IMODE((folder / "secret-key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_key_that_is_lost_is_not_made_anew(tmp_path: Path) -> None:
    """Another one would start an installation that looks alive and reaches nobody."""
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("18\n")

    with pytest.raises(ConfigurationError, match=r"secret-key is missing.*Put it back from a backup.*openssl rand"):
        environment.ensure_secret_key(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["postgres"]


def test_faces_are_all_of_them_or_those_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = environment.enabled_faces()
    monkeypatch.setenv("TOCSIN_FACES", "public, ingest")

    assert everything == {"console", "public", "ingest", "api", "callbacks", "operator"}
    assert environment.enabled_faces() == {"public", "ingest"}


@pytest.mark.parametrize(
    ("name", "typed", "read", "advice"),
    [
        ("TOCSIN_FACES", "public,konsole", environment.enabled_faces, "no faces called konsole; choose among console"),
        ("TOCSIN_TIME_ZONE", "Mars/Phobos", environment.time_zone, "a name like Asia/Shanghai, not 'Mars/Phobos'"),
        ("TOCSIN_TIME_ZONE", "../etc", environment.time_zone, "a name like Asia/Shanghai"),
        ("TOCSIN_LANGUAGE", "zh", environment.default_language, "must be en or zh-hans, not 'zh'"),
        ("TOCSIN_DEFAULT_REGION", "China", environment.default_region, "two letters, like CN, not 'CHINA'"),
        (
            "TOCSIN_RETENTION_DAYS",
            "a year",
            days_kept,
            "whole number, not 'a year'",
        ),
        *[
            ("TOCSIN_RETENTION_DAYS", typed, days_kept, advice)
            for typed, advice in [
                ("-1", "whole number, not '-1'"),
                ("36501", "from 0 to 36500"),
                ("9" * 5000, "from 0 to 36500"),
            ]
        ],
        *[
            ("TOCSIN_TRUSTED_PROXIES", typed, environment.trusted_proxies, "addresses or networks, like 192.0.2.7")
            for typed in ["abc", "10.0.0.0/99", "192.0.2.7, proxy.example"]
        ],
        *[
            ("TOCSIN_OUTGOING_ALLOW", typed, environment.outgoing_allow, "networks, addresses or host names")
            for typed in ["10.0.0.0/99", "http://robot", "10.0.0.999", "robot:8080", "a b"]
        ],
        ("TOCSIN_ATTESTED_PHONES", "yes", lambda: environment.switch("TOCSIN_ATTESTED_PHONES"), "1 for on, or 0"),
        ("TOCSIN_LOG_FORMAT", "xml", environment.log_format, "must be json, or not be set for lines"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_what_to_write(
    name: str, typed: str, read: object, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, typed)

    assert callable(read)
    with pytest.raises(ConfigurationError, match=advice):
        read()


def test_what_is_not_set_has_a_default() -> None:
    assert environment.time_zone() == "UTC"
    assert environment.default_region() == "CN"
    assert environment.whole_number("TOCSIN_RETENTION_DAYS", 90, largest=36500) == 90
    assert environment.listed("TOCSIN_OUTGOING_NOTHING") == ()
