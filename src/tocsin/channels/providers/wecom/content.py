"""What is posted: Markdown in WeCom's own small dialect, or a text. Lengths are bytes of the content. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tocsin.channels.base import Mention, Message
from tocsin.channels.groups import CUT, as_json, calling_nobody, longest_that_fits, shortened, without_half_an_escape
from tocsin.channels.marked import lines_of, link_at_end
from tocsin.channels.texts import one_line

MAX_BYTES = 4096
MAX_TEXT_BYTES = 2048
_MAX_TITLE_BYTES = 400
_MAX_CARD_BYTES = 1500
"""Of a card's text, of which readers see the first lines."""
_MENTIONS_ROOM = 1000
_USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_NOBODY = ("all", "everyone")
_OTHER_PLATFORMS = ("ou_", "on_")
_MENTION_TAG = re.compile(r"<(?=\s*@)")
_MARKDOWN_SIGNS = re.compile(r"([\\`*_\[\]()<>#|~!])")
_TAG_OPENS = re.compile(r"\\?<(?=[/!A-Za-z]|\s*@)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LINE_OPENS = re.compile(r"^([^\S\n]*)([>#])", re.MULTILINE)
_NOTHING = "\u200b"
"""Has no width and parts two signs that mean something together."""
_INSTEAD = {"`": "'", "*": "*" + _NOTHING, "]": "]" + _NOTHING}


def people(mentions: Sequence[Mention]) -> tuple[str, ...]:
    """Their user IDs, once each, as many as fit."""
    found: dict[str, None] = {}
    room = _MENTIONS_ROOM
    for mention in mentions:
        if not _is_user_id(mention.user_id) or mention.user_id in found:
            continue
        room -= len(mention.user_id) + 4
        if room < 0:
            break
        found[mention.user_id] = None
    return tuple(found)


def markdown_of(message: Message) -> bytes:
    """Mentions stand in the text, at its end, and are never cut."""
    message = shortened(message)
    mentioned = " ".join(f"<@{user_id}>" for user_id in people(message.mentions))
    title = _as_wecom_writes(_MARKDOWN_SIGNS.sub(r"\\\1", _title(message)))

    def built(begin: str, mark: str = "") -> str:
        body = _as_wecom_writes(begin) + mark
        said = "\n".join(filter(None, [f"### {title}" if title else "", body]))
        return "\n".join(filter(None, [_calls_nobody(said), mentioned]))

    whole = calling_nobody(message.markdown)
    if _size(built(whole)) <= MAX_BYTES:
        return as_json({"msgtype": "markdown", "markdown": {"content": built(whole)}})
    begin = longest_that_fits(whole, lambda begin: _size(built(begin, CUT)) <= MAX_BYTES)
    content = built(without_half_an_escape(begin), CUT)
    return as_json({"msgtype": "markdown", "markdown": {"content": content}})


def card_of(message: Message) -> bytes | None:
    """A notice that leads to the alert; None for what leads nowhere, of which WeCom takes no card."""
    message, link = link_at_end(shortened(message))
    if link is None:
        return None
    title = _inert(_title(message))
    body = "\n".join("".join(run.text for run in runs) for runs in lines_of(message)).strip()
    body = _inert(body)
    cut = longest_that_fits(body, lambda begin: _size(begin) <= _MAX_CARD_BYTES)
    card: dict[str, object] = {
        "card_type": "text_notice",
        "main_title": {"title": title or CUT},
        "sub_title_text": cut + CUT if cut != body else body,
        "jump_list": [{"type": 1, "title": link.text, "url": link.url}],
        "card_action": {"type": 1, "url": link.url},
    }
    return as_json({"msgtype": "template_card", "template_card": card})


def mentions_of(message: Message) -> bytes | None:
    """A text that mentions and says what it is about."""
    if not (rung := people(message.mentions)):
        return None
    text = {"content": _inert(_title(message)) or CUT, "mentioned_list": list(rung)}
    return as_json({"msgtype": "text", "text": text})


def text_of(message: Message) -> bytes:
    """Mentions stand beside the text; WeCom shows them at its end."""
    message = shortened(message)
    title, whole = _inert(_title(message)), _inert(message.text)

    def built(body: str) -> str:
        said = "\n".join(filter(None, [title if not body.startswith(title) else "", body]))
        return _calls_nobody(said) or CUT

    content = built(whole)
    if _size(content) > MAX_TEXT_BYTES:
        content = built(longest_that_fits(whole, lambda begin: _size(built(begin + CUT)) <= MAX_TEXT_BYTES) + CUT)
    text = {"content": content, "mentioned_list": list(people(message.mentions))}
    return as_json({"msgtype": "text", "text": text})


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _title(message: Message) -> str:
    title = calling_nobody(one_line(message.subject))
    return longest_that_fits(title, lambda begin: _size(begin) <= _MAX_TITLE_BYTES)


def _as_wecom_writes(markdown: str) -> str:
    """WeCom knows no backslash: signs that would mean something are parted or replaced, and no tag gets through."""
    text = _TAG_OPENS.sub("\uff1c", markdown)
    text = _ESCAPED.sub(lambda found: _INSTEAD.get(found[1], found[1]), text)
    return _LINE_OPENS.sub(rf"\1{_NOTHING}\2", text)


def _inert(text: str) -> str:
    return _calls_nobody(calling_nobody(text))


def _calls_nobody(text: str) -> str:
    """Also where two pieces that are harmless by themselves meet."""
    return _MENTION_TAG.sub("\uff1c", text)


def _is_user_id(text: str) -> bool:
    is_one = bool(_USER_ID.fullmatch(text)) and text.lower() not in _NOBODY
    return is_one and not text.startswith(_OTHER_PLATFORMS)
