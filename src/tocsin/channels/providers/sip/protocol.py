"""What an account and its call worker say to each other: one JSON object a line, over the worker's stdin and stdout."""

from __future__ import annotations

from typing import Literal

import msgspec


class Open(msgspec.Struct, tag="open", frozen=True):
    """The first line: who we are. Holds the password, and is never logged."""

    server: str
    user: str
    password: str
    next_hop: str
    transport: Literal["udp", "tcp", "tls"]
    is_verified: bool
    ca_file: str
    registers: bool
    caller_id: str
    from_domain: str

    def __repr__(self) -> str:
        return f"Open({self.server})"


class Key(msgspec.Struct, frozen=True):
    """What is said when it is pressed, and asked before it counts."""

    reply: str
    confirm: str = ""


class Dial(msgspec.Struct, tag="dial", frozen=True):
    """Call somebody. `machines` as in the account's setting."""

    call: str
    address: str
    text: str
    language: str
    keys: dict[str, Key]
    ring_for: int
    machines: str


class HangUp(msgspec.Struct, tag="hang_up", frozen=True):
    call: str


class Close(msgspec.Struct, tag="close", frozen=True):
    """Let the calls end, for at most so many seconds, and end."""

    within: float


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """It runs, and has tried to register."""


class Rings(msgspec.Struct, tag="rings", frozen=True):
    call: str
    sip_id: str = ""


class Answered(msgspec.Struct, tag="answered", frozen=True):
    """Somebody or something picked up; who is not known yet."""

    call: str
    sip_id: str = ""


class Judged(msgspec.Struct, tag="judged", frozen=True):
    call: str
    is_person: bool


class Pressed(msgspec.Struct, tag="pressed", frozen=True):
    """A key that counts: confirmed, where that is asked for."""

    call: str
    key: str


class Ended(msgspec.Struct, tag="ended", frozen=True):
    """The last word on a call. `how` is one of the constants below, `status` SIP's (0 for none)."""

    call: str
    how: str
    status: int = 0
    detail: str = ""
    retry_after: int = 0
    sip_id: str = ""


NOT_REGISTERED = "not_registered"
"""Nothing was sent: the server does not know us. `status` is its reason, where it gave one."""
NOT_TRUSTED = "not_trusted"
"""Nothing was sent: TLS with the server failed, its certificate for the most part."""
NOT_PLACED = "not_placed"
"""Nothing was sent, or it did not arrive."""
NO_REPLY = "no_reply"
"""It was sent and no reply of any kind came."""
REFUSED = "refused"
"""The other side's final answer, `status`, before anybody picked up."""
RANG_OUT = "rang_out"
"""Our own time-out."""
HUNG_UP = "hung_up"
"""It had been answered, and one of the two sides has hung up."""
LOST = "lost"
"""The call worker ended: nobody knows."""

Command = Open | Dial | HangUp | Close
Event = Ready | Rings | Answered | Judged | Pressed | Ended

_encoder = msgspec.json.Encoder()
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def line(told: Command | Event) -> bytes:
    return _encoder.encode(told) + b"\n"


def read_command(text: bytes) -> Command:
    return _commands.decode(text)


def read_event(text: bytes) -> Event:
    return _events.decode(text)
