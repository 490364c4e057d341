"""Log lines, for people and for programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from tocsin.config.logs import configure_logging


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
