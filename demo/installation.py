"""A fresh Tocsin in a folder of its own: `tocsin serve` on a free port, and commands beside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from demo.children import Child
from demo.errors import DemoError
from simulators.ports import free_port

ORGANISATION = "Northwind"
_ROOT = Path(__file__).resolve().parent.parent
_PASSWORD = re.compile(r"password (\S+)")
_COMMAND_SECONDS = 120


class Installation:
    """Started inside `with`; `url`, `password` and the commands are there then. Nothing of the caller's own is used."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_"))}
        self._environment = {
            **inherited,
            "TOCSIN_DATA_DIR": str(folder / "data"),
            "TOCSIN_PUBLIC_URL": self.url,
            "TOCSIN_ORGANISATION": ORGANISATION,
            "TOCSIN_OUTGOING_ALLOW": "127.0.0.1",
            "NO_COLOR": "1",
        }
        self._serve = Child(
            "tocsin serve",
            [sys.executable, "-m", "tocsin.cli", "serve", "--port", str(port)],
            log=folder / "serve.log",
            environment=self._environment,
        )

    def __enter__(self) -> Self:
        self._serve.__enter__()
        try:
            self._serve.wait_for(
                self._is_ready,
                what="An answer of tocsin serve",
                within=180,  # a small machine takes its time to make the tables
            )
            self.password = self._serve.wait_for(self._password, what="The first password", within=10)
        except BaseException:
            self._serve.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._serve.__exit__()

    @property
    def console(self) -> str:
        return f"{self.url}/console/"

    def check(self) -> None:
        self._serve.check()

    def command(self, *words: str, reads: str = "") -> str:
        """The output of `tocsin WORDS`; DemoError with its own words when it refuses."""
        return self._run("tocsin.cli", *words, reads=reads)

    def outbox(self) -> list[dict[str, Any]]:
        """What `tocsin outbox --json` lists, oldest first."""
        messages: list[dict[str, Any]] = json.loads(self.command("outbox", "--json"))
        return messages[::-1]

    def inside(self, *words: str, given: Any = None) -> Any:
        """What demo/inside.py does with the services, where there is no command yet."""
        return json.loads(self._run("demo.inside", *words, reads=json.dumps(given)))

    def _run(self, module: str, *words: str, reads: str) -> str:
        done = subprocess.run(  # noqa: S603 (our own commands)
            [sys.executable, "-m", module, *words],
            env=self._environment,
            cwd=_ROOT,
            input=reads,
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
            start_new_session=True,
        )
        if done.returncode:
            raise DemoError(done.stderr.strip() or f"{module} {words[0]} failed.")
        return done.stdout

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as reply:  # noqa: S310 (our own address)
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _password(self) -> str | None:
        found = _PASSWORD.search(self._serve.output)
        return found[1] if found else None
