"""Rendered texts: never changed once written, so each process keeps those it used lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock

from tocsin.events.statements import execute

_KEPT = 512
_READ = "SELECT id, subject, text, html, markdown, data FROM delivery_content WHERE id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class ContentText:
    subject: str = ""
    text: str = ""
    html: str = ""
    markdown: str = ""
    data: str = ""


_lately_used: OrderedDict[int, ContentText] = OrderedDict()
_lock = Lock()


def read_contents(ids: Collection[int]) -> dict[int, ContentText]:
    """Content id -> its text; one statement for those that are not at hand."""
    with _lock:
        found = {pk: _lately_used[pk] for pk in ids if pk in _lately_used}
        for pk in found:
            _lately_used.move_to_end(pk)
    missing = [pk for pk in ids if pk not in found]
    if missing:
        read = {pk: ContentText(*texts) for pk, *texts in execute(_READ, [missing])}
        found |= read
        with _lock:
            _lately_used.update(read)
            while len(_lately_used) > _KEPT:
                _lately_used.popitem(last=False)
    return found
