"""Our own Markdown, taken apart for tools that write it otherwise. Pure.

It has bold text, links and backslashes before what users typed; everything else is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from tocsin.channels.base import Message
from tocsin.channels.groups import CUT

_TOKEN = re.compile(
    r"\\(?P<escaped>[^\w\s])"
    r"|\[(?P<label>(?:\\.|[^\[\]\\\n])*)\]\((?P<url>https?://[^()\s<>]*)\)"
    r"|(?P<bold>\*\*)"
)
_LINK = re.compile(r"\s*\[((?:\\.|[^\[\]\\\n])*)\]\((https?://[^()\s<>]+)\)")


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of one line, as it is read."""

    text: str
    is_bold: bool = False
    url: str = ""


Lines = Sequence[Sequence[Run]]


def lines_of(message: Message) -> Iterator[Sequence[Run]]:
    """What a message says below its subject, as far as somebody reads on."""
    if not message.markdown:
        yield from ([Run(line)] if line else [] for line in message.text.splitlines())
        return
    for line in message.markdown.splitlines():
        runs: list[Run] = []
        for (is_bold, url), alike in groupby(_runs(line), lambda run: (run.is_bold, run.url)):
            texts = [run.text for run in alike]
            runs += [Run(text, is_bold, url) for text in (texts if url else ["".join(texts)])]
        yield [run for run in runs if run.text]


def link_at_end(message: Message) -> tuple[Message, Run | None]:
    """A message's last line when that is a link and nothing else, for a button; and the message without it."""
    whole = message.markdown.rstrip()
    start = whole.rfind("\n") + 1
    found = _LINK.fullmatch(whole, start)
    if found is None:
        return message, None
    link = Run(_unescaped(found[1]), url=found[2])
    text = message.text.rstrip()
    return replace(message, markdown=whole[:start].rstrip(), text=text.removesuffix(link.url).rstrip()), link


def utf16(text: str) -> int:
    """How long it is for vendors that count so."""
    return len(text.encode("utf-16-le", "replace")) // 2


def cut_lines(lines: Iterable[Sequence[Run]], room: int) -> Lines:
    """What fits into so many UTF-16 units, line breaks included, marked where it ends. No more lines are read."""
    read: list[Sequence[Run]] = []
    size = 0
    for runs in lines:
        read.append(runs)
        size += sum(utf16(run.text) for run in runs) + 1
        if size > room:
            return _cut(read, room)
    return read


def _cut(lines: Lines, room: int) -> Lines:
    kept: list[Sequence[Run]] = []
    left = room - len(CUT) - 1
    for runs in lines:
        line: list[Run] = []
        for run in runs:
            if (size := utf16(run.text)) > left:
                begin = run.text.encode("utf-16-le", "replace")[: max(left, 0) * 2].decode("utf-16-le", "ignore")
                return [*kept, [*line, replace(run, text=begin), Run(CUT)]]
            left -= size
            line.append(run)
        kept.append(line)
        left -= 1
        if left <= 0:
            break
    return [*kept, [Run(CUT)]]


def _runs(line: str) -> Iterator[Run]:
    """Bold text ends with its line."""
    end, is_bold = 0, False
    for found in _TOKEN.finditer(line):
        yield Run(line[end : found.start()], is_bold)
        end = found.end()
        if found["bold"]:
            is_bold = not is_bold
        elif found["url"] is not None:
            yield Run(_unescaped(found["label"]) or found["url"], is_bold, found["url"])
        else:
            yield Run(found["escaped"], is_bold)
    yield Run(line[end:], is_bold)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
