"""Everything is started, the story told, and everything ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from demo.errors import DemoError
from demo.installation import Installation
from demo.outside import Outside
from demo.show import Screen
from demo.source import Source, find_source
from demo.story import Story

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """The exit code: 0 after the story or a Ctrl-C, 1 when something stopped it."""
    parser = ArgumentParser(prog="python -m demo", description="Watch an alert reach people.")
    parser.add_argument("--once", action="store_true", help="end after the story instead of waiting for Ctrl-C")
    is_once = parser.parse_args().once or os.environ.get("TOCSIN_DEMO_EXIT") == "1"
    screen = Screen()
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as stack:
            began = time.monotonic()
            with screen.working():
                installation, source = _tell(screen, stack)
            screen.title(f"That was it, in {time.monotonic() - began:.0f} seconds.")
            if not is_once:
                _stay(screen, installation, source)
    except KeyboardInterrupt:
        screen.say("Ended; nothing is left behind.")
    except (DemoError, OSError, subprocess.SubprocessError) as error:
        screen.problem(str(error))
        return 1
    return 0


def _tell(screen: Screen, stack: ExitStack) -> tuple[Installation, Source]:
    """What is started lives as long as the stack."""
    screen.title("Tocsin: one alert, three people", "About a minute. Ctrl-C ends it at any time.")
    folder = stack.enter_context(_folder())
    stack.callback(_ignore_signals)
    outside = stack.enter_context(Outside(os.environ))
    installation = stack.enter_context(Installation(folder))
    screen.chapter("A fresh Tocsin, with a database of its own")
    screen.say(f"Console: {installation.console}   sign in as admin, password {installation.password}")
    story = Story(screen, installation, outside)
    story.meet_people()
    story.prove_numbers()
    created = installation.command("integration", "create", "--name", "Prometheus", "--json")
    source = stack.enter_context(find_source(installation, json.loads(created)["token"], folder))
    story.fire(source)
    story.nobody_picks_up()
    story.somebody_claims()
    story.mend(source)
    story.look_back()
    return installation, source


def _stay(screen: Screen, installation: Installation, source: Source) -> None:
    screen.say(f"Look around: {installation.console}   admin, password {installation.password}")
    if source.again:
        screen.say(f"Let it fire again: {source.again}   and mend it: {source.again.replace('/fill', '/free')}")
    screen.say("Ctrl-C ends everything.")
    while True:
        installation.check()
        time.sleep(0.5)


@contextmanager
def _folder() -> Iterator[Path]:
    """Gone afterwards. Root's database runs as another user, who must be able to pass."""
    with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            folder.chmod(0o711)
        yield folder


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    """The ending is not to be interrupted."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
