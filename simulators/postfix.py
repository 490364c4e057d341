"""Debian's Postfix, run for a test from where it was unpacked: an instance on free ports in a folder of its own.

It takes mail for example.org and passes it on to a server that stands for the rest of the world; mail to
bounces@alerts.example.org goes through its pipe transport. Needs no package, and root or user namespaces: its master
runs as root alone.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.certificates import self_signed
from simulators.ports import free_port
from simulators.serving import Server
from simulators.waiting import wait_until

_SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "debian-postfix.sh"
_OWNER, _SUBMITTERS, _PIPE_USER = "mail", "uucp", "nobody"
"""Users that every Debian has, and that Postfix wants to be different ones."""
_MAIN = """
compatibility_level = 3.6
mail_owner = {owner}
setgid_group = {submitters}
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {folder}
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
import_environment = MAIL_CONFIG LD_LIBRARY_PATH LANG=C MAIL_LOGTAG POSTLOG_SERVICE POSTLOG_HOSTNAME
myhostname = mx.example.org
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
fast_flush_domains =
notify_classes =
mynetworks = 127.0.0.0/8
recipient_delimiter = +
relay_domains = example.org, alerts.example.org
relayhost = [127.0.0.1]:{world}
transport_maps = inline:{{ {{ bounces@alerts.example.org = tocsin-bounce: }} }}
tocsin-bounce_destination_recipient_limit = 1
smtpd_error_sleep_time = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/tls.pem
smtpd_tls_received_header = yes
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
tocsin-bounce unix - n n - 4 pipe flags=R user={pipe_user}
  argv=/usr/bin/perl {folder}/hand-over.pl {door} ${{original_recipient}}
"""
_HAND_OVER = r"""
use IO::Socket::INET;
my $door = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift) or exit 75;
print $door shift, "\n", <STDIN>;
shutdown($door, 1);
exit(<$door> // 75);
"""
_RUN = """
set -eu
cd "$1"
install -d -o root -g root -m 755 queue queue/pid
for name in active bounce corrupt defer deferred flush hold incoming private saved trace; do
    install -d -o {owner} -g root -m 700 queue/$name
done
install -d -o {owner} -g {submitters} -m 730 queue/maildrop
install -d -o {owner} -g {submitters} -m 710 queue/public
install -d -o {owner} -g root -m 700 data
exec "$2" -d -c "$1"
"""


class Postfix:
    """A context manager. `world` is the port of whoever gets what it passes on; `settings` are more lines of main.cf.

    What the pipe transport gets is handed to `command`, with the recipient as its last argument, and its exit code to
    Postfix. That goes through a socket: the transport refuses to run anything as root, who may be the one who tests.
    """

    def __init__(
        self,
        world: int,
        *,
        settings: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._world, self._settings = world, dict(settings or {})
        self._door = _Door(command)
        self.environment = dict(environment or {})
        """Of the command; may be changed meanwhile."""
        self._folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.ca_file = str(self._folder / "ca.pem")
        self._as_root = [] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--map-auto", "--"]
        self.port = free_port(count=2)
        self.tls_port = self.port + 1

    def __enter__(self) -> Self:
        root = subprocess.run([_SCRIPT], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()  # noqa: S603 (ours)
        self._door.environment = self.environment
        self._door.__enter__()
        try:
            self._configure(root)
            master = f"{root}/usr/lib/postfix/sbin/master"
            run = _RUN.format(owner=_OWNER, submitters=_SUBMITTERS)
            with (self._folder / "master.log").open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 (fixed)
                    [*self._as_root, "/bin/sh", "-c", run, "sh", str(self._folder), master],
                    env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": _libraries(Path(root))},
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
            wait_until(self._greets, what="Postfix greeting")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(self, "_process"):
            self._process.terminate()
            self._process.wait(10)
        self._door.__exit__()
        subprocess.run([*self._as_root, "rm", "-rf", str(self._folder)], check=False)  # noqa: S603 (fixed)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def log(self) -> str:
        parts = (self._folder / name for name in ("master.log", "mail.log"))
        return "".join(part.read_text(errors="replace") for part in parts if part.exists())

    @property
    def handed_over(self) -> list[tuple[str, bytes, int]]:
        """What its pipe transport gave away so far: the recipient, the mail, and the exit code that came back."""
        return self._door.taken

    def wait_until_handed_over(self, count: int) -> None:
        try:
            wait_until(lambda: len(self._door.taken) >= count, within=30, what=f"{count} mails handed over")
        except AssertionError as error:
            raise AssertionError(f"{error}; its log:\n{self.log}") from None

    def _configure(self, root: str) -> None:
        certificate, key = self_signed("127.0.0.1")
        Path(self.ca_file).write_bytes(certificate)
        (self._folder / "tls.pem").write_bytes(key + certificate)
        (self._folder / "hand-over.pl").write_text(_HAND_OVER)
        values = {
            "owner": _OWNER, "submitters": _SUBMITTERS, "pipe_user": _PIPE_USER, "folder": self._folder, "root": root,
            "world": self._world, "port": self.port, "tls_port": self.tls_port, "door": self._door.port,
        }  # fmt: skip
        more = "".join(f"{name} = {value}\n" for name, value in self._settings.items())
        for name, text in (("main.cf", _MAIN.format(**values) + more), ("master.cf", _MASTER.format(**values))):
            (self._folder / name).write_text(text)
            os.utime(self._folder / name, (0, 0))  # it waits until a configuration is some seconds old
        self._folder.chmod(0o755)  # its programs read there as other users

    def _greets(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"Postfix ended early: {self.log}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                return bool(client.recv(3))
        except OSError:
            return False


class _Door(Server):
    def __init__(self, command: Sequence[str]) -> None:
        super().__init__()
        self._command = command
        self.environment: Mapping[str, str] = {}
        self.taken: list[tuple[str, bytes, int]] = []

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._take, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _, mail = (await reader.read(-1)).partition(b"\n")
        recipient, code = head.decode(), 0
        if self._command:
            program = await asyncio.create_subprocess_exec(
                *self._command, recipient, stdin=asyncio.subprocess.PIPE, env={**os.environ, **self.environment}
            )
            await program.communicate(mail)
            code = program.returncode if program.returncode is not None else 1
        self.taken.append((recipient, mail, code))
        writer.write(b"%d\n" % code)
        await writer.drain()
        writer.close()


class Greylist(Server):
    """A policy service of Postfix that refuses the first try of each client, sender and recipient, as postgrey does."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        """Sender and recipient of every try."""

    @property
    def check(self) -> str:
        return f"check_policy_service inet:{self.host}:{self.port}"

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._answer, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _request(reader):
                asked = dict(re.findall(r"^(\w+)=(.*)$", request.decode(), re.MULTILINE))
                who = asked["sender"], asked["recipient"]
                action = "dunno" if who in self.asked else "defer_if_permit Greylisted, see http://postgrey.example.org"
                self.asked.append(who)
                writer.write(f"action={action}\n\n".encode())
                await writer.drain()
        finally:
            writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n\n")
    except asyncio.IncompleteReadError:
        return b""


def _libraries(root: Path) -> str:
    """Its own, and those that the machine lacked."""
    found = [root / "usr/lib/postfix", *root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")]
    return ":".join(str(folder) for folder in found)
