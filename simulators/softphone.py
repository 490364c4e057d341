"""A telephone: a second baresip in a process of its own, which does with each call what its script says.

    with Softphone(picks_up=0.3, presses="1") as phone:
        ...call phone.address...
    phone.calls[0].loudness   # root mean square of what was heard, of 32768

It takes calls over one transport alone; TLS on the port after its own, with a certificate that `ca_file` vouches for.

Run as a program it is that process: settings as JSON in the first argument, what happens as JSON lines on stdout.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
from array import array
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from simulators.certificates import self_signed
from simulators.ports import free_port

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A call that has ended. `loudness` is of what was heard while it was not silent; 0 for silence alone."""

    caller: str
    loudness: int = 0
    seconds: float = 0.0
    """How long something was heard."""


@dataclass(frozen=True, slots=True)
class Script:
    """`presses` are keys, each after `pause` seconds; `talks_for` seconds of a voice come first."""

    port: int
    picks_up: float | None = 0.2
    """Seconds after it begins to ring; None lets it ring."""
    is_busy: bool = False
    presses: str = ""
    pause: float = 1.5
    talks_for: float = 0.0
    hangs_up_after: float | None = None
    """Seconds after the answer; None waits for the caller to."""
    host: str = "127.0.0.1"
    transport: Literal["udp", "tcp", "tls"] = "udp"
    certificate: str = ""
    """PEM file, key included."""


@dataclass
class Softphone:
    """Listens on this machine from `with` on; each call goes by the same script."""

    picks_up: float | None = 0.2
    is_busy: bool = False
    presses: str = ""
    pause: float = 1.5
    talks_for: float = 0.0
    hangs_up_after: float | None = None
    host: str = "127.0.0.1"
    transport: Literal["udp", "tcp", "tls"] = "udp"
    name: str = "localhost"
    """In its certificate."""
    calls: list[Heard] = field(default_factory=list)
    _lines: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)

    def __enter__(self) -> Self:
        self.port = free_port(count=2)
        self._folder = tempfile.TemporaryDirectory(prefix="softphone-")  # what the stack leaves when it is ended
        certificate = self._certificate() if self.transport == "tls" else ""
        script = Script(
            self.port, self.picks_up, self.is_busy, self.presses, self.pause, self.talks_for, self.hangs_up_after,
            self.host, self.transport, certificate,
        )  # fmt: skip
        root = str(Path(__file__).resolve().parent.parent)
        self._process = subprocess.Popen(  # noqa: S603 (ourselves)
            [sys.executable, "-m", "simulators.softphone", json.dumps(asdict(script))],
            stdout=subprocess.PIPE,
            cwd=root,
            env={**os.environ, "PYTHONPATH": f"{root}/src:{root}", "TMPDIR": self._folder.name},
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(_PATIENCE)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._folder.cleanup()

    @property
    def address(self) -> str:
        return f"sip:phone@{self.server}"

    @property
    def server(self) -> str:
        return f"{_bracketed(self.host)}:{self.port + 1 if self.transport == 'tls' else self.port}"

    @property
    def ca_file(self) -> str:
        return str(Path(self._folder.name) / "ca.pem")

    def _certificate(self) -> str:
        certificate, key = self_signed(self.host, self.name)
        both = Path(self._folder.name) / "both.pem"
        both.write_bytes(certificate + key)
        Path(self.ca_file).write_bytes(certificate)
        return str(both)

    def wait_for(self, what: str) -> dict[str, Any]:
        """The next thing of this kind that happens: "ready", "rings", "answered", "ended"."""
        while True:
            said = self._lines.get(timeout=_PATIENCE)
            if said["ended"] is not None:
                self.calls.append(Heard(**said["ended"]))
            if said["what"] == what:
                return said

    def call(self) -> Heard:
        """The next call, when it is over."""
        self.wait_for("ended")
        return self.calls[-1]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            self._lines.put(json.loads(text))


def _say(what: str, ended: Heard | None = None) -> None:
    text = json.dumps({"what": what, "ended": asdict(ended) if ended is not None else None})
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _serve(script: Script) -> None:
    from baresip import Account, Config, Runtime, UserAgent  # an extra

    runtime = Runtime()
    await runtime.start(
        Config(
            net_interface=script.host,
            max_concurrent_calls=None,
            native_log_level="error",
            extra_config_text="\n".join(_listening(script)),
        )
    )
    account = Account(
        "phone", _bracketed(script.host), "", reg_interval=0, transport=script.transport, extra_params=("catchall=yes",)
    )
    agent = await UserAgent.create(runtime, account)
    calls: set[asyncio.Task[None]] = set()

    def incoming(call: Any) -> None:
        task = asyncio.create_task(_take(call, script))
        calls.add(task)
        task.add_done_callback(calls.discard)

    agent.on_incoming(incoming)
    _say("ready")
    await asyncio.Event().wait()


def _listening(script: Script) -> list[str]:
    lines = [f"sip_listen {_bracketed(script.host)}:{script.port}"]
    return [*lines, f"sip_certificate {script.certificate}"] if script.certificate else lines


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _take(call: Any, script: Script) -> None:
    from baresip.call import CallState
    from baresip.errors import BaresipError

    _say("rings")
    heard: list[float] = []
    try:
        if script.is_busy:
            await call.reject()
        elif script.picks_up is not None:
            await asyncio.sleep(script.picks_up)
            await call.answer()
            while call.state is CallState.INCOMING:  # noqa: ASYNC110 (looked at, like the rest)
                await asyncio.sleep(0.01)
            _say("answered")
            acting = asyncio.create_task(_act(call, script))
            while call.state is CallState.ESTABLISHED:
                heard += _loudness(call)
                await asyncio.sleep(0.02)
            acting.cancel()
        while call.state is not CallState.CLOSED:  # noqa: ASYNC110 (looked at, like the rest)
            await asyncio.sleep(0.02)
    except BaresipError:
        pass
    loud = [power for power in heard if power > 10_000]
    loudness = int(math.sqrt(sum(loud) / len(loud))) if loud else 0
    _say("ended", Heard(str(call.peer), loudness, len(loud) * 0.02))


async def _act(call: Any, script: Script) -> None:
    from baresip.errors import BaresipError

    try:
        end = asyncio.get_running_loop().time() + (script.hangs_up_after or 0.0)
        if script.talks_for:
            await _talk(call, script.talks_for)
        for key in script.presses:
            await asyncio.sleep(script.pause)
            await call.send_dtmf(key)
        if script.hangs_up_after is not None:
            await asyncio.sleep(max(0.0, end - asyncio.get_running_loop().time()))
            await call.hangup()
    except BaresipError:
        pass


async def _talk(call: Any, seconds: float) -> None:
    """Something as loud as a voice, without a pause."""
    from baresip.errors import AudioNotActive, AudioRestarted

    frame = array("h", (int(6000 * math.sin(place / 5) * math.sin(place / 41)) for place in range(160))).tobytes()
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        try:
            if call.audio.info().tx_buffered < 10 * len(frame):
                call.audio.write(frame)
                continue
        except (AudioNotActive, AudioRestarted):
            pass
        await asyncio.sleep(0.01)


def _loudness(call: Any) -> list[float]:
    """Mean squares of the 20 ms frames that came since the last look."""
    from baresip.errors import AudioNotActive, AudioRestarted

    powers = []
    try:
        while len(frame := call.audio.read(320)) == 320:
            samples = array("h", frame)
            powers.append(sum(value * value for value in samples) / len(samples))
    except (AudioNotActive, AudioRestarted):
        pass
    return powers


if __name__ == "__main__":
    asyncio.run(_serve(Script(**json.loads(sys.argv[1]))))
