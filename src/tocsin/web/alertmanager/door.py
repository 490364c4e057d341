"""`POST /api/v2/alerts`, as plain WSGI before Django: the one door whose speed matters.

200 only after commit. Refused alerts are listed in a 400, a JSON string as Alertmanager's own, after the others have
been stored: Prometheus does not repeat what got a 4xx. Without a database it is 503; what still holds comes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import IntegrityError, InterfaceError, OperationalError, connection

from tocsin.core.clock import utc_now
from tocsin.web.alertmanager.reading import read_batch
from tocsin.web.shared.counting import count_post
from tocsin.web.shared.posts import TooLargeError, UnreadableError, again_if_disconnected, body_of, store
from tocsin.web.shared.tokens import forget, integration_of, pair_of

ALERTS_PATH = "/api/v2/alerts"

_log = logging.getLogger(__name__)
_JSON = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True)
class _Reply:
    status: str
    payload: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    stored: int = 0
    refused: int = 0


def alerts(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI application."""
    try:
        reply = _answer(environ)
    except (OperationalError, InterfaceError) as error:
        _log.warning("alerts could not be stored, the sender is asked to come again: %s", error)
        connection.close()
        reply = _refusal("503 Service Unavailable", "The database does not answer.", ("Retry-After", "5"))
    except Exception:
        _log.exception("alerts could not be stored")
        connection.close()
        reply = _refusal("500 Internal Server Error", "Tocsin failed; its log says why.")
    count_post("prometheus", int(reply.status[:3]), stored=reply.stored, refused=reply.refused)
    body = b"" if reply.payload is None else msgspec.json.encode(reply.payload)
    content = (_JSON,) if body else ()
    start_response(reply.status, [*content, ("Content-Length", str(len(body))), *reply.headers])
    return [body]


def _answer(environ: dict[str, Any]) -> _Reply:
    if environ["REQUEST_METHOD"] != "POST":
        return _refusal("405 Method Not Allowed", "Only POST is answered here.", ("Allow", "POST"))
    name, token = pair_of(environ.get("HTTP_AUTHORIZATION", ""))
    if not token:
        return _unauthorized("Send the integration's token as Bearer, or as the password of Basic.")
    integration = again_if_disconnected(lambda: integration_of(token, name))
    if integration is None:
        return _unauthorized("No integration has this token.")
    if not integration.is_enabled:
        return _refusal("403 Forbidden", f"The integration {integration.name} is disabled.")
    try:
        batch = read_batch(body_of(environ))
    except TooLargeError as error:
        return _refusal("413 Content Too Large", str(error), ("Connection", "close"))
    except UnreadableError as error:
        return _refusal("400 Bad Request", str(error))
    try:
        store(integration, batch.reports, utc_now())
    except IntegrityError:
        # The integration was deleted while it was remembered here.
        forget(token, name)
        if integration_of(token, name) is not None:
            raise
        return _unauthorized("No integration has this token.")
    if batch.refused:
        return _Reply("400 Bad Request", batch.refusal, (), len(batch.reports), len(batch.refused))
    return _Reply("200 OK", stored=len(batch.reports))


def _unauthorized(text: str) -> _Reply:
    challenges = ('Bearer realm="tocsin"', 'Basic realm="tocsin"')
    return _refusal("401 Unauthorized", text, *(("WWW-Authenticate", challenge) for challenge in challenges))


def _refusal(status: str, text: str, *headers: tuple[str, str]) -> _Reply:
    return _Reply(status, {"code": int(status[:3]), "message": text}, headers)
