"""CloudEvents 1.0 over HTTP, structured, in batches and binary:
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md

`source` and `id` name an event: one that comes again is dropped. Its `data` may itself be an alert with labels.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from tocsin.events.dialects.base import ItemError, Post, Read, UnreadableError, collect, decoded
from tocsin.events.dialects.mapping import parse_mapping
from tocsin.events.rules import Report

_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_REQUIRED = ("id", "source", "specversion", "type")
_MAPPING = """\
labels.* = data.labels
labels.alertname = data.labels.alertname | type
labels.source = source
labels.subject = subject
labels.severity = data.labels.severity | data.severity | severity
annotations.* = data.annotations
annotations.summary = data.annotations.summary | data.summary | data.message | data.title | message
annotations.description = data.annotations.description | data.description
status = data.status | data.state | status
starts_at = data.startsAt | time
ends_at = data.endsAt
link = data.generatorURL | data.url | dataref
"""


def read(post: Post) -> Read:
    kind = post.content_type
    if kind == _BATCH:
        content = decoded(post.body)
        if not isinstance(content, list):
            raise UnreadableError("A batch must be a JSON array of events.")
        return collect(content, "events", lambda item: _report(item, post))
    if kind == _STRUCTURED:
        return collect([decoded(post.body)], "", lambda item: _report(item, post))
    if kind.startswith("application/cloudevents"):
        raise UnreadableError(f"Content-Type: of CloudEvents, {_STRUCTURED} and {_BATCH} are read here.")
    if not any(name.startswith("ce-") for name in post.headers):
        raise UnreadableError(f"This is no CloudEvent: send Content-Type {_STRUCTURED}, or the headers ce-*.")
    return collect([post], "", lambda item: _report(_from_headers(item), item))


def _report(item: Any, post: Post) -> Report:
    if not isinstance(item, dict):
        raise ItemError("", "an event is an object")
    for name in _REQUIRED:
        value = item.get(name)
        if not isinstance(value, str) or not value:
            raise ItemError(name, "is required")
    if item["specversion"] != "1.0":
        raise ItemError("specversion", "only 1.0 is read here")
    event = {**item, "data": _data(item)}
    try:
        report = parse_mapping(_MAPPING).report(event, event, post)
    except ItemError as error:
        raise ItemError(_as_sent(error.field, event["data"]), error.text) from error
    if len(item["source"]) + len(item["id"]) > 4096:
        raise ItemError("id", "is longer, with its source, than 4096 characters")
    return msgspec.structs.replace(report, report_id=_name_of(item["source"], item["id"]))


def _as_sent(target: str, data: Any) -> str:
    """What the sender calls it that says the moment `target`."""
    name = {"starts_at": "startsAt", "ends_at": "endsAt"}.get(target, "")
    if name and isinstance(data, dict) and data.get(name) not in (None, ""):
        return f"data.{name}"
    return "time" if name else target


def _name_of(source: str, event_id: str) -> str:
    """As long for every pair. A surrogate that is alone is refused later, where it stands in a label."""
    pair = f"{len(source)}:{source}{event_id}"
    return hashlib.sha256(pair.encode(errors="surrogatepass")).hexdigest()


def _data(item: Mapping[str, Any]) -> Any:
    """What `data_base64` holds is read when it is JSON."""
    if "data_base64" not in item:
        return item.get("data")
    try:
        raw = base64.b64decode(str(item["data_base64"]), validate=True)
    except (binascii.Error, ValueError):
        raise ItemError("data_base64", "is not Base64") from None
    return _as_json(raw, str(item.get("datacontenttype", "application/json")))


def _from_headers(post: Post) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        name[3:]: unquote(value.strip().strip('"')) for name, value in post.headers.items() if name.startswith("ce-")
    }
    return {**attributes, "datacontenttype": post.content_type, "data": _as_json(post.body, post.content_type)}


def _as_json(raw: bytes, kind: str) -> Any:
    kind = kind.partition(";")[0].strip().lower()
    if not raw:
        return None
    if kind in ("", "application/json", "text/json") or kind.endswith("+json"):
        try:
            return decoded(raw)
        except UnreadableError as error:
            raise ItemError("data", str(error)) from error
    return raw.decode(errors="replace") if kind.startswith("text/") else None
