"""Whose address a request has, behind proxies."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from tocsin.web.shared.addresses import client_address


@pytest.mark.parametrize(
    ("remote", "forwarded", "trusted", "address"),
    [
        ("203.0.113.9", "", (), "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", (), "203.0.113.9"),
        ("10.0.0.2", "198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.2", "192.0.2.66, 198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.2", "198.51.100.1, 10.0.0.3", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.2", "10.0.0.4, 10.0.0.3", ("10.0.0.0/8",), "10.0.0.4"),
        ("10.0.0.2", "nonsense, 10.0.0.3", ("10.0.0.0/8",), "10.0.0.3"),
        ("10.0.0.2", "", ("10.0.0.2",), "10.0.0.2"),
        ("10.0.0.2", "198.51.100.1:4711", ("10.0.0.2",), "198.51.100.1"),
        ("::1", "[2001:db8::7]:4711", ("::1",), "2001:db8::7"),
        ("::ffff:10.0.0.2", "198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("", "198.51.100.1", ("10.0.0.0/8",), ""),
    ],
)
def test_only_trusted_proxies_are_believed(
    settings: Any, remote: str, forwarded: str, trusted: tuple[str, ...], address: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    request = RequestFactory().get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded)

    assert client_address(request) == address
