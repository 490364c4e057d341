"""What a part of a workbook is, told by its beginning, before anything reads the whole."""

from __future__ import annotations

from typing import IO, Any
from xml.parsers import expat

_LONGEST_BEGINNING = 2**16
_PIECE = 2**12


def root_of(stream: IO[bytes]) -> str:
    """The name of its first element, without a prefix; "" for what is no XML. ValueError for XML that declares a type
    of document, whose entities could stand for anything, and for what begins with more than any program writes.

    Read by the very parser that reads the whole later: no comment, encoding or name of the part gets round it.
    """
    found: list[str] = []
    declared: list[str] = []
    parser = expat.ParserCreate()

    def begins(name: str, _attributes: Any) -> None:
        if not found:
            found.append(name.rpartition(":")[2])

    def declares(name: str, *_more: Any) -> None:
        declared.append(name)

    parser.StartElementHandler, parser.StartDoctypeDeclHandler = begins, declares
    for _count in range(_LONGEST_BEGINNING // _PIECE):
        piece = stream.read(_PIECE)
        try:
            parser.Parse(piece, not piece)
        except expat.ExpatError:
            if not found and not declared:
                return ""
        if declared:
            raise ValueError("DOCTYPE")
        if found or not piece:
            return found[0] if found else ""
    raise ValueError("no element")
