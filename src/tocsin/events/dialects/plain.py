"""Plain JSON, read by the mapping that a user wrote for the integration, or by a usual one."""

from __future__ import annotations

from typing import Any

from tocsin.core.sentences import Sentence
from tocsin.events.dialects.base import ItemError, Post, Read, UnreadableError, collect, decoded
from tocsin.events.dialects.mapping import parse_mapping

_NO_OBJECT = Sentence("is no object")
USUAL = """\
labels.* = labels
annotations.* = annotations
labels.alertname = labels.alertname | alertname | name | title
labels.severity = labels.severity | severity
annotations.summary = annotations.summary | summary | message
status = status | state
starts_at = startsAt
ends_at = endsAt
link = generatorURL | url
"""
"""What is read when nobody has written a mapping."""


def read(post: Post) -> Read:
    root = decoded(post.body)
    mapping = parse_mapping(post.mapping or USUAL)
    try:
        items = mapping.items(root)
    except ItemError as error:
        raise UnreadableError(str(error)) from error
    is_list = mapping.each is not None or isinstance(root, list)

    def report(item: Any) -> Any:
        if not isinstance(item, dict):
            raise ItemError("", _NO_OBJECT)
        return mapping.report(item, root, post)

    return collect(items, "events" if is_list else "", report)
