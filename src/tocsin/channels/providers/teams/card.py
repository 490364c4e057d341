"""An Adaptive Card: every line as text that is read by nobody's rules, and the alert's link as a button. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tocsin.channels.base import Message
from tocsin.channels.groups import CUT, as_json, calling_nobody, shortened
from tocsin.channels.marked import Lines, Run, cut_lines, lines_of, link_at_end
from tocsin.channels.texts import one_line

MAX_BYTES = 27_000
"""Teams takes 28 KB, counted with what the workflow adds."""
_MAX_TITLE = 200
_COLOURS = {"pending": "attention", "handling": "warning", "resolved": "good"}
_AT_TAG = re.compile(r"<(?=\s*(?:/\s*)?at\b)", re.IGNORECASE)


def payload(message: Message) -> bytes:
    """JSON of at most MAX_BYTES; the title and the button are never cut."""
    message, link = link_at_end(shortened(message))
    lines = list(lines_of(message))
    whole = as_json(_card(message, lines, link))
    if len(whole) <= MAX_BYTES:
        return whole
    low, high = 0, MAX_BYTES
    while low < high:
        middle = (low + high + 1) // 2
        fits = len(as_json(_card(message, cut_lines(lines, middle), link))) <= MAX_BYTES
        low, high = (middle, high) if fits else (low, middle - 1)
    return as_json(_card(message, cut_lines(lines, low), link))


def _card(message: Message, lines: Lines, link: Run | None) -> dict[str, Any]:
    title = one_line(message.subject)[:_MAX_TITLE]
    colour = _COLOURS.get(message.alert_state, "default")
    body = [_block([Run(title, is_bold=True)], size="medium", color=colour)] if title else []
    body += [_block(runs) for runs in lines if any(run.text.strip() for run in runs)]
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body or [_block([Run(CUT)])],
    }
    if link is not None:
        content["actions"] = [{"type": "Action.OpenUrl", "title": link.text[:80], "url": link.url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _block(runs: Sequence[Run], **look: str) -> dict[str, Any]:
    """Text runs know no markup, so nothing in them is any."""
    return {"type": "RichTextBlock", "inlines": [_inline(run, look) for run in runs if run.text]}


def _inline(run: Run, look: dict[str, str]) -> dict[str, Any]:
    text = _AT_TAG.sub("\uff1c", calling_nobody(run.text.replace("\0", " ")))
    inline: dict[str, Any] = {"type": "TextRun", "text": text, **look}
    if run.is_bold:
        inline["weight"] = "bolder"
    if run.url:
        inline["selectAction"] = {"type": "Action.OpenUrl", "url": run.url}
    return inline
