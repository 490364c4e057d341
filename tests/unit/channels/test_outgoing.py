"""Typed addresses are judged before anything is sent to them."""

from __future__ import annotations

import pytest

from tocsin.channels.outgoing import is_allowed, is_private


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost:8080/x",
        "https://grafana.internal/x",
        "http://printer.local/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[fd00::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0/",
        "http://100.64.0.1/",
        "https:///nothing",
    ],
)
def test_addresses_that_are_not_public_are_private(url: str) -> None:
    assert is_private(url, ())


@pytest.mark.parametrize("url", ["https://8.8.8.8/x", "https://nobody.example/x", "https://[2606:4700::1111]/"])
def test_public_addresses_and_names_that_nobody_knows_are_not(url: str) -> None:
    assert not is_private(url, ())


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://10.1.2.3/", "10.0.0.0/8"),
        ("http://127.1/", "127.0.0.0/8"),
        ("http://[fd00::1]/", "fd00::/8"),
        ("http://Grafana.Internal./x", "grafana.internal"),
    ],
)
def test_what_the_operator_allows_is_not_refused(url: str, allow: str) -> None:
    assert is_allowed(url, (allow,))
    assert not is_private(url, (allow,))
