"""Making what others typed harmless in a text: one function for each place that it can stand in."""

from __future__ import annotations

_MARKDOWN = frozenset("\\`*_[]()<>#|~!")


def escape_markdown(text: str) -> str:
    """What users typed stays text: no links, images or emphasis of theirs in a chat tool."""
    return "".join(f"\\{char}" if char in _MARKDOWN else char for char in " ".join(text.split()))


def escape_link(url: str) -> str:
    """An address inside a Markdown link: what would end it is percent-encoded."""
    return url.replace("(", "%28").replace(")", "%29").replace("<", "%3C").replace(">", "%3E")


def on_one_line(text: str) -> str:
    """Line breaks and other control characters of a label are spaces, so that it cannot pose as another line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
