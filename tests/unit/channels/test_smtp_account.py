"""SMTP accounts from URLs and forms."""

from __future__ import annotations

import pytest

from tocsin.channels.providers.smtp.account import check, from_url, read
from tocsin.channels.registry import provider_type

SMTP = provider_type("smtp")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "smtp://user:p%40ss%2F@mail.example.org:2525?from=a@example.org",
            {
                "host": "mail.example.org",
                "port": "2525",
                "username": "user",
                "password": "p@ss/",
                "from": "a@example.org",
            },
        ),
        (
            "smtps://me@example.org:pw@mail.example.org",
            {
                "host": "mail.example.org",
                "security": "tls",
                "username": "me@example.org",
                "password": "pw",
                "from": "me@example.org",
            },
        ),
        (
            "smtp://10.0.0.5?from=Tocsin%20%3Ca@example.org%3E&starttls=never&connections=4",
            {"host": "10.0.0.5", "security": "none", "from": "Tocsin <a@example.org>", "connections": "4"},
        ),
        (
            "smtp://[::1]:25?from=a@b.example&starttls=always",
            {"host": "::1", "port": "25", "security": "starttls", "from": "a@b.example"},
        ),
    ],
)
def test_a_url_becomes_a_configuration(url: str, expected: dict[str, str]) -> None:
    assert from_url(url) == expected
    assert SMTP.problems(expected) == {}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://mail.example.org", "looks like smtp://"),
        ("smtp://", "looks like smtp://"),
        ("smtp://h:port?from=a@b", "port"),
        ("smtp://h?from=a@b&starttls=maybe", "auto, always or never"),
        ("smtp://h?from=a@b&colour=red", "colour"),
        ("smtp://u:secret-word@h?from=a@b&password=secret-word", "password"),
    ],
)
def test_a_url_that_cannot_be_read_says_why(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        from_url(url)

    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "https://mail.example.org"),
        ("host", "mail example"),
        ("port", "0"),
        ("port", "65536"),
        ("port", "²5"),
        ("from", "nobody"),
        ("from", "a@b@c"),
        ("reply_to", "Somebody <a@example.org>"),
        ("connections", "0"),
        ("connections", "65"),
        ("timeout", "31"),
        ("ca_file", "/nowhere/ca.pem"),
        ("hello", "my host"),
        ("username", ""),
        ("password", ""),
        ("security", "ssl"),
        ("verify", "maybe"),
        ("from", "a@example.org\r\nBcc: b@example.org"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: str) -> None:
    good = {"host": "mail.example.org", "from": "a@example.org", "username": "u", "password": "p"}
    assert SMTP.problems(good) == {}

    assert list(SMTP.problems({**good, field: value})) == [field]


@pytest.mark.parametrize(("security", "port"), [("auto", 587), ("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_the_encryption(security: str, port: int) -> None:
    config = SMTP.complete({"host": "h", "from": "a@example.org", "security": security})

    assert check(config) == {}
    assert read(config).port == port


def test_an_account_does_not_show_its_password() -> None:
    account = read(SMTP.complete({"host": "h", "from": "a@b.example", "username": "u", "password": "s3cret-word"}))

    assert "s3cret-word" not in repr(account)
    assert SMTP.masked({"password": "s3cret-word"})["password"] == "***"
    assert SMTP.masked({})["password"] == ""


def test_connections_decide_how_many_are_sent_at_once() -> None:
    config = {"host": "h", "from": "a@b.example", "connections": "3"}

    assert SMTP.capabilities_of(config).concurrency == 3
    assert SMTP.capabilities_of(config).resend_is_safe
