"""Presets and accounts of SMS gateways: what is refused, and why."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.contracts.sending import SMS
from tocsin.channels.base import Outcome
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.http_sms.preset import PresetError, built_in_names, load, parse
from tocsin.channels.registry import provider_type

HTTP_SMS = provider_type("http_sms")
SMALLEST = """
title: Smallest
request: {form: {to: "{to}", text: "{text}"}}
reply: {success: status == 200}
"""


@pytest.mark.parametrize("name", built_in_names())
def test_a_built_in_preset_can_be_read(name: str) -> None:
    assert load(name).title


def test_the_smallest_preset_says_how_to_send_and_when_it_worked() -> None:
    preset = parse(SMALLEST)

    assert (preset.needs, preset.max_parts, preset.receipts) == (("url",), 3, None)
    assert not preset.capabilities.has_receipts
    assert preset.capabilities.carries_links


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("title: Smallest", ""), "title"),
        (("title: Smallest", "title: Smallest\ncolour: red"), "colour"),
        (("{form:", "{forms:"), "forms"),
        (("status == 200", "status"), "must compare something"),
        (("status == 200", "text == 200"), "names 'text'"),
        (("{text}", "{texts}"), "{texts} is not known"),
        (("{form: {to:", "{method: GET, form: {to:"), "a GET has no form"),
        (("{form: {to:", "{body: hello, form: {to:"), "one of form, json and body"),
        (("title: Smallest", "title: Smallest\nneeds: [colour]"), "colour"),
        (("status == 200}", "status == 200, errors: [{when: status == 1, outcome: accepted}]}"), "accepted"),
        (("title: Smallest", "title: Smallest\nreceipts: {statuses: []}"), "reference"),
        (
            (
                "title: Smallest",
                "title: Smallest\nreceipts: {id: json.id, statuses: [{when: json.a == 1, status: read}]}",
            ),
            "read",
        ),
        (("{form: {to:", "{extra: [{when: key == 'x'}], form: {to:"), "names 'key'"),
        (("request:", "request: ["), "not YAML"),
        (('{form: {to: "{to}"', '{json: {to: ["{tos}"]}'), "not YAML|{tos} is not known"),
    ],
)
def test_a_preset_that_cannot_be_meant_is_refused(change: tuple[str, str], says: str) -> None:
    assert change[0] in SMALLEST

    with pytest.raises(PresetError, match=says):
        parse(SMALLEST.replace(*change))


def test_a_preset_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALLEST)
    assert load(str(path)).title == "Smallest"

    path.write_text(SMALLEST.replace("Smallest", "Changed"))
    os.utime(path, ns=(1, 1))

    assert load(str(path)).title == "Changed"


def test_a_preset_that_is_gone_breaks_the_account_and_says_so_at_the_send(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALLEST)
    config = {"preset": str(path), "url": "http://127.0.0.1:1/"}
    assert HTTP_SMS.problems(config) == {}
    path.unlink()

    result = asyncio.run(HTTP_SMS.open(config, HttpClient()).send(SMS))

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "preset")
    assert "no such file" in result.detail
    assert HTTP_SMS.capabilities_of(config).has_receipts
    assert list(HTTP_SMS.problems(config)) == ["preset"]


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        ({}, {"preset"}),
        ({"preset": "pigeon"}, {"preset"}),
        ({"preset": "/etc/passwd"}, {"preset"}),
        ({"preset": "kannel"}, {"url", "username", "password"}),
        ({"preset": "kannel", "url": "gateway", "username": "u", "password": "p"}, {"url"}),
        ({"preset": "kannel", "url": "http://[x", "username": "u", "password": "p"}, {"url"}),
        (
            {
                "preset": "kannel",
                "url": "http://g/",
                "username": "u",
                "password": "p",
                "max_parts": "0",
                "timeout": "a",
            },
            {"max_parts", "timeout"},
        ),
        ({"preset": "kannel", "url": "http://g/", "username": "u", "password": "p"}, set()),
    ],
)
def test_an_account_is_checked_by_its_preset(config: dict[str, str], wrong: set[str]) -> None:
    assert set(HTTP_SMS.problems(config)) == wrong


def test_an_account_comes_from_a_url() -> None:
    assert HTTP_SMS.from_url is not None

    config = HTTP_SMS.from_url("kannel+http://user:p%40ss@10.0.0.5:13013/cgi-bin/sendsms?sender=10086&max_parts=2")

    assert config == {
        "preset": "kannel",
        "url": "http://10.0.0.5:13013/cgi-bin/sendsms",
        "username": "user",
        "password": "p@ss",
        "sender": "10086",
        "max_parts": "2",
    }


@pytest.mark.parametrize("url", ["http://host/", "kannel+ftp://host/", "kannel+http://", "kannel+http://h/?from=1"])
def test_a_url_that_cannot_be_read_says_why(url: str) -> None:
    assert HTTP_SMS.from_url is not None

    with pytest.raises(ValueError, match="URL"):
        HTTP_SMS.from_url(url)
