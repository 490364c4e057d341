"""What an approved template of a vendor is given: no web addresses, no brackets of signatures, not more than it takes.

No Django.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from tocsin.channels.base import Message
from tocsin.channels.texts import one_line, without_links
from tocsin.core.sentences import Sentence

_NO_JSON = Sentence('A JSON object of texts, like {"title": "{title}"}.')
_NO_LIST = Sentence('A JSON list of texts in the template\'s order, like ["{title}", "{state}"].')
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
    return _unknown(mapping.values())


def problem_of_list(source: str) -> str:
    """The same for vendors that number their variables."""
    try:
        templates = json.loads(source)
    except (ValueError, RecursionError):
        return _NO_LIST
    if not isinstance(templates, list) or not all(isinstance(text, str) for text in templates):
        return _NO_LIST
    return _unknown(templates)


def filled(source: str, message: Message, longest: int, in_total: int = 10_000) -> str:
    """The JSON that a template is given. `longest` characters each, `in_total` all together."""
    facts = _facts(message)
    values: dict[str, str] = {}
    for name, template in json.loads(source).items():
        room = min(longest, max(in_total - sum(map(len, values.values())), 1))
        values[name] = _filled(template, facts, room)
    return json.dumps(values, ensure_ascii=False)


def filled_list(source: str, message: Message, longest: int) -> list[str]:
    """In the template's order."""
    facts = _facts(message)
    return [_filled(template, facts, longest) for template in json.loads(source)]


def values_of(filled_json: str) -> Mapping[str, str]:
    found: dict[str, str] = json.loads(filled_json)
    return found


def _unknown(templates: Iterable[str]) -> str:
    unknown = [name for text in templates for name in _PLACE.findall(text) if name not in NAMES]
    return _UNKNOWN % {"name": "{" + unknown[0] + "}", "names": ", ".join(NAMES)} if unknown else ""


def _facts(message: Message) -> dict[str, str]:
    facts = {**dict.fromkeys(NAMES, ""), **message.variables, "text": message.text, "name": message.to_name}
    return {**facts, "title": facts["title"] or message.subject or message.text}


def _filled(template: str, facts: Mapping[str, str], room: int) -> str:
    said = _plain(_PLACE.sub(lambda place: facts[place[1]], template))
    if len(said) > room:
        end = "..." if room > 8 else ""
        said = said[: room - len(end)].rstrip() + end
    return said or "-"


def _plain(text: str) -> str:
    text = without_links(text.encode("utf-8", "replace").decode()).translate(_BRACKETS)
    return one_line(_HOST_DOT.sub(" ", text))
