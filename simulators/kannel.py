"""Debian's Kannel, run for a test: bearerbox, smsbox and the fake SMSC on free ports in a folder of its own. With an
SMSC of ours, Kannel is its client over SMPP and there is no fake one.

Needs the packages kannel and kannel-extras.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.ports import free_port, takes_connections
from simulators.smsc import Smsc
from simulators.waiting import wait_until

_FAKE_SMSC = "/usr/lib/kannel/test/fakesmsc"
_PROGRAMS = ("bearerbox", "smsbox", _FAKE_SMSC)
_CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
smsbox-port = {box}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal
log-file = {folder}/bearerbox.log
log-level = 0

{operator}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-file = {folder}/smsbox.log
log-level = 0

group = sendsms-user
username = {username}
password = {password}
max-messages = 3
concatenation = true
default-sender = 10086

group = sms-service
keyword = default
max-messages = 0
text = none
"""

_FAKE = """
group = smsc
smsc = fake
smsc-id = fake
port = {smsc}
connect-allow-ip = 127.0.0.1
"""
_SMPP = """
group = smsc
smsc = smpp
smsc-id = operator
host = 127.0.0.1
port = {smpp}
transceiver-mode = true
smsc-username = {system_id}
smsc-password = {smpp_password}
system-type = ""
dest-addr-ton = 1
dest-addr-npi = 1
reconnect-delay = 1
wait-ack = 5
"""


@dataclass(frozen=True, slots=True)
class FakeText:
    """One part of a text as the fake SMSC got it, in that part's own words."""

    sender: str
    to: str
    raw: str


class Kannel:
    """A context manager; `url` is where texts are posted."""

    username, password = "tocsin", "kannel-s3cret"

    def __init__(self, smsc: Smsc | None = None) -> None:
        self._smsc = smsc
        self._folder = Path(tempfile.mkdtemp(prefix="kannel-"))
        self._running: list[subprocess.Popen[bytes]] = []
        first = free_port(count=4)
        self._ports = {name: first + at for at, name in enumerate(("admin", "box", "smsc", "sendsms"))}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports['sendsms']}/cgi-bin/sendsms"

    def __enter__(self) -> Self:
        if missing := [program for program in _PROGRAMS if _path_of(program) is None]:
            raise RuntimeError(f"{', '.join(missing)} not found: install the packages kannel and kannel-extras.")
        configuration = self._folder / "kannel.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self._folder, username=self.username, password=self.password, operator=self._operator(),
                **self._ports,
            )
        )  # fmt: skip
        try:
            self._start("bearerbox", str(configuration))
            if self._smsc is None:
                wait_until(lambda: takes_connections(self._ports["smsc"]), what="Kannel's bearerbox listening")
                self._start(
                    _FAKE_SMSC, "-H", "127.0.0.1", "-r", str(self._ports["smsc"]), "-i", "100000", "-m", "1",
                    "1 2 text hi",
                )  # fmt: skip
            else:
                self._smsc.wait_until_bound()
            wait_until(lambda: takes_connections(self._ports["box"]), what="Kannel's bearerbox listening")
            self._start("smsbox", str(configuration))
            wait_until(self._takes_texts, what="Kannel taking texts")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running):
            process.terminate()
        for process in self._running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _operator(self) -> str:
        if self._smsc is None:
            return _FAKE.format(**self._ports)
        smsc = self._smsc
        return _SMPP.format(smpp=smsc.port, system_id=smsc.system_id, smpp_password=smsc.password)

    def texts(self) -> list[FakeText]:
        """What the fake SMSC was given so far."""
        log = (self._folder / "fakesmsc.log").read_text(errors="replace")
        found = re.findall(r"Got message \d+: <(\S+) (\S+) (\S+ .*?)>$", log, re.MULTILINE)
        return [FakeText(sender, to, raw) for sender, to, raw in found]

    def _start(self, program: str, *arguments: str) -> None:
        with (self._folder / f"{Path(program).name}.log").open("ab") as log:
            self._running.append(
                subprocess.Popen([_path_of(program) or program, *arguments], stdout=log, stderr=log, cwd=self._folder)  # noqa: S603 (fixed)
            )

    def _takes_texts(self) -> bool:
        if any(process.poll() is not None for process in self._running):
            raise RuntimeError(f"Kannel ended early; see {self._folder}.")
        try:
            status = f"http://127.0.0.1:{self._ports['admin']}/status.txt?password={self.password}"
            with urllib.request.urlopen(status, timeout=2) as reply:
                page = reply.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return "smsbox" in page and "online" in page and takes_connections(self._ports["sendsms"])


def _path_of(program: str) -> str | None:
    """Debian puts Kannel's daemons where an ordinary user's PATH does not look."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin")
