"""docs/sms-gateways.md says what the code takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tocsin.channels.base import Outcome
from tocsin.channels.providers.http_sms.preset import (
    ACCOUNT_NAMES,
    CALLBACK_NAMES,
    MESSAGE_NAMES,
    REPLY_NAMES,
    parse,
)
from tocsin.channels.providers.http_sms.schema import ReceiptsSection, RequestSection

DOCS = Path(__file__).parents[3] / "docs" / "sms-gateways.md"


@pytest.fixture(scope="module")
def text() -> str:
    return DOCS.read_text()


def table_keys(text: str, heading: str) -> set[str]:
    """The names in the first column of the first table under a heading."""
    section = text.split(f"\n## {heading}\n")[1]
    rows = re.search(r"\|[-| ]+\|\n((?:\|.*\n)+)", section)
    assert rows is not None
    return {name for row in rows.group(1).splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_example_can_be_used(text: str) -> None:
    source, *_more = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)

    preset = parse(source)

    assert preset.title == "Example gateway"
    assert preset.receipts is not None


def test_every_name_of_a_template_is_explained(text: str) -> None:
    named = set(re.findall(r"`\{(\w+)\}`", text))

    assert named == {*ACCOUNT_NAMES, *MESSAGE_NAMES}


def test_every_key_is_explained(text: str) -> None:
    assert table_keys(text, "request") == set(RequestSection.__struct_fields__)
    assert table_keys(text, "receipts") == set(ReceiptsSection.__struct_fields__)


def test_every_outcome_is_explained(text: str) -> None:
    assert table_keys(text, "reply") == {outcome.value for outcome in Outcome} - {Outcome.ACCEPTED.value}


def test_every_fact_is_named(text: str) -> None:
    last = text.rpartition("A reply has")[2]

    assert {*REPLY_NAMES, *CALLBACK_NAMES} <= set(re.findall(r"`(\w+)`", last))
