"""`tocsin serve` as a process of its own, on a data folder of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from simulators.waiting import wait_until

_ADDRESS = re.compile(r"Tocsin is at (http://\S+)")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """As after an installation: nothing is set but where the data is."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_"))}
    return {**inherited, "TOCSIN_DATA_DIR": str(folder), "NO_COLOR": "1", **more}


def tocsin(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One command, run to its end with nothing to read from."""
    return subprocess.run(
        [sys.executable, "-m", "tocsin.cli", *words],
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def tocsin_each(
    folder: Path, commands: Sequence[Sequence[str]], *, is_ready: bool = False, **more: str
) -> list[subprocess.CompletedProcess[str]]:
    """As `tocsin` for each command, without starting Python for each: they are forked from one process. A command may
    begin with settings, like `TOCSIN_FACES=ingest web`. `is_ready`: Django is set up before, for groups that need it.
    """
    given = json.dumps([list(words) for words in commands])
    answer = subprocess.run(
        [sys.executable, "-c", _FORKING, *(["ready"] if is_ready else [])],
        env=environment(folder, **more), input=given, capture_output=True, text=True, check=True, timeout=170,
    )  # fmt: skip
    return [subprocess.CompletedProcess(*one) for one in json.loads(answer.stdout)]


_FORKING = """
import json, os, sys, tempfile
import django, django.forms, rich.console, rich.table, tocsin.channels.registry  # what most commands load
from tocsin.cli import main

if sys.argv[1:]:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tocsin.config.settings"
    given = os.environ.get("TOCSIN_SECRET_KEY")
    os.environ["TOCSIN_SECRET_KEY"] = given or "0" * 32  # a command that makes an installation still makes its own
    django.setup()
    if given is None:
        del os.environ["TOCSIN_SECRET_KEY"]
answers = []
commands = json.load(sys.stdin)
os.close(0)
os.open(os.devnull, os.O_RDONLY)
for words in commands:
    files = [tempfile.TemporaryFile("w+") for _ in range(2)]
    if (child := os.fork()) == 0:
        for number, file in enumerate(files, 1):
            os.dup2(file.fileno(), number)
        while "=" in words[0]:
            name, _, os.environ[name] = words.pop(0).partition("=")
        main(words)
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    for file in files:
        file.seek(0)
    answers.append([words, os.waitstatus_to_exitcode(status), *(file.read() for file in files)])
json.dump(answers, sys.stdout)
"""


class Serve:
    """Started and ready inside `with`; ended afterwards if the test has not."""

    def __init__(self, folder: Path, *words: str, port: int = 0, **more: str) -> None:
        self.folder = folder
        self._command = [sys.executable, "-m", "tocsin.cli", "serve", "--port", str(port), *words]
        self._environment = environment(folder, **more)
        self.lines: list[str] = []

    def __enter__(self) -> Serve:
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            wait_until(lambda: _ADDRESS.search(self.output) or self.process.poll() is not None, within=120)
            assert self.process.poll() is None, "it ended"
            wait_until(self.is_ready)
        except AssertionError as error:
            self.__exit__()
            raise AssertionError(f"{error}; it said:\n{self.output}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self._reader.join(60)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def url(self) -> str:
        found = _ADDRESS.search(self.output)
        assert found, self.output
        return found[1]

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """The web server answers and reaches the database."""
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def child(self, name: str) -> psutil.Process:
        """`postgres`, `web` or `worker`."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if name in [Path(word).name for word in child.cmdline()])

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
