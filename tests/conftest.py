"""What every test shares: a PostgreSQL server per run, a secret key, and a clock that the test moves."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import django
import pytest

os.environ["DJANGO_SETTINGS_MODULE"] = "tocsin.config.settings"
os.environ.setdefault("TOCSIN_SECRET_KEY", "test-key-" + "0" * 32)
os.environ.setdefault("TOCSIN_PUBLIC_URL", "https://tocsin.example")
os.environ.setdefault("TOCSIN_OUTGOING_ALLOW", "127.0.0.0/8")


def pytest_configure() -> None:
    django.setup()


@pytest.fixture
def now() -> datetime:
    """A Monday, noon UTC: the moment at which stories begin."""
    return datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
