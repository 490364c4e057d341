"""Who may read and silence: programs with an API token, as Bearer or as the password of Basic."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from tocsin.accounts.rules import Permission, Role, Scope
from tocsin.accounts.services.tokens import actor_of_token, authenticate_token
from tocsin.core.actors import Actor
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConflictError, NotFoundError
from tocsin.events.queries import integration_for_token
from tocsin.web.shared.addresses import client_address
from tocsin.web.shared.tokens import token_of

_log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]
_NEEDS = {"GET": Permission.VIEW, "POST": Permission.RESPOND, "DELETE": Permission.RESPOND}
"""As in the console: responders silence for a period and end silences."""


def door(**views: View) -> View:
    """One address: method -> its view, which is given the request, who asks, and the parts of the path."""
    allowed = [method.upper() for method in views]

    @csrf_exempt
    def dispatch(request: HttpRequest, **parts: Any) -> HttpResponse:
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method not in allowed:
            reply = refusal(405, f"method {method} is not allowed, but [{','.join(allowed)}] are")
            reply["Allow"] = ", ".join(allowed)
            return reply
        try:
            actor = _who(request, _NEEDS[method])
            return actor if isinstance(actor, HttpResponse) else views[method.lower()](request, actor, **parts)
        except NotFoundError as error:  # it went while it was being changed
            return answer(str(error), 404)
        except ConflictError as error:
            return answer(str(error), 400)
        except (OperationalError, InterfaceError) as error:
            _log.warning("the database does not answer: %s", error)
            connection.close()
            reply = refusal(503, "The database does not answer.")
            reply["Retry-After"] = "5"
            return reply

    return dispatch


def answer(payload: Any, status: int = 200) -> HttpResponse:
    """JSON; a text is Alertmanager's own way to say what is wrong."""
    reply = HttpResponse(msgspec.json.encode(payload) + b"\n", status=status, content_type="application/json")
    reply["Cache-Control"] = "no-store"
    return reply


def refusal(status: int, text: str, code: int = 0) -> HttpResponse:
    """As the framework that Alertmanager is built on refuses what its specification does not allow."""
    return answer({"code": code or status, "message": text}, status)


def _who(request: HttpRequest, permission: Permission) -> Actor | HttpResponse:
    secret = token_of(request.headers.get("Authorization", ""))
    token = authenticate_token(secret=secret, now=utc_now()) if secret else None
    if token is not None:
        scope = _SCOPES[permission]
        if token.may(permission, scope):
            return actor_of_token(token, client_address(request))
        wanted = f"this needs a {_LEAST[permission]}'s, with the scope {scope}"
        return refusal(403, f"The token {token.name} is a {token.role_now}'s; {wanted}.")
    if secret and integration_for_token(secret) is not None:
        return refusal(403, "An integration's token posts alerts only. Read and silence with an API token.")
    reply = refusal(401, "Send an API token as Bearer, or as the password of Basic.")
    reply.headers["WWW-Authenticate"] = 'Basic realm="tocsin"'
    return reply


_SCOPES = {Permission.VIEW: Scope.ALERTS_READ, Permission.RESPOND: Scope.ALERTS_WRITE}
_LEAST = {Permission.VIEW: Role.VIEWER, Permission.RESPOND: Role.RESPONDER}
