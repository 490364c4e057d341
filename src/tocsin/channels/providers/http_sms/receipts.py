"""What a gateway says later, read as the preset says. Nothing here is trusted: the door checked the token."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from tocsin.channels.base import CallbackReply, CallbackRequest, Config, InboundText, Receipt
from tocsin.channels.providers.http_sms.account import preset_of
from tocsin.channels.providers.http_sms.expressions import Expression, lookup
from tocsin.channels.providers.http_sms.preset import PresetError, ReceiptRules, RepliesRules
from tocsin.channels.texts import one_line

_MILLISECONDS_FROM = 10**11
_MOST = 1000


def read_callback(config: Config, request: CallbackRequest) -> CallbackReply:
    try:
        preset = preset_of(config)
    except PresetError:
        return CallbackReply(status=503)
    rules, facts = preset.receipts, _facts_of(request)
    replies = _replies(preset.replies, facts) if preset.replies is not None else ()
    if rules is None or replies:
        return CallbackReply(status=200 if replies else 404, replies=replies)
    receipts = tuple(
        receipt for item in _items(rules, facts) if (receipt := _receipt(rules, {**facts, "item": item})) is not None
    )
    return CallbackReply(receipts, 200, rules.answer_type, rules.answer_body)


def _facts_of(request: CallbackRequest) -> dict[str, Any]:
    text = request.body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        parsed = None
    return {
        "query": dict(request.query),
        "form": dict(parse_qsl(text, keep_blank_values=True, max_num_fields=None)) if parsed is None else {},
        "json": parsed,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": text,
    }


def _replies(rules: RepliesRules, facts: Mapping[str, Any]) -> tuple[InboundText, ...]:
    found = []
    for item in _items(rules, facts):
        known = {**facts, "item": item}
        if rules.when.holds(known):
            sender, text = _read(rules.sender, known)[:32], _read(rules.text, known)[:1000]
            found.append(InboundText(sender, text, _read(rules.id, known)[:128]))
    return tuple(reply for reply in found if reply.sender and reply.text)


def _items(rules: ReceiptRules | RepliesRules, facts: Mapping[str, Any]) -> Iterable[Any]:
    if not rules.each:
        return (None,)
    found = lookup(facts, rules.each)
    return found[:_MOST] if isinstance(found, list) else ()


def _receipt(rules: ReceiptRules, facts: Mapping[str, Any]) -> Receipt | None:
    reference, provider_id = _read(rules.reference, facts), _read(rules.id, facts)[:128]
    status = next((status for when, status in rules.statuses if when.holds(facts)), None)
    if status is None or not (reference or provider_id):
        return None
    return Receipt(
        status=status,
        reference=reference,
        provider_id=provider_id,
        occurred_at=_moment(_read(rules.at, facts)),
        code=_read(rules.code, facts)[:64],
        detail=_read(rules.detail, facts)[:300],
    )


def _moment(text: str) -> datetime | None:
    """Seconds or milliseconds since 1970, or ISO 8601 with a zone."""
    try:
        if text.isascii() and text.isdigit():
            number = int(text)
            return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS_FROM else number, UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else None


def _read(expression: Expression | None, facts: Mapping[str, Any]) -> str:
    return one_line(expression.evaluate(facts)) if expression is not None else ""
