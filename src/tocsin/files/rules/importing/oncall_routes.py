"""What a route of Grafana OnCall takes -> rules: as far as it compares labels, which is what most routes do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAMES = "(?:labels|commonLabels|groupLabels)"
_OF = rf"""(?:\.{_NAMES}|\[["']{_NAMES}["']\]|\.get\(\s*["']{_NAMES}["']\s*(?:,\s*\{{\}}\s*)?\))"""
_LABEL = (
    r"""(?:\.(?P<dotted>\w+)|\[["'](?P<indexed>[\w.-]+)["']\]"""
    r"""|\.get\(\s*["'](?P<got>[\w.-]+)["']\s*(?:,\s*["']["']\s*)?\))"""
)
_PATH = rf"payload(?:\.alerts\[0\])?{_OF}{_LABEL}"
_TEXT = r"""(?:"[^"\\{}]*"|'[^'\\{}]*')"""
_EQUAL = re.compile(rf"{_PATH}\s*(?P<operator>==|!=)\s*(?P<value>{_TEXT})")
_ONE_OF = re.compile(
    rf"{_PATH}\s+(?P<operator>in|not\s+in)\s+[\[(]\s*(?P<values>{_TEXT}(?:\s*,\s*{_TEXT})*)\s*,?\s*[\])]"
)
_CONTAINS = re.compile(rf"(?P<value>{_TEXT})\s+(?P<operator>in|not\s+in)\s+{_PATH}")
_PAIR = re.compile(
    r"""\\?["'](?P<label>\w+)\\?["']\s*(?:\\s[*+]?)?:\s*(?:\\s[*+]?)?\\?["'](?P<value>[\w /-]+)\\?["']"""
)
_EVERYTHING = ("", ".*", "^.*$", ".+", "true", "True", "1")

Rules = list[list[dict[str, str]]]


def rules_of_route(route: Mapping[str, Any]) -> Rules | None:
    """[]: everything. None when what it says is not only of labels; a person has to write it then."""
    text = str(route.get("routing_regex") or "").strip()
    if route.get("is_the_last_route"):
        return []
    kind = str(route.get("routing_type") or "regex")
    if kind == "jinja2":
        return _of_template(text)
    if kind != "regex":
        return None
    if text in _EVERYTHING[:4]:
        return []
    pair = _PAIR.fullmatch(text)
    return [[_condition(pair["label"], "eq", pair["value"])]] if pair else None


def _of_template(text: str) -> Rules | None:
    match = re.fullmatch(r"\{\{-?(.*?)-?\}\}", text, re.DOTALL)
    inner = match[1].strip() if match else ""
    if inner in _EVERYTHING[4:]:
        return []
    rules: Rules = []
    for part in re.split(r"\s+or\s+", _bare(inner)):
        conditions = [_comparison(_bare(one)) for one in re.split(r"\s+and\s+", _bare(part))]
        if None in conditions:
            return None
        rules.append([one for one in conditions if one is not None])
    return rules


def _bare(text: str) -> str:
    """Without brackets around the whole."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and "(" not in text[1:-1] and ")" not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def _comparison(text: str) -> dict[str, str] | None:
    if match := _EQUAL.fullmatch(text):
        return _condition(_label(match), "eq" if match["operator"] == "==" else "neq", match["value"][1:-1])
    if match := _ONE_OF.fullmatch(text):
        values = [value[1:-1] for value in re.findall(_TEXT, match["values"])]
        is_in = match["operator"] == "in"
        if any("," in value or value != value.strip() for value in values):
            pattern = "|".join(map(re.escape, values))
            return _condition(_label(match), "re" if is_in else "nre", pattern)
        return _condition(_label(match), "in" if is_in else "nin", ",".join(values))
    if match := _CONTAINS.fullmatch(text):
        operator = "re" if match["operator"] == "in" else "nre"
        return _condition(_label(match), operator, f"(?s:.*{re.escape(match['value'][1:-1])}.*)")
    return None


def _label(match: re.Match[str]) -> str:
    return match["dotted"] or match["indexed"] or match["got"]


def _condition(key: str, operator: str, value: str) -> dict[str, str]:
    return {"key": key, "operator": operator, "value": value}
