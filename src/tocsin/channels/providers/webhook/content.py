"""What a webhook's receiver gets: one's own template with its placeholders filled in, or a JSON document. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tocsin.channels.base import Message

JSON_TYPE = "application/json; charset=utf-8"
_TEXT_TYPE = "text/plain; charset=UTF-8"
_PLACEHOLDER = re.compile(r"\$(alertmanager_content|content|title|severity|status|cause|policy|alert_id|url)\b")


@dataclass(frozen=True, slots=True)
class Facts:
    """`document`: all there is to say. `alertmanager`: the part of it that Alertmanager would say."""

    content: str
    document: Mapping[str, Any]

    @property
    def is_recovery(self) -> bool:
        return self.document.get("status") == "resolved"

    @property
    def alertmanager(self) -> str:
        return _dump({key: value for key, value in self.document.items() if key != "tocsin"})

    def value(self, name: str) -> str:
        """Of a placeholder; "" for what this message has not."""
        if name == "content":
            return self.content
        if name == "alertmanager_content":
            return self.alertmanager
        if name == "status":
            return str(self.document.get("status", ""))
        if name == "url":
            return str(self.document.get("externalURL", ""))
        return str(self.document.get("tocsin", {}).get(name, ""))


def pairs_of(text: str) -> dict[str, str]:
    """A JSON object of texts; ValueError for anything else."""
    found = json.loads(text or "{}")
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("not an object of texts")
    return found


def facts_of(message: Message) -> Facts:
    """The message's document, completed with what only the sending knows. A message without one has a text alone."""
    try:
        document = json.loads(message.data) if message.data else {}
    except ValueError:
        document = {}
    content = "\n".join(filter(None, [message.subject, message.text]))
    own = {"delivery_id": message.reference, **document.get("tocsin", {}), "content": content}
    return Facts(content, {**document, "receiver": message.to_name, "tocsin": own})


SAMPLE = Facts('"\n"', {"status": "firing", "alerts": [], "tocsin": {"title": "x"}})


def default_body(facts: Facts) -> str:
    return _dump(facts.document)


def content_type_of(template: str, headers: Mapping[str, str]) -> str:
    """The header that was chosen, or else what the template looks like."""
    chosen = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    looks_like_json = template.lstrip().startswith(("{", "[", "$alertmanager_content"))
    return chosen or (JSON_TYPE if looks_like_json or not template.strip() else _TEXT_TYPE)


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def body_of(template: str, facts: Facts, *, as_json: bool = False, as_form: bool = False) -> str:
    """With placeholders filled in. In JSON each becomes a whole value, or a part of the string it stands in, so that no
    quote or line break of an alert breaks the document. Beside `$alertmanager_content`, `$content` says nothing.
    """
    says_all = "$alertmanager_content" in template
    filled, end, is_in_string = [], 0, False
    for found in _PLACEHOLDER.finditer(template):
        between = template[end : found.start()]
        is_in_string = _is_in_string_after(between, is_in_string)
        filled.append(between)
        value = "" if says_all and found[1] == "content" else facts.value(found[1])
        if as_json and is_in_string:
            value = json.dumps(value, ensure_ascii=False)[1:-1]
        elif as_json and found[1] != "alertmanager_content":
            value = json.dumps(value, ensure_ascii=False)
        elif as_form:
            value = quote(value, safe="")
        filled.append(value)
        end = found.end()
    return "".join([*filled, template[end:]])


def placeholders_of(template: str) -> Counter[str]:
    """How often each is named."""
    return Counter(_PLACEHOLDER.findall(template))


def _is_in_string_after(text: str, is_in_string: bool) -> bool:
    is_escaped = False
    for character in text:
        if is_in_string and is_escaped:
            is_escaped = False
        elif is_in_string and character == "\\":
            is_escaped = True
        elif character == '"':
            is_in_string = not is_in_string
    return is_in_string


def _dump(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
