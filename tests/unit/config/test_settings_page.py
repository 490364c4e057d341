"""docs/operate/settings.md says what the code reads, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [*(ROOT / "src").rglob("*.py"), *(ROOT / "demo").rglob("*.py")]
PAGE = ROOT / "docs" / "operate" / "settings.md"


def test_every_variable_has_a_row_and_every_row_a_variable() -> None:
    read = {name for path in SOURCES for name in re.findall(r'"(TOCSIN_[A-Z0-9_]+)"', path.read_text())}
    rows = re.findall(r"^\| `(TOCSIN_[A-Z0-9_]+)` \|", PAGE.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(read)


def test_other_pages_name_only_variables_that_exist() -> None:
    rows = set(re.findall(r"^\| `(TOCSIN_[A-Z0-9_]+)` \|", PAGE.read_text(), re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"TOCSIN_[A-Z0-9_]*[A-Z0-9]", page.read_text())}

    assert named <= rows
