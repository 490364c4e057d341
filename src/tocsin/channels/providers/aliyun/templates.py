"""What an approved template is given: no web addresses, no brackets of signatures, and not more than it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tocsin.channels.base import Message
from tocsin.channels.texts import one_line, without_links
from tocsin.core.sentences import Sentence

_NO_JSON = Sentence('A JSON object of texts, like {"title": "{title}"}.')
_UNKNOWN = Sentence("%(name)s is not known; there are %(names)s.")

NAMES = ("text", "title", "severity", "state", "summary", "count", "code", "organisation", "name")
_PLACE = re.compile(r"\{(\w+)\}")
_BRACKETS = str.maketrans("【】[]{}", "()()()")
_HOST_DOT = re.compile(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z])")
"""What the vendor takes for a web address although it has no scheme."""


def problem_of(source: str) -> str:
    """What is wrong with a mapping of variables, or ""."""
    try:
        mapping = json.loads(source)
    except (ValueError, RecursionError):
        return _NO_JSON
    if not isinstance(mapping, dict) or not mapping or not all(isinstance(text, str) for text in mapping.values()):
        return _NO_JSON
    unknown = [name for text in mapping.values() for name in _PLACE.findall(text) if name not in NAMES]
    return _UNKNOWN % {"name": "{" + unknown[0] + "}", "names": ", ".join(NAMES)} if unknown else ""


def filled(source: str, message: Message, longest: int, in_total: int = 10_000) -> str:
    """The JSON that a template is given. `longest` characters each, `in_total` all together."""
    facts = {**dict.fromkeys(NAMES, ""), **message.variables, "text": message.text, "name": message.to_name}
    facts["title"] = facts["title"] or message.subject or message.text
    values: dict[str, str] = {}
    for name, template in json.loads(source).items():
        said = _plain(_PLACE.sub(lambda place: facts[place[1]], template))
        room = min(longest, max(in_total - sum(map(len, values.values())), 1))
        values[name] = (said if len(said) <= room else said[: max(room - 3, 1)].rstrip() + "..."[: room - 1]) or "-"
    return json.dumps(values, ensure_ascii=False)


def values_of(filled_json: str) -> Mapping[str, str]:
    found: dict[str, str] = json.loads(filled_json)
    return found


def _plain(text: str) -> str:
    text = without_links(text.encode("utf-8", "replace").decode()).translate(_BRACKETS)
    return one_line(_HOST_DOT.sub(" ", text))
