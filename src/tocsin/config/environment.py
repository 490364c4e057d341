"""What the environment says, read without Django: the data folder, the database and the secret keys."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from phonenumbers import SUPPORTED_REGIONS
from psycopg.pq import Conninfo

from tocsin.config.embedded_postgres import Layout, connection_settings
from tocsin.core.errors import ConfigurationError

FACES = ("console", "public", "ingest", "api", "callbacks", "operator")
"""Groups of doors that a web process can be limited to; config.urls says what is behind each."""

LANGUAGES = ("en", "zh-hans")
"""That messages and pages are written in."""

_SECRET_FILE = "secret-key"  # noqa: S105 (a file's name)
_DATABASE_ADVICE = (
    "TOCSIN_DATABASE_URL must look like postgresql://user:password@host:5432/database; "
    "in the password, write characters like / ? # as %2F %3F %23."
)
_HOST_NAME = re.compile(r"(?=.*[^\d.])[\w-]+(\.[\w-]+)*\.?")


def data_folder() -> Path:
    """`TOCSIN_DATA_DIR`, else /var/lib/tocsin for root, else the user's data folder."""
    if typed := os.environ.get("TOCSIN_DATA_DIR"):
        return Path(typed).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/tocsin")
    return Path(platformdirs.user_data_dir("tocsin", appauthor=False))


def database_url() -> str:
    return os.environ.get("TOCSIN_DATABASE_URL", "")


def database_settings(folder: Path) -> dict[str, Any]:
    """Django's DATABASES entry, for `TOCSIN_DATABASE_URL` or the embedded server of the data folder."""
    common = {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
    url = database_url()
    if not url:
        return {**common, **connection_settings(folder)}
    parts = _parts(url)
    name = unquote(parts.path.strip("/")) if parts else ""
    if parts is None or parts.scheme not in ("postgres", "postgresql") or not name or parts.fragment or "%00" in url:
        raise ConfigurationError(_DATABASE_ADVICE)
    options = _libpq_options(parts.query)
    return {
        **common,
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": options.pop("port", str(parts.port or "")),
        "OPTIONS": options,
    }


def _libpq_options(query: str) -> dict[str, str]:
    """Errors name an option and never repeat its value, which may be a password."""
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    if unknown := sorted({name for name, _ in parse_qsl(query, keep_blank_values=True)} - known):
        raise ConfigurationError(
            f"TOCSIN_DATABASE_URL has the option {unknown[0][:40]!r} after its ?, which PostgreSQL's library does not "
            "know; write one that it knows, like sslmode=verify-full, or none."
        )
    options = dict(parse_qsl(query))
    ports = options.get("port", "5432").split(",")  # libpq takes several hosts
    if not all(port.isdecimal() and len(port) <= 5 and 0 < int(port) <= 65535 for port in ports):
        raise ConfigurationError("TOCSIN_DATABASE_URL: write port= as a number from 1 to 65535.")
    if not re.fullmatch(r"[0-9]{1,9}", options.get("connect_timeout", "0")):
        raise ConfigurationError("TOCSIN_DATABASE_URL: write connect_timeout= as a number of seconds.")
    return options


def _parts(url: str) -> SplitResult | None:
    """None when a part of it cannot be read."""
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:  # its text repeats what may be a password
        return None


def public_url() -> str:
    """`TOCSIN_PUBLIC_URL` without a slash at its end, or "". What is wrong is never repeated: it may be a password."""
    url = os.environ.get("TOCSIN_PUBLIC_URL", "").strip()
    if not url:
        return ""
    parts = _parts(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\\0]", url):
        raise ConfigurationError(
            "TOCSIN_PUBLIC_URL must start with http:// or https:// and name a host, like https://alerts.example.org."
        )
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ConfigurationError(
            "TOCSIN_PUBLIC_URL must have no user, password, query or fragment: "
            "write only what links begin with, like https://alerts.example.org."
        )
    return url.rstrip("/")


def peer() -> tuple[str, str]:
    """`TOCSIN_PEER_URL` without a slash at its end, and `TOCSIN_PEER_TOKEN`; ("", "") for none. Neither is repeated."""
    url, token = (os.environ.get(name, "").strip() for name in ("TOCSIN_PEER_URL", "TOCSIN_PEER_TOKEN"))
    if not url:
        return "", ""
    parts = _parts(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\\0@?#]", url):
        raise ConfigurationError(
            "TOCSIN_PEER_URL must be the other installation's address, like https://b.example.org."
        )
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigurationError("TOCSIN_PEER_URL needs TOCSIN_PEER_TOKEN, the token of an integration over there.")
    return url.rstrip("/"), token


def secret_keys(folder: Path) -> tuple[str, ...]:
    """Keys from `TOCSIN_SECRET_KEY` (comma-separated, newest first) or the data folder; () before the first start.

    ConfigurationError when the folder has a database and no key: another one would not open what is stored.
    """
    if os.environ.get("TOCSIN_SECRET_KEY"):
        keys = listed("TOCSIN_SECRET_KEY")
        if any(len(key) < 32 for key in keys) or not keys:
            raise ConfigurationError("TOCSIN_SECRET_KEY needs 32 characters or more; try `openssl rand -hex 32`.")
        return keys
    if database_url():
        raise ConfigurationError(
            "TOCSIN_SECRET_KEY is required with TOCSIN_DATABASE_URL: every machine must share it. "
            "Make one with `openssl rand -hex 32`."
        )
    path = folder / _SECRET_FILE
    try:
        return tuple(path.read_text().split())
    except FileNotFoundError as error:
        if Layout(folder).major_version is None:
            return ()
        raise ConfigurationError(
            f"{path} is missing, and nothing else opens the credentials that are stored. Put it back from a backup. "
            f"With the key lost for good, make another: `(umask 077; openssl rand -hex 32 > {path})`, start again, "
            "and enter what `tocsin doctor` then counts anew."
        ) from error
    except PermissionError as error:
        raise ConfigurationError(
            f"{path} is readable only by its owner: run Tocsin as that user or as root."
        ) from error


def ensure_secret_key(folder: Path) -> None:
    """Generates the data folder's key on the first start of an embedded installation (file mode 0600).

    Complete or not there at all, and the same for two processes that start at once.
    """
    if secret_keys(folder):
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=_SECRET_FILE) as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            (folder / _SECRET_FILE).hardlink_to(file.name)


def enabled_faces() -> frozenset[str]:
    """`TOCSIN_FACES`, comma-separated; all of them unless set."""
    typed = listed("TOCSIN_FACES")
    if unknown := sorted(set(typed) - set(FACES)):
        raise ConfigurationError(f"There are no faces called {', '.join(unknown)}; choose among {', '.join(FACES)}.")
    return frozenset(typed or FACES)


def listed(name: str) -> tuple[str, ...]:
    """A variable that holds a list, separated by commas."""
    return tuple(filter(None, (part.strip() for part in os.environ.get(name, "").split(","))))


def whole_number(name: str, default: int, *, largest: int) -> int:
    typed = os.environ.get(name, "").strip()
    if not typed:
        return default
    if not typed.isdecimal():
        raise ConfigurationError(f"{name} must be a whole number, not {typed!r}.")
    if len(typed.lstrip("0")) > len(str(largest)) or int(typed) > largest:
        raise ConfigurationError(f"{name} must be from 0 to {largest}.")
    return int(typed)


def switch(name: str) -> bool:
    typed = os.environ.get(name, "").strip()
    if typed not in ("", "0", "1"):
        raise ConfigurationError(f"{name} must be 1 for on, or 0 for off, not {typed!r}.")
    return typed == "1"


def log_format() -> str:
    """ "json", or "" for lines that people read."""
    typed = os.environ.get("TOCSIN_LOG_FORMAT", "").strip()
    if typed not in ("", "json"):
        raise ConfigurationError(f"TOCSIN_LOG_FORMAT must be json, or not be set for lines for people, not {typed!r}.")
    return typed


def trusted_proxies() -> tuple[str, ...]:
    entries = listed("TOCSIN_TRUSTED_PROXIES")
    if wrong := [entry for entry in entries if not _is_network(entry)]:
        raise ConfigurationError(
            "TOCSIN_TRUSTED_PROXIES must list addresses or networks, like 192.0.2.7 or 10.0.0.0/8, separated by "
            f"commas; {wrong[0]!r} is neither."
        )
    return entries


def outgoing_allow() -> tuple[str, ...]:
    entries = listed("TOCSIN_OUTGOING_ALLOW")
    if wrong := [entry for entry in entries if not _is_network(entry) and not _HOST_NAME.fullmatch(entry)]:
        raise ConfigurationError(
            "TOCSIN_OUTGOING_ALLOW must list networks, addresses or host names, like 10.0.0.0/8 or robot.example.org, "
            f"separated by commas; {wrong[0]!r} is none of these."
        )
    return entries


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def time_zone() -> str:
    name = os.environ.get("TOCSIN_TIME_ZONE") or "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"TOCSIN_TIME_ZONE must be a name like Asia/Shanghai, not {name!r}.") from error
    return name


def default_language() -> str:
    language = (os.environ.get("TOCSIN_LANGUAGE") or LANGUAGES[0]).strip().lower()
    if language not in LANGUAGES:
        raise ConfigurationError(f"TOCSIN_LANGUAGE must be {' or '.join(LANGUAGES)}, not {language!r}.")
    return language


def default_region() -> str:
    region = (os.environ.get("TOCSIN_DEFAULT_REGION") or "CN").upper()
    if region not in SUPPORTED_REGIONS:
        raise ConfigurationError(f"TOCSIN_DEFAULT_REGION must be a country's two letters, like CN, not {region!r}.")
    return region
