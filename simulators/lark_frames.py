"""The frames of Lark's long connection: Protocol Buffers by hand, as the vendor's servers write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write_frame(method: int, headers: Mapping[str, str], payload: bytes) -> bytes:
    """As the vendor's servers do, without looking at our own code."""
    out = b"\x08\x00\x10\x00\x18" + _varint(33554678) + b"\x20" + _varint(method)
    for key, value in headers.items():
        pair = b"\x0a" + _sized(key.encode()) + b"\x12" + _sized(value.encode())
        out += b"\x2a" + _sized(pair)
    return out + b"\x42" + _sized(payload)


def read_frame(data: bytes) -> dict[str, Any]:
    """ValueError for what lacks one of the four numbers that are required."""
    found: dict[str, Any] = {"headers": [], "payload": b""}
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key & 7 == 0:
            value, at = _read_varint(data, at)
            found[{1: "seq", 2: "log", 3: "service", 4: "method"}[key >> 3]] = value
        else:
            length, at = _read_varint(data, at)
            body = data[at : at + length]
            at += length
            if key >> 3 == 5:
                found["headers"].append(_read_pair(body))
            elif key >> 3 == 8:
                found["payload"] = body
    if not {"seq", "log", "service", "method"} <= found.keys():
        raise ValueError("required fields are missing")
    return found


def _read_pair(body: bytes) -> tuple[str, str]:
    texts, at = [], 0
    while at < len(body):
        _key, at = _read_varint(body, at)
        length, at = _read_varint(body, at)
        texts.append(body[at : at + length].decode())
        at += length
    return texts[0], texts[1]


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = scale = 0
    while True:
        byte = data[at]
        at += 1
        value += (byte & 127) << scale
        scale += 7
        if byte < 128:
            return value, at


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data
