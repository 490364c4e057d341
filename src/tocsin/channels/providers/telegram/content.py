"""What is posted: the few tags of HTML that Telegram reads, or the bare text. Pure."""

from __future__ import annotations

import re
from html import escape
from itertools import chain
from typing import Any

from tocsin.channels.base import Message
from tocsin.channels.groups import CUT, calling_nobody, shortened
from tocsin.channels.marked import Lines, Run, cut_lines, lines_of
from tocsin.channels.texts import one_line

MAX_UNITS = 4096
"""UTF-16 units of what is read; tags do not count."""
_MAX_TITLE = 200
_MOST_READ = 110_000
"""Characters: addresses of links are not counted."""
_NAME = re.compile(r"(?<![^\W_])@(?=\w)")
_NOTHING = "\u2060"
"""Has no width and breaks no line: after it a name is no name."""


def as_html(message: Message) -> dict[str, Any]:
    return {"text": "\n".join("".join(map(_html, runs)) for runs in _lines(message)), "parse_mode": "HTML"}


def as_text(message: Message) -> dict[str, Any]:
    """For what Telegram could not parse; addresses of links are written out."""
    return {"text": "\n".join("".join(map(_text, runs)) for runs in cut_lines(_lines(message), MAX_UNITS // 2))}


def _lines(message: Message) -> Lines:
    message = shortened(message, _MOST_READ)
    title = one_line(message.subject)[:_MAX_TITLE]
    lines = chain([[Run(title, is_bold=True)]] if title else [], lines_of(message))
    inert = ([Run(_calling_nobody(run.text), run.is_bold, run.url) for run in runs] for runs in lines)
    cut = cut_lines(inert, MAX_UNITS)
    return cut if any(run.text.strip() for runs in cut for run in runs) else [[Run(CUT)]]


def _calling_nobody(text: str) -> str:
    """Telegram rings whoever has the name that stands behind an @."""
    return _NAME.sub("@" + _NOTHING, calling_nobody(text.replace("\0", " ")))


def _html(run: Run) -> str:
    text = escape(run.text, quote=False)
    if run.url:
        text = f'<a href="{escape(run.url)}">{text}</a>'
    return f"<b>{text}</b>" if run.is_bold else text


def _text(run: Run) -> str:
    return f"{run.text}: {run.url}" if run.url and run.url != run.text else run.text
