"""Log lines, for people and for programs."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest

from tocsin.config.logs import configure_logging
from tocsin.core.traces import about, request_id_of, tracing


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before[0], before[1]


def test_people_read_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOCSIN_LOG_FORMAT", raising=False)
    configure_logging()

    logging.getLogger("tocsin.delivery").warning("%s ended", "worker")

    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "warning" in line
    assert "worker ended" in line
    assert "tocsin.delivery" in line


def test_what_others_wrote_begins_no_line_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOCSIN_LOG_FORMAT", raising=False)
    configure_logging()
    forged = "x\r\n2026-11-23T12:00:00Z [info     ] admin signed in\x1b[2J"

    try:
        raise ValueError(forged)
    except ValueError:
        logging.getLogger("tocsin").exception("the field %s cannot be referenced", forged)

    first, *others = capsys.readouterr().err.rstrip("\n").split("\n")
    assert r"the field x\r\n2026-11-23T12:00:00Z [info     ] admin signed in\x1b[2J cannot" in first
    assert others
    assert all(line.startswith("    ") for line in others[1:])
    assert not any("\r" in line or "\x1b" in line for line in others)


def test_programs_read_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_LOG_FORMAT", "json")
    configure_logging()

    try:
        raise ValueError("号码")
    except ValueError:
        logging.getLogger("tocsin.delivery").exception("failed")

    found = json.loads(capsys.readouterr().err)
    assert (found["event"], found["level"], found["logger"]) == ("failed", "error", "tocsin.delivery")
    assert found["exception"].endswith("ValueError: 号码")
    assert found["timestamp"].endswith("Z")


def test_neither_reads_a_credential(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()

    try:
        raise ValueError("smtp://ada:hunter2@mail.example.org refused")
    except ValueError:
        logging.getLogger("tocsin").exception("GET /v/3fK9aBcDeFgHiJkLmNoPqR with password=%s", "hunter2")

    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert "3fK9aBcDeFgHiJkLmNoPqR" not in text
    assert "mail.example.org refused" in text


def test_a_line_carries_what_it_is_about_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_LOG_FORMAT", "json")
    configure_logging()

    with tracing(request_id="4f1c", delivery_id=42):
        extra = {**about(event_ids=range(150)), "password": "hunter2"}
        logging.getLogger("tocsin").info("events changed", extra=extra)

    found = json.loads(capsys.readouterr().err)
    assert (found["request_id"], found["delivery_id"], found["event_ids_count"]) == ("4f1c", 42, 150)
    assert found["event_ids"] == list(range(100))
    assert "password" not in found


@pytest.mark.parametrize(("given", "is_kept"), [("4f1c-A_b.9", True), ("", False), ("a b", False), ("x" * 65, False)])
def test_a_request_keeps_the_id_that_a_log_can_hold(given: str, is_kept: bool) -> None:
    assert (request_id_of(given) == given) is is_kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", request_id_of(given))
