"""Habits that the design rests on, each with what to do instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "tocsin"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)
CLOCK_READERS = {
    "cli", "config", "web", "core/clock.py", "delivery/worker.py", "delivery/sender.py", "delivery/sending.py",
    "delivery/hearing.py", "delivery/waiting.py",
    "channels/providers/dingtalk/robot.py", "channels/providers/lark/robot.py",
    "channels/providers/webhook/sender.py", "channels/providers/aliyun/account.py",
    "channels/providers/tencent/sms.py",
}  # fmt: skip
"""Doors, the worker's loops, and a signature that the vendor checks against its own clock."""


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def where(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def test_no_statement_asks_the_database_for_the_time() -> None:
    clock = re.compile(r"\b(?:now|statement_timestamp|transaction_timestamp|clock_timestamp)\(\)|\bCURRENT_TIMESTAMP\b")

    wrong = [where(path) for path in MODULES if any(clock.search(text) for text in strings(path))]

    assert wrong == ["cli/doctor.py"], "Pass `now` as a parameter; only `doctor` compares the two clocks"


def test_only_doors_and_the_worker_read_the_clock() -> None:
    clock = re.compile(r"\butc_now\(|\btimezone\.now\b|\bdatetime\.(?:now|utcnow)\(|\btime\.time\(")

    readers = [where(path) for path in MODULES if clock.search(path.read_text())]

    assert [name for name in readers if not {name, name.partition("/")[0]} & CLOCK_READERS] == [], "Take `now` instead"


def test_no_signals() -> None:
    signals = re.compile(r"django\.dispatch|django\.db\.models\.signals|@receiver\b")

    assert [where(path) for path in MODULES if signals.search(path.read_text())] == [], "Call it by its name"


def test_links_are_never_built_from_what_a_browser_calls_us() -> None:
    host = re.compile(r"build_absolute_uri|get_host\(|HTTP_HOST|get_current_site")

    assert [where(path) for path in MODULES if host.search(path.read_text())] == [], "Build it from PUBLIC_URL"


def test_who_has_chosen_no_language_gets_the_installations() -> None:
    code = re.compile(r"settings\.LANGUAGE_CODE")

    assert [where(path) for path in MODULES if code.search(path.read_text())] == [], "Use settings.DEFAULT_LANGUAGE"


def test_no_two_style_sheets_define_one_class() -> None:
    """Every page has all of them."""
    sheets: dict[str, set[str]] = {}
    for path in (SOURCE / "web").rglob("static/**/*.css"):
        for name in re.findall(r"^\.(tc-[a-z-]+) \{", path.read_text(), re.M):
            sheets.setdefault(name, set()).add(path.name)

    assert {name: found for name, found in sheets.items() if len(found) > 1} == {}


def test_no_test_is_skipped() -> None:
    skips = re.compile(r"pytest\.(?:skip|importorskip|xfail)\b|mark\.(?:skip|skipif|xfail)\b|unittest\.skip")
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]

    assert [path.name for path in tests if skips.search(path.read_text())] == [], "Make it run, or remove it"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_everything_installed_is_pinned_by_its_hash_and_names_no_index(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]

    pinned = re.compile(r"[\w.-]+(\[[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}")
    assert len(lines) > 20
    assert [line for line in lines if not pinned.match(line)] == []
    assert not re.search(r"https?:|file:|--(?:extra-)?index-url|--find-links|@ ", text)
