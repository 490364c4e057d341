"""What an app's robot posts: a card with buttons, or Markdown where DingTalk refuses the card. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tocsin.channels.base import Message
from tocsin.channels.groups import CUT, calling_nobody, longest_that_fits, shortened, without_half_an_escape
from tocsin.channels.listening import Button
from tocsin.channels.providers.dingtalk.content import people
from tocsin.channels.texts import cut_bytes, one_line

TEMPLATE = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema"
"""DingTalk's own public one, of a title, Markdown, a line below and buttons."""
_MAX_TITLE = 200
_MAX_MARKDOWN = 8_000
_MAX_LIST = 3_000


def card_params(message: Message) -> dict[str, str]:
    """The values are texts; the buttons are JSON in one of them."""
    message = shortened(message)
    return {
        "title": _title(message) or CUT,
        "markdown": _markdown(message),
        "tips": "",
        "sys_full_json_obj": json.dumps({"msgButtons": _buttons(message.buttons)}, ensure_ascii=False),
    }


def mentioned(message: Message) -> dict[str, str]:
    """User ID -> name: cards ring people by their IDs only."""
    names = {mention.user_id: mention.name for mention in message.mentions}
    return {user_id: one_line(names.get(user_id, "")) or CUT for user_id in people(message.mentions).user_ids}


def group_message(message: Message) -> dict[str, str]:
    """`msgKey` and `msgParam` of a message without buttons."""
    message = shortened(message)
    title = _title(message)
    if not message.markdown:
        body = calling_nobody(message.text)
        text = _whole("\n".join(filter(None, [title if not body.startswith(title) else "", body])))
        param: dict[str, Any] = {"content": cut_bytes(text, _MAX_MARKDOWN) or CUT}
        return {"msgKey": "sampleText", "msgParam": json.dumps(param, ensure_ascii=False)}
    param = {"title": title or one_line(message.text)[:40] or CUT, "text": _markdown(message)}
    return {"msgKey": "sampleMarkdown", "msgParam": json.dumps(param, ensure_ascii=False)}


def _markdown(message: Message) -> str:
    body = _whole(calling_nobody(message.markdown or message.text)).replace("\n", "  \n")
    if len(body.encode()) <= _MAX_MARKDOWN:
        return body or CUT
    cut = longest_that_fits(body, lambda begin: len(begin.encode()) <= _MAX_MARKDOWN - len(CUT))
    return without_half_an_escape(cut) + CUT


def _buttons(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    made = [
        {"text": button.label, "id": button.token, "color": "blue" if button.is_main else "gray", "request": True}
        for button in buttons
    ]
    while len(json.dumps(made)) > _MAX_LIST:
        made.pop()
    return made


def _whole(text: str) -> str:
    """Half a character is none."""
    return text.encode("utf-8", "replace").decode()


def _title(message: Message) -> str:
    return _whole(calling_nobody(one_line(message.subject)))[:_MAX_TITLE]
