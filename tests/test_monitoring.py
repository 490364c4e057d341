"""The rules that watch Tocsin: Prometheus's own tool reads and tests them, and they ask for numbers that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "monitoring" / "tocsin.rules.yml"


@pytest.mark.parametrize("words", [["check", "rules", RULES.name], ["test", "rules", "tocsin.rules.test.yml"]])
def test_promtool_finds_the_rules_in_order(words: list[str]) -> None:
    program = shutil.which("promtool")
    assert program is not None, "Debian's package prometheus is needed: apt install prometheus"

    done = subprocess.run([program, *words], cwd=RULES.parent, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_ask_for_numbers_that_there_are() -> None:
    shown = "\n".join(path.read_text() for path in (ROOT / "src/tocsin/web/operator").glob("*.py"))
    asked = set(re.findall(r"\btocsin_[a-z0-9_]+", RULES.read_text()))

    families = {re.sub(r"_seconds_(?:bucket|count|sum)$", "_seconds", name) for name in asked}

    assert families <= set(re.findall(r'"(tocsin_[a-z0-9_]+)"', shown))


def test_every_rule_is_explained() -> None:
    page = (ROOT / "docs" / "operate" / "monitoring.md").read_text()

    rules = [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]

    assert [name for name in rules if f"`{name}`" not in page] == []
