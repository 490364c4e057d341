"""What is posted: blocks of Slack's mrkdwn with a text for notifications, or that text alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tocsin.channels.base import Mention, Message
from tocsin.channels.groups import CUT, calling_nobody, longest_that_fits, shortened, without_half_an_escape
from tocsin.channels.listening import Button
from tocsin.channels.texts import one_line

MAX_BYTES = 12_000
"""Of what a message says. Slack takes 40,000 characters and shows far fewer."""
_MAX_SECTION = 2900
"""Characters of one section, of which Slack takes 3,000."""
_MAX_TEXT = 3500
"""Characters of a message that is only a text; Slack asks for 4,000 at most."""
_MAX_TITLE = 200
_MAX_PEOPLE = 50
_MEMBER = re.compile(r"[UW][A-Z0-9]{5,30}")
_TOKEN = re.compile(
    r"\\(?P<escaped>.)"
    r"|\[(?P<label>(?:\\.|[^\[\]\\\n])*)\]\((?P<url>https?://[^()\s<>|]*)\)"
    r"|(?P<bold>\*\*)"
    r"|(?P<raw>[&<>])",
    re.DOTALL,
)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_NOTHING = "\u200b"
"""Has no width: beside a sign of mrkdwn it leaves that a sign."""
_SIGNS = re.compile(r"(?<![^\W_])[*_~]|[*_~](?![^\W_])")
"""Within a word they mean nothing to Slack: a label like node_exporter stays as it is."""


def people(mentions: Sequence[Mention]) -> tuple[str, ...]:
    """Member IDs, once each, as many as fit."""
    found = dict.fromkeys(mention.user_id for mention in mentions if _MEMBER.fullmatch(mention.user_id))
    return tuple(found)[:_MAX_PEOPLE]


def with_blocks(message: Message) -> dict[str, Any]:
    """`text` is what a phone's notification shows; the blocks are the message."""
    message = shortened(message)
    title = _plain(_title(message))
    body = _mrkdwn_that_fits(message)
    sections = [f"*{title}*" if title else "", *_sections(body), _mentioned(message)]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in sections if text
    ]
    first = body.partition("\n")[0].replace("*", "")
    if message.buttons:
        blocks.append({"type": "actions", "elements": _buttons(message.buttons)})
    return {"text": _short(" ".join(filter(None, [title, first, _mentioned(message)]))), "blocks": blocks}


def without_blocks(message: Message) -> dict[str, Any]:
    """What Slack takes of a message whose blocks it refuses."""
    message = shortened(message)
    title, mentioned = _plain(_title(message)), _mentioned(message)

    def built(body: str) -> str:
        start = title if not body.startswith(title) or not title else ""
        return "\n".join(filter(None, [start, body, mentioned])) or CUT

    whole = calling_nobody(message.text)
    if len(built(_plain(whole))) > _MAX_TEXT:
        whole = longest_that_fits(whole, lambda begin: len(built(_plain(begin) + CUT)) <= _MAX_TEXT) + CUT
    return {"text": built(_plain(whole)), "mrkdwn": True}


def as_mrkdwn(markdown: str) -> str:
    """Our Markdown, in which what users typed is escaped, as Slack writes it. No `<` of theirs gets through."""

    def written(found: re.Match[str]) -> str:
        if found["bold"]:
            return "*"
        if found["url"] is not None:
            label = _plain(re.sub(r"\\(.)", r"\1", found["label"])).replace("|", "\uff5c")
            return f"<{_entities(found['url'])}|{label}>" if label else f"<{_entities(found['url'])}>"
        if found["raw"]:
            return _ENTITIES[found["raw"]]
        before, after = markdown[max(found.start() - 1, 0) : found.start()], markdown[found.end() : found.end() + 2]
        return _alone(found["escaped"], is_inside=before.isalnum() and after.removeprefix("\\")[:1].isalnum())

    return _TOKEN.sub(written, markdown)


def _mrkdwn_that_fits(message: Message) -> str:
    whole = calling_nobody(message.markdown)
    if not whole:
        whole_text = calling_nobody(message.text)
        fits = longest_that_fits(whole_text, lambda begin: _size(_plain(begin)) <= MAX_BYTES)
        return _plain(fits) + (CUT if fits != whole_text else "")
    if _size(as_mrkdwn(whole)) <= MAX_BYTES:
        return as_mrkdwn(whole)
    begin = longest_that_fits(whole, lambda begin: _size(as_mrkdwn(begin)) <= MAX_BYTES)
    return as_mrkdwn(without_half_an_escape(begin)) + CUT


def _sections(text: str) -> list[str]:
    """In pieces of one section each, cut between lines where there is one to cut at, and never inside a link."""
    pieces: list[str] = []
    rest = text
    while len(rest) > _MAX_SECTION:
        at = rest.rfind("\n", 1, _MAX_SECTION)
        if at <= 0:
            at = _MAX_SECTION
            for opens, closes in (("<", ">"), ("&", ";")):
                if (begin := rest.rfind(opens, 0, at)) > rest.rfind(closes, 0, at):
                    at = min(at, begin)
            at = at or _MAX_SECTION
        pieces.append(rest[:at])
        rest = rest[at:].removeprefix("\n")
    return [piece for piece in [*pieces, rest] if piece.strip()]


def _plain(text: str) -> str:
    """Text that stays text: no entity, no emphasis, no code."""
    return _entities(_SIGNS.sub(lambda found: _NOTHING + found[0] + _NOTHING, text).replace("`", "'"))


def _alone(sign: str, *, is_inside: bool) -> str:
    """The same for one character. `is_inside`: a word."""
    text = sign if is_inside or sign not in "*_~" else _NOTHING + sign + _NOTHING
    return _entities(text.replace("`", "'"))


def _entities(text: str) -> str:
    return "".join(_ENTITIES.get(character, character) for character in text)


def _buttons(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    return [
        {
            "type": "button",
            "action_id": f"tocsin-{button.name}",
            "text": {"type": "plain_text", "text": button.label[:75]},
            "value": button.token,
            **({"style": "primary"} if button.is_main else {}),
        }
        for button in buttons
    ]


def _mentioned(message: Message) -> str:
    return " ".join(f"<@{member}>" for member in people(message.mentions))


def _title(message: Message) -> str:
    return calling_nobody(one_line(message.subject))[:_MAX_TITLE]


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SECTION else longest_that_fits(text, lambda begin: len(begin) < _MAX_SECTION) + CUT


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
