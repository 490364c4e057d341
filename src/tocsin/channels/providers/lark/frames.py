"""What goes over Lark's long connection: one small protobuf message, written and read by hand. Pure.

Field numbers: 1 SeqID, 2 LogID, 3 service, 4 method, 5 headers (1 key, 2 value), 6 payload_encoding, 7 payload_type,
8 payload, 9 LogIDNew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

CONTROL, DATA = 0, 1
"""What `method` can be."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_NUMBERS = {1: "seq_id", 2: "log_id", 3: "service", 4: "method"}
_TEXTS = {6: "payload_encoding", 7: "payload_type", 9: "log_id_new"}
_MAX = 1 << 64


@dataclass(frozen=True, slots=True)
class Frame:
    method: int
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes = field(default=b"", repr=False)
    seq_id: int = 0
    log_id: int = 0
    service: int = 0
    payload_encoding: str = ""
    payload_type: str = ""
    log_id_new: str = ""


def encoded(frame: Frame) -> bytes:
    """The four numbers are always written: they are required."""
    parts = [_number(number, getattr(frame, name)) for number, name in _NUMBERS.items()]
    for key, value in frame.headers.items():
        parts.append(_bytes(5, _bytes(1, key.encode()) + _bytes(2, value.encode())))
    for number, text in ((6, frame.payload_encoding), (7, frame.payload_type)):
        parts += [_bytes(number, text.encode())] if text else []
    parts += [_bytes(8, frame.payload)] if frame.payload else []
    parts += [_bytes(9, frame.log_id_new.encode())] if frame.log_id_new else []
    return b"".join(parts)


def decoded(data: bytes) -> Frame:
    """ValueError for what is no frame. Fields that are not known are passed over."""
    found: dict[str, int | str | bytes] = {}
    headers: dict[str, str] = {}
    for number, value in _fields(data):
        if number in _NUMBERS and isinstance(value, int):
            found[_NUMBERS[number]] = value
        elif number in _TEXTS and isinstance(value, bytes):
            found[_TEXTS[number]] = value.decode("utf-8", "replace")
        elif number == 5 and isinstance(value, bytes):
            pair = {part: text for part, text in _fields(value) if isinstance(text, bytes)}
            headers[pair.get(1, b"").decode("utf-8", "replace")] = pair.get(2, b"").decode("utf-8", "replace")
        elif number == 8 and isinstance(value, bytes):
            found["payload"] = value
    if "method" not in found:
        raise ValueError("no method")
    return Frame(headers=headers, **found)  # type: ignore[arg-type]


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("unknown wire type")
        if at + length > len(data):
            raise ValueError("cut off")
        if kind == _BYTES:
            yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value % _MAX, at
        shift += 7
    raise ValueError("cut off")


def _number(number: int, value: int) -> bytes:
    return _written(number << 3 | _VARINT) + _written(value % _MAX)


def _bytes(number: int, value: bytes) -> bytes:
    return _written(number << 3 | _BYTES) + _written(len(value)) + value


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
