"""Debian's SIPp as the SIP server at the other end of a trunk: answers each call with what it is told.

Needs the package sip-tester.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.sax.saxutils import quoteattr

from simulators.ports import free_port
from simulators.waiting import wait_until

_REPLY = """
  <send{retrans}><![CDATA[
SIP/2.0 {status} {reason}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]tocsin[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
{headers}{body}
]]></send>
"""
_NOTHING = "Content-Length: 0\n\n"
_SOUND = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""
_INFO = """
  <pause milliseconds="{pause}"/>
  <send retrans="500"><![CDATA[
INFO [$caller] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:phone@[local_ip]:[local_port]>;tag=[pid]tocsin[call_number]
To: [$from]
[last_Call-ID:]
CSeq: {number} INFO
Max-Forwards: 70
Content-Type: application/dtmf-relay
Content-Length: [len]

Signal={key}
Duration=160
]]></send>
  <recv response="200"/>
"""
CHALLENGE = 'WWW-Authenticate: Digest realm="sipp", nonce="7d3a1c", algorithm=MD5'
_REGISTRAR = """
  <recv request="REGISTER" optional="true" next="1"/>
  {calls}
  <nop next="2"/>
  <label id="1"/>
  {challenge}
  <recv request="REGISTER">
    <action>
      <ereg regexp=".*" search_in="hdr" header="Contact:" assign_to="contact"/>
    </action>
  </recv>
  <Reference variables="contact"/>
  {welcome}
  <label id="2"/>
"""
_AUTHORISED = """
  <recv request="INVITE">
    <action>
      <ereg regexp="Digest username=.tocsin., *realm=.sipp., *nonce=.7d3a1c." search_in="hdr" header="Authorization:"
            check_it="true" assign_to="answer"/>
    </action>
  </recv>
  <Reference variables="answer"/>
"""
_INVITED = """
  <recv request="INVITE">
    <action>
      <ereg regexp="&lt;(.*)&gt;" search_in="hdr" header="Contact:" assign_to="whole,caller"/>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>
    </action>
  </recv>
  <Reference variables="whole,caller,from"/>
"""


_INVITED_SO = _INVITED.replace(
    "<action>", '<action>\n      <ereg regexp={} search_in="msg" check_it="true" assign_to="said"/>'
).replace("whole,caller,from", "whole,caller,from,said")


@dataclass
class SipServer:
    """Each call gets `status` (with `headers`), 0 for no answer at all; `first` are provisional replies before it.

    A call that is answered (200) gets `presses` as SIP INFO and waits for the caller's BYE. `registers`: what a
    REGISTER gets instead, when the account sends one.
    """

    status: int = 486
    reason: str = "Because"
    headers: tuple[str, ...] = ()
    first: tuple[int, ...] = (100,)
    presses: str = ""
    registers: int = 0
    challenges: bool = False
    """Wants to know who calls, as 401 says, before anything else; who does not say so gets no further."""
    is_registrar: bool = False
    """Takes registrations too, the second time that it is asked: it answers the first with a challenge."""
    invitation: str = ""
    """A regular expression that what begins a call must match; else it is not answered."""
    host: str = "127.0.0.1"
    transport: str = "udp"

    def __enter__(self) -> Self:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="sipp-"))
        scenario = self._folder / "server.xml"
        scenario.write_text(self._scenario())
        program = shutil.which("sipp")
        assert program is not None, "install Debian's sip-tester"
        self._process = subprocess.Popen(  # noqa: S603 (found on the PATH)
            [
                program, "-sf", str(scenario), "-i", self.host, "-p", str(self.port), "-mi", self.host,
                "-mp", str(free_port(count=4)), "-nostdin", "-nr", "-t", {"udp": "u1", "tcp": "t1"}[self.transport],
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder,
        )  # fmt: skip
        wait_until(self._listens, what="SIPp to listen")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _listens(self) -> bool:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        kind = socket.SOCK_STREAM if self.transport == "tcp" else socket.SOCK_DGRAM
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return True
        return False

    def _scenario(self) -> str:
        steps = _beside_a_registrar(self._steps()) if self.is_registrar else self._steps()
        return f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="server">{steps}</scenario>\n'

    def _steps(self) -> str:
        if self.registers:
            return '<recv request="REGISTER"/>' + _reply(self.registers, self.reason, self.headers)
        steps = [_INVITED if not self.invitation else _INVITED_SO.format(quoteattr(self.invitation))]
        if self.challenges:
            steps += [_reply(401, "Unauthorized", (CHALLENGE,), is_final=True), '<recv request="ACK"/>', _AUTHORISED]
        steps += [_reply(status, "Progress", ()) for status in self.first]
        if not self.status:
            return "".join([*steps, '<recv request="CANCEL" timeout="60000"/>'])
        steps.append(_reply(self.status, self.reason, self.headers, is_final=True))
        steps.append('<recv request="ACK"/>')
        if self.status == 200:
            steps += [
                _INFO.format(pause=1500, number=number, key=key) for number, key in enumerate(self.presses, start=1)
            ]
            steps += ['<recv request="BYE" timeout="60000"/>', _reply(200, "OK", ())]
        return "".join(steps)


def _beside_a_registrar(calls: str) -> str:
    challenge = _reply(401, "Unauthorized", (CHALLENGE,))
    welcome = _reply(200, "OK", ("Contact:[$contact]", "Expires: 300"))
    return _REGISTRAR.format(calls=calls, challenge=challenge, welcome=welcome)


def _reply(status: int, reason: str, headers: tuple[str, ...], *, is_final: bool = False) -> str:
    has_sound = status == 200 and is_final
    return _REPLY.format(
        retrans=' retrans="500"' if is_final else "",
        status=status,
        reason=reason,
        headers="".join(f"{header}\n" for header in headers),
        body=_SOUND if has_sound else _NOTHING,
    )
