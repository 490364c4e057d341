"""`POST /integrations/<token>/<dialect>` and ARMS's `/api/v1/events/<token>`.

2xx only after commit. What is wrong with some items is told in a 400 after the others have been stored, as on
`/api/v2/alerts`: these senders do not repeat a 4xx. ARMS's door takes all or nothing. A body that comes again finds its
events as they are, and what names its reports is dropped: a retry doubles nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.events.dialects import ARMS, DIALECTS, Dialect, Post, Read
from tocsin.events.dialects import UnreadableError as UnreadableItemsError
from tocsin.events.rules import IntegrationKey, Report, end_of, start_of
from tocsin.web.shared.counting import count_post
from tocsin.web.shared.posts import (
    TooLargeError,
    UnreadableError,
    again_if_disconnected,
    body_of,
    refusal_of,
    store,
)
from tocsin.web.shared.tokens import forget, integration_of

_log = logging.getLogger(__name__)
_ORIGIN_LENGTH = 200
_NOTHING = Read([], [])


@csrf_exempt
def post(request: HttpRequest, token: str, dialect: str) -> HttpResponse:
    if request.method == "OPTIONS" and dialect == "cloudevents":
        return _welcome(request)
    known = DIALECTS.get(dialect)
    if known is None:
        return _refusal(404, f"There is no dialect of this name. There are {', '.join(DIALECTS)}.")
    return _received(request, token, known)


@csrf_exempt
def post_to_arms(request: HttpRequest, token: str) -> HttpResponse:
    return _received(request, token, ARMS)


def _received(request: HttpRequest, token: str, dialect: Dialect) -> HttpResponse:
    if request.method != "POST":
        reply = _refusal(405, "Only POST is answered here.")
        reply["Allow"] = "POST"
        return reply
    try:
        reply, read, dropped = _stored(request, token, dialect)
    except (OperationalError, InterfaceError) as error:
        _log.warning("events could not be stored, the sender is asked to come again: %s", error)
        connection.close()
        reply, read, dropped = _refusal(503, "The database does not answer."), _NOTHING, 0
        reply["Retry-After"] = "5"
    except Exception:
        _log.exception("events could not be stored")
        reply, read, dropped = _refusal(500, "Tocsin failed; its log says why."), _NOTHING, 0
    stored = len(read.reports) - dropped if reply.status_code == 200 or dialect is not ARMS else 0
    count_post(dialect.name, reply.status_code, stored=stored, refused=len(read.refused), dropped=dropped)
    return reply


def _stored(request: HttpRequest, token: str, dialect: Dialect) -> tuple[HttpResponse, Read, int]:
    """The answer, what was read for it, and how much of that was dropped as known."""
    integration = again_if_disconnected(lambda: integration_of(token))
    if integration is None:
        return _refusal(401, "No integration has this token."), _NOTHING, 0
    if not integration.is_enabled:
        return _refusal(403, f"The integration {integration.name} is disabled."), _NOTHING, 0
    now = utc_now()
    try:
        body = body_of(request.META)
        read = dialect.read(
            Post(body, now, integration.auto_resolve_after, _headers(request), mapping=integration.mapping)
        )
    except TooLargeError as error:
        return _refusal(413, str(error)), _NOTHING, 0
    except (UnreadableError, UnreadableItemsError, InvalidInputError) as error:
        return _refusal(400, str(error)), _NOTHING, 0
    is_whole = dialect is ARMS
    if read.refused and is_whole:
        return _refusal(400, refusal_of("events", len(read.reports), read.refused), stored=0), read, 0
    try:
        dropped = store(integration, read.reports, now)
    except IntegrityError:
        # The integration was deleted while it was remembered here.
        forget(token)
        if integration_of(token) is not None:
            raise
        return _refusal(401, "No integration has this token."), _NOTHING, 0
    counts = {"stored": len(read.reports) - dropped} | ({"dropped": dropped} if dropped else {})
    if read.cut_off:
        _log.warning(
            "the sender of the integration %s left out %d alerts by its max_alerts: nobody hears of them; set it to 0",
            integration.name, read.cut_off,
        )  # fmt: skip
        counts["cut_off"] = read.cut_off
    if read.refused:
        text = refusal_of("items", len(read.reports), read.refused)
        return _refusal(400, text, **counts), read, dropped
    return _answer(_enriched(integration, read, now) if is_whole else counts), read, dropped


def _headers(request: HttpRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _enriched(integration: IntegrationKey, read: Read, now: datetime) -> Any:
    """As ARMS answers: each event with what it was taken for."""
    answers = [_as_arms(integration, report, now) for report in read.reports]
    return answers[0] if read.is_one else answers


def _as_arms(integration: IntegrationKey, report: Report, now: datetime) -> Mapping[str, Any]:
    marks = {
        "_aliyun_arms_integration_id": str(integration.id),
        "_aliyun_arms_integration_name": integration.name,
        "_aliyun_arms_product_type": "CUSTOM",
        "_aliyun_arms_userid": "0",
    }
    start, end = start_of(report, now), end_of(report, integration.auto_resolve_after, now)
    return {
        "labels": {**report.labels, **marks},
        "annotations": report.annotations,
        "startsAt": _milliseconds(start),
        "endsAt": _milliseconds(end),
        "generatorUrl": report.generator_url,
        "services": [],
    }


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _welcome(request: HttpRequest) -> HttpResponse:
    """Senders of CloudEvents may ask first whether they are welcome (the specification of webhooks, section 4)."""
    reply = _answer(None)
    origin = request.headers.get("WebHook-Request-Origin", "")
    if 0 < len(origin) <= _ORIGIN_LENGTH and origin.isascii() and origin.isprintable():
        reply["WebHook-Allowed-Origin"] = origin
    reply["Allow"] = "POST"
    return reply


def _answer(payload: Any, status: int = 200) -> HttpResponse:
    """The path holds a secret: nobody keeps or passes it on."""
    body = b"" if payload is None else msgspec.json.encode(payload)
    reply = HttpResponse(body, status=status, content_type="application/json")
    reply["Cache-Control"] = "no-store"
    reply["Referrer-Policy"] = "no-referrer"
    return reply


def _refusal(status: int, text: str, **more: int) -> HttpResponse:
    return _answer({"code": status, "message": text, **more}, status)
