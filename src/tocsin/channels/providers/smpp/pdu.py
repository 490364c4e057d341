"""SMPP 3.4 on the wire: its PDUs to octets and back. Pure. https://smpp.org/SMPP_v3_4_Issue1_2.pdf, sections 3 to 5."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

HEADER = struct.Struct(">IIII")
LARGEST = 128 * 1024
_RESPONSE = 0x80000000


class Command(IntEnum):
    """What we say and hear; a response has the same number with the highest bit set."""

    BIND_TRANSMITTER = 0x02
    QUERY_SM = 0x03
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    ENQUIRE_LINK = 0x15
    ALERT_NOTIFICATION = 0x102
    DATA_SM = 0x103
    GENERIC_NACK = 0x80000000


class Tag(IntEnum):
    """Optional parameters that mean something to us."""

    RECEIPTED_MESSAGE_ID = 0x001E
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class PduError(Exception):
    """Octets that are no PDU, or none that can be read."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """A header and its body. `command` without the bit of a response."""

    command: int
    is_response: bool
    status: int
    sequence: int
    body: bytes = b""

    def encoded(self) -> bytes:
        command = self.command | (_RESPONSE if self.is_response else 0)
        return HEADER.pack(HEADER.size + len(self.body), command, self.status, self.sequence) + self.body


@dataclass(frozen=True, slots=True)
class Address:
    number: str = ""
    ton: int = 0
    npi: int = 0


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """What submit_sm, deliver_sm and data_sm carry. `content` is the short message, or else the payload."""

    source: Address = Address()
    destination: Address = Address()
    esm_class: int = 0
    data_coding: int = 0
    content: bytes = b""
    registered_delivery: int = 0
    tlvs: Mapping[int, bytes] = field(default_factory=dict)


def header_of(octets: bytes) -> tuple[int, int, int, int]:
    """(length of the body, command, status, sequence); PduError for a length that cannot be."""
    length, command, status, sequence = HEADER.unpack(octets)
    if not HEADER.size <= length <= LARGEST:
        raise PduError(f"a PDU of {length} octets")
    return length - HEADER.size, command, status, sequence


def pdu_of(command: int, status: int, sequence: int, body: bytes) -> Pdu:
    if command == Command.GENERIC_NACK:
        return Pdu(Command.GENERIC_NACK, True, status, sequence, body)
    return Pdu(command & ~_RESPONSE, bool(command & _RESPONSE), status, sequence, body)


def c_string(text: str, longest: int) -> bytes:
    """At most `longest` octets with the closing NUL."""
    return text.replace("\0", "").encode("latin-1", "replace")[: longest - 1] + b"\0"


def bind_body(system_id: str, password: str, system_type: str) -> bytes:
    who = c_string(system_id, 65) + c_string(password, 65) + c_string(system_type, 13)
    return who + bytes((0x34, 0, 0)) + b"\0"


def submit_body(message: ShortMessage) -> bytes:
    """The content as short message: at most 254 octets."""
    return b"".join(
        (
            b"\0",  # service_type
            _address(message.source),
            _address(message.destination),
            bytes((message.esm_class, 0, 0)),  # protocol_id, priority_flag
            b"\0\0",  # schedule_delivery_time, validity_period
            bytes((message.registered_delivery, 0, message.data_coding, 0, len(message.content))),
            message.content,
            *(struct.pack(">HH", tag, len(value)) + value for tag, value in message.tlvs.items()),
        )
    )


def query_body(message_id: str, source: Address) -> bytes:
    return c_string(message_id, 65) + _address(source)


def read_short_message(pdu: Pdu) -> ShortMessage:
    """Of a deliver_sm, submit_sm or data_sm."""
    reader = Reader(pdu.body)
    reader.c_string()  # service_type
    source, destination = reader.address(), reader.address()
    esm_class = reader.octet()
    if pdu.command == Command.DATA_SM:
        registered, data_coding, content = reader.octet(), reader.octet(), b""
    else:
        reader.octet(), reader.octet()
        reader.c_string(), reader.c_string()
        registered, _replace, data_coding, _default = (reader.octet() for _ in range(4))
        content = reader.take(reader.octet())
    tlvs = reader.tlvs()
    return ShortMessage(
        source, destination, esm_class, data_coding, content or tlvs.get(Tag.MESSAGE_PAYLOAD, b""), registered, tlvs
    )


def message_id_of(body: bytes) -> str:
    """What a submit_sm_resp says; "" when it is left out, as with a negative status."""
    return body.split(b"\0", 1)[0].decode("latin-1").strip()


@dataclass(slots=True)
class Reader:
    """From the beginning of a body to its end; PduError when it ends early."""

    octets: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.octets):
            raise PduError("a body that ends early")
        self.at += count
        return self.octets[self.at - count : self.at]

    def octet(self) -> int:
        return self.take(1)[0]

    def c_string(self) -> str:
        end = self.octets.find(b"\0", self.at)
        if end < 0:
            raise PduError("a text without its end")
        return self.take(end + 1 - self.at)[:-1].decode("latin-1")

    def address(self) -> Address:
        ton, npi = self.octet(), self.octet()
        return Address(self.c_string(), ton, npi)

    def tlvs(self) -> dict[int, bytes]:
        """What stands there; a last one that is cut off is left out, since some senders miscount."""
        found: dict[int, bytes] = {}
        while self.at + 4 <= len(self.octets):
            tag, length = struct.unpack(">HH", self.take(4))
            if self.at + length > len(self.octets):
                break
            found[tag] = self.take(length)
        return found


def _address(address: Address) -> bytes:
    return bytes((address.ton, address.npi)) + c_string(address.number, 21)
