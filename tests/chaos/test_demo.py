"""`make demo`, as somebody with a fresh clone sees it: the story is told, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from simulators.dingtalk import DingtalkSimulator
from simulators.smtp import SmtpSimulator
from simulators.softphone import Softphone
from simulators.waiting import wait_until
from tests.chaos.processes import is_alive

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.timeout(240)


class Demo:
    """A running demo; `said` is what it printed so far, with single spaces."""

    def __init__(self, temporary: Path, *words: str, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo", *words],
            cwd=ROOT,
            env={**inherited, "TMPDIR": str(temporary), "NO_COLOR": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        return " ".join(" ".join(self._lines).replace("│", " ").split())

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> int:
        code = self.process.wait(200)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the demo makes its folder; every user may pass, as root's database is another one's."""
    with tempfile.TemporaryDirectory(prefix="tocsin-chaos-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_the_demo_tells_its_story_and_ends(temporary: Path) -> None:
    demo = Demo(temporary, TOCSIN_DEMO_EXIT="1")

    code = demo.end()
    said = demo.said

    assert code == 0, said
    assert "Prometheus watches the disk of db-1" in said
    assert "one button, '验证'" in said
    assert "Nothing is verified yet" in said
    assert "Sam Carter does the same: Your number is verified" in said
    assert "wang.fang@example.org has mail: [P1] DiskAlmostFull (#1)" in said
    assert "The group, mentioning 王芳, Sam Carter, Maya Lindqvist, reads: [P1] DiskAlmostFull" in said
    assert "The phone of 王芳 rings:" in said
    assert "The phone of 王芳 shows: [P1] DiskAlmostFull" in said
    assert "Alert #1 is handling, claimed by Sam Carter." in said
    assert "maya.lindqvist@example.org has mail: Re: [P1] DiskAlmostFull (#1)" in said
    story = said.partition("Alert #1, DiskAlmostFull: resolved")[2]
    assert "Maya Lindqvist (phone): the phone number is not verified" in story
    assert "call to 王芳 +86 138 **** 0001 failed: nobody answered" in story
    assert "answered, pressed 1" in story
    assert "Sam Carter claimed it by pressing a key" in story
    assert "Resolved: all events recovered" in story
    assert "tells Sam Carter by phone" in story
    assert "Traceback" not in said
    assert list(temporary.iterdir()) == []


@pytest.mark.thorough
def test_without_prometheus_it_says_so_and_it_reaches_the_readers_own_servers(temporary: Path) -> None:
    with SmtpSimulator() as mail, DingtalkSimulator(secret="SECreader") as group:
        demo = Demo(
            temporary,
            PATH="/nonexistent",
            TOCSIN_DEMO_EMAIL=f"smtp://{mail.host}:{mail.port}?from=a@example.org&starttls=never&to=reader@example.org",
            TOCSIN_DEMO_DINGTALK=group.webhook,
            TOCSIN_DEMO_DINGTALK_SECRET="SECreader",
        )
        wait_until(lambda: "Ctrl-C ends everything." in demo.said or demo.process.poll() is not None, within=150)
        family = demo.family()
        demo.process.send_signal(signal.SIGINT)
        code = demo.end()

        assert code == 0, demo.said
        assert "Prometheus is not installed here, so the demo posts the alert itself" in demo.said
        assert [message.recipient for message in mail.messages] == ["reader@example.org"] * 2
        assert [message.title for message in group.messages] == ["[P1] DiskAlmostFull"] * 2
    assert len(family) >= 4
    assert not [process.pid for process in family if is_alive(process.pid)]
    assert list(temporary.iterdir()) == []


@pytest.mark.thorough
def test_it_calls_the_readers_own_softphone(temporary: Path) -> None:
    with Softphone(presses="1") as phone:
        demo = Demo(temporary, TOCSIN_DEMO_EXIT="1", TOCSIN_DEMO_SIP=phone.address)
        code = demo.end()

    assert code == 0, demo.said
    assert "Alert #1 is handling, claimed by" in demo.said
    assert "answered, pressed 1" in demo.said
    assert "Traceback" not in demo.said


def test_a_wrong_setting_is_said_in_a_sentence(temporary: Path) -> None:
    demo = Demo(temporary, TOCSIN_DEMO_EMAIL="smtp://mail.example.org?from=a@example.org")

    code = demo.end()

    assert code == 1
    assert "The demo stopped: TOCSIN_DEMO_EMAIL lacks your own address" in demo.said
    assert "Traceback" not in demo.said
    assert list(temporary.iterdir()) == []
