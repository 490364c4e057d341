"""What the environment says, read without Django: the data folder, the database and the secret keys."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from phonenumbers import SUPPORTED_REGIONS

from tocsin.config.embedded_postgres import connection_settings
from tocsin.core.errors import ConfigurationError

FACES = ("console", "public", "ingest", "callbacks", "operator")
"""Groups of doors that a web process can be limited to; config.urls says what is behind each."""

_SECRET_FILE = "secret-key"  # noqa: S105 (a file's name)


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
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        raise ConfigurationError("TOCSIN_DATABASE_URL must look like postgresql://user:password@host:5432/database.")
    options = dict(parse_qsl(parts.query))
    return {
        **common,
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": options.pop("port", str(parts.port or "")),
        "OPTIONS": options,
    }


def secret_keys(folder: Path) -> tuple[str, ...]:
    """Keys from `TOCSIN_SECRET_KEY` (comma-separated, newest first) or the data folder; () before the first start."""
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
    except FileNotFoundError:
        return ()
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


def whole_number(name: str, default: int) -> int:
    typed = os.environ.get(name, "").strip()
    if not typed:
        return default
    if not typed.isdecimal():
        raise ConfigurationError(f"{name} must be a whole number, not {typed!r}.")
    return int(typed)


def time_zone() -> str:
    name = os.environ.get("TOCSIN_TIME_ZONE") or "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"TOCSIN_TIME_ZONE must be a name like Asia/Shanghai, not {name!r}.") from error
    return name


def default_region() -> str:
    region = (os.environ.get("TOCSIN_DEFAULT_REGION") or "CN").upper()
    if region not in SUPPORTED_REGIONS:
        raise ConfigurationError(f"TOCSIN_DEFAULT_REGION must be a country's two letters, like CN, not {region!r}.")
    return region
