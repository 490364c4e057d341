"""Texts to the octets of one or more short messages, and back. Pure. 3GPP TS 23.038 and 23.040."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.channels.providers.smpp.pdu import ShortMessage, Tag
from tocsin.channels.texts import cut_to_parts, gsm7_octets, gsm7_text, is_gsm7, split_to_parts, to_gsm7_if_possible

_DEFAULT, _LATIN1, _UCS2 = 0x00, 0x03, 0x08
_HAS_HEADER = 0x40
_JOINED, _JOINED_16 = 0x00, 0x08
"""Information elements of a concatenated text, with a reference of one octet or two."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What one submit_sm carries of a text."""

    content: bytes
    data_coding: int
    esm_class: int = 0
    tlvs: Mapping[int, bytes] = field(default_factory=dict)


def segments_of(text: str, *, alphabet: str, long_texts: str, max_parts: int, reference: int) -> list[Segment]:
    """In order. `reference` tells texts to one phone apart; a text that is sent again keeps it."""
    text = text.encode("utf-16", "replace").decode("utf-16").replace("\0", "")
    if alphabet != "ucs2":
        text = to_gsm7_if_possible(text)
    is_ucs2 = alphabet == "ucs2" or not is_gsm7(text) or (alphabet == "latin1" and not _is_latin1(text))
    text = cut_to_parts(text, max_parts, is_ucs2=is_ucs2)
    coding = _UCS2 if is_ucs2 else _DEFAULT
    parts = split_to_parts(text, is_ucs2=is_ucs2)
    if len(parts) == 1:
        return [Segment(_octets(text, alphabet, is_ucs2), coding)]
    if long_texts == "payload":
        return [Segment(b"", coding, tlvs={Tag.MESSAGE_PAYLOAD: _octets(text, alphabet, is_ucs2)})]
    segments = []
    for number, part in enumerate(parts, 1):
        content = _octets(part, alphabet, is_ucs2)
        if long_texts == "sar":
            tlvs: dict[int, bytes] = {
                Tag.SAR_MSG_REF_NUM: (reference & 0xFFFF).to_bytes(2, "big"),
                Tag.SAR_TOTAL_SEGMENTS: bytes((len(parts),)),
                Tag.SAR_SEGMENT_SEQNUM: bytes((number,)),
            }
            segments.append(Segment(content, coding, tlvs=tlvs))
        else:
            header = bytes((5, _JOINED, 3, reference & 0xFF, len(parts), number))
            segments.append(Segment(header + content, coding, _HAS_HEADER))
    return segments


def text_of(message: ShortMessage, *, alphabet: str) -> tuple[str, int]:
    """What somebody wrote, and which part of it this is, from 1."""
    content, part = message.content, 1
    if message.esm_class & _HAS_HEADER and content:
        header, content = content[1 : content[0] + 1], content[content[0] + 1 :]
        part = _part_of(header)
    elif seqnum := message.tlvs.get(Tag.SAR_SEGMENT_SEQNUM):
        part = seqnum[0]
    if message.data_coding & 0x0C == _UCS2:
        return content.decode("utf-16-be", "replace"), part
    if message.data_coding == _DEFAULT and alphabet == "gsm7":
        return gsm7_text(content), part
    return content.decode("latin-1"), part


def _octets(text: str, alphabet: str, is_ucs2: bool) -> bytes:
    if is_ucs2:
        return text.encode("utf-16-be")
    return text.encode("latin-1") if alphabet == "latin1" else gsm7_octets(text)


def _is_latin1(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _part_of(header: bytes) -> int:
    at = 0
    while at + 1 < len(header):
        element, length = header[at], header[at + 1]
        if element in (_JOINED, _JOINED_16) and length in (3, 4) and at + 1 + length < len(header):
            return header[at + 1 + length]
        at += 2 + length
    return 1
