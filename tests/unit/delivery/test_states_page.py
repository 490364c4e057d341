from __future__ import annotations

from pathlib import Path

from tocsin.delivery.rules.page import page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "delivery-states.md"


def test_the_published_tables_are_those_of_the_code() -> None:
    assert PAGE.read_text() == page(), "Run `python -m tocsin.delivery.rules.page > docs/delivery-states.md`"
