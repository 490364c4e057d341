"""What is posted: a card, or a text where there is no Markdown or Lark refused the card. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.channels.base import Mention, Message
from tocsin.channels.groups import CUT, as_json, calling_nobody, longest_that_fits, shortened, without_half_an_escape
from tocsin.channels.texts import one_line

MAX_BYTES = 20_000
"""Lark takes 20 KB; a signature and a time stamp are in the body as well."""
_MAX_TITLE = 200
_MAX_PEOPLE = 100
_SIGNATURE_ROOM = 120
_OPEN_ID = re.compile(r"ou_[A-Za-z0-9_-]{1,120}")
_AT_TAG = re.compile(r"<(?=\s*(?:/\s*)?at)", re.IGNORECASE)
_MARK = re.compile(r"\\(.)|&(?=#?\w+;)|[<>]", re.DOTALL)


def people(mentions: Sequence[Mention]) -> dict[str, str]:
    """Open ID -> name, as many as fit. Others are left out: Lark would show a name and ring nobody, without a word."""
    found = {mention.user_id: mention.name for mention in mentions if _OPEN_ID.fullmatch(mention.user_id)}
    return dict(list(found.items())[:_MAX_PEOPLE])


def card_of(
    message: Message, keyword: str, *, also: Mapping[str, Any] | None = None, is_nested: bool = False
) -> dict[str, Any]:
    """A card of at most MAX_BYTES; the mentions, the keyword and the element `also` are never cut.

    `is_nested`: it is sent as a text inside JSON, and can be changed later for everybody who sees it.
    """
    message = shortened(message)
    mentioned = " ".join(f"<at id={open_id}></at>" for open_id in people(message.mentions))
    title = _title(message)

    def built(begin: str, mark: str = "") -> dict[str, Any]:
        content = _as_lark_writes(begin) + mark
        elements: list[Mapping[str, Any]] = [{"tag": "markdown", "content": content}] if content else []
        if mentioned:
            elements.append({"tag": "markdown", "content": mentioned})
        if keyword and keyword not in f"{title}\n{content}":
            elements.append({"tag": "note", "elements": [{"tag": "plain_text", "content": keyword}]})
        elements += [also] if also else []
        header = {
            "title": {"tag": "plain_text", "content": title or CUT},
            "template": "red" if message.urgent else "blue",
        }
        config = {"wide_screen_mode": True, **({"update_multi": True} if is_nested else {})}
        card = {"config": config, "header": header, "elements": elements}
        return {"msg_type": "interactive", "card": card}

    whole = calling_nobody(message.markdown)
    if _fits(built(whole), 0, is_nested):
        return built(whole)
    room = len(as_json({"keyword": keyword})) + 60 if keyword else 0  # it may be what is cut off, and is added then
    begin = longest_that_fits(whole, lambda begin: _fits(built(begin, CUT), room, is_nested))
    return built(without_half_an_escape(begin), CUT)


def text_of(message: Message, keyword: str, *, is_nested: bool = False) -> dict[str, Any]:
    """A plain text of at most MAX_BYTES. `is_nested`: sent as a text inside JSON."""
    message = shortened(message)
    mentioned = " ".join(
        f'<at user_id="{open_id}">{_plain_name(name)}</at>' for open_id, name in people(message.mentions).items()
    )
    title, whole = _inert(_title(message)), _inert(message.text)

    def built(body: str) -> dict[str, Any]:
        said = "\n".join(filter(None, [title if not body.startswith(title) else "", body]))
        content = "\n".join(filter(None, [_calls_nobody(said), mentioned]))
        if keyword and keyword not in content:
            content = f"{content}\n{keyword}"
        return {"msg_type": "text", "content": {"text": content}}

    if _fits(built(whole), 0, is_nested):
        return built(whole)
    room = len(as_json({"keyword": keyword})) if keyword else 0
    return built(longest_that_fits(whole, lambda begin: _fits(built(begin + CUT), room, is_nested)) + CUT)


def _fits(payload: Mapping[str, Any], more: int, is_nested: bool) -> bool:
    size = len(as_json({"": as_json(payload).decode()}) if is_nested else as_json(payload))
    return size + more <= MAX_BYTES - _SIGNATURE_ROOM


def _title(message: Message) -> str:
    return calling_nobody(one_line(message.subject))[:_MAX_TITLE]


def _as_lark_writes(markdown: str) -> str:
    """Lark knows no backslash: what is to stay text is written as an entity, and no tag gets through."""

    def written(found: re.Match[str]) -> str:
        character = found[1] or found[0]
        return f"&#{ord(character)};" if not character.isalnum() and not character.isspace() else character

    return _MARK.sub(written, markdown)


def _inert(text: str) -> str:
    return _calls_nobody(calling_nobody(text))


def _calls_nobody(text: str) -> str:
    """Also where two pieces that are harmless by themselves meet."""
    return _AT_TAG.sub("\uff1c", text)


def _plain_name(name: str) -> str:
    return one_line(re.sub(r"[<>\"&]", " ", name)) or CUT
