"""`/` as programs see it: who signed, what they may, what they ask, and the answer. No rule lives here."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from tocsin.accounts.queries import find_signing_key
from tocsin.accounts.services import actor_of_key, take_nonce
from tocsin.core.clock import utc_now
from tocsin.core.errors import TocsinError
from tocsin.web.arms.errors import RpcError, from_service
from tocsin.web.arms.operation import Caller
from tocsin.web.arms.operations import OPERATIONS
from tocsin.web.arms.parameters import read
from tocsin.web.arms.signing import Signature, read_signature
from tocsin.web.arms.wire import Wire, read_wire
from tocsin.web.shared.addresses import client_address

VERSION = "2019-08-08"
_SKEW = timedelta(minutes=15)
_METHODS = ("GET", "POST")

_log = logging.getLogger(__name__)


@csrf_exempt
def call(request: HttpRequest) -> JsonResponse:
    """The view. Every answer is JSON with a RequestId, whatever happens."""
    request_id = str(uuid4()).upper()
    now = utc_now()
    try:
        with translation.override("en"):  # as the command line: what programs log, and their authors look up
            answer = _answer(read_wire(request), client_address(request), now)
    except RpcError as error:
        return _refusal(error, request_id)
    except (OperationalError, InterfaceError):
        return _refusal(RpcError("ServiceUnavailable", "The database does not answer.", 503), request_id)
    except Exception:
        _log.exception("request %s failed", request_id)
        text = "Tocsin failed; its log says why, under this request ID."
        return _refusal(RpcError("InternalError", text, 500), request_id)
    return JsonResponse({**answer, "RequestId": request_id})


def _answer(wire: Wire, address: str, now: datetime) -> dict[str, Any]:
    if wire.method not in _METHODS:
        raise RpcError("UnsupportedHTTPMethod", "Only GET and POST are answered here.")
    signature = read_signature(wire)
    caller = _caller(signature, address, now)
    if signature.version != VERSION:
        raise RpcError("InvalidVersion", f"This is version {VERSION}.")
    operation = OPERATIONS.get(signature.action)
    if operation is None:
        text = f"Tocsin has no action {signature.action[:80]}; its documentation lists those it has."
        raise RpcError("InvalidApi.NotFound", text, 404)
    if not caller.may(operation.needs):
        text = f"The role {caller.role} of this access key does not allow {operation.name}."
        raise RpcError("Forbidden.RAM", text, 403)
    try:
        return dict(operation.run(read(operation.request, wire.parameters), caller))
    except TocsinError as error:
        raise from_service(error, operation.names, now) from error


def _caller(signature: Signature, address: str, now: datetime) -> Caller:
    """The signature is right, young and new, and its key may still do something."""
    key = find_signing_key(signature.key_id)
    if key is None:
        raise RpcError("InvalidAccessKeyId.NotFound", "There is no such access key.", 404)
    if not signature.is_by(key.secret):
        text = (
            "The signature is not that of this request under this key's secret. A proxy that changes Host or "
            "User-Agent makes it wrong."
        )
        raise RpcError("SignatureDoesNotMatch", text)
    if not key.is_enabled:
        raise RpcError("InvalidAccessKeyId.Inactive", "This access key is disabled.")
    if abs(now - signature.at) > _SKEW:
        text = "The request's time is more than 15 minutes from this server's; set the clocks."
        raise RpcError("InvalidTimeStamp.Expired", text)
    if key.role is None:
        raise RpcError("Forbidden.RAM", "The user of this access key may do nothing any more.", 403)
    if not take_nonce(key=key, nonce=signature.nonce, now=now):
        raise RpcError("SignatureNonceUsed", "A request with this nonce was taken before.")
    return Caller(actor_of_key(key, address), key.role, now)


def _refusal(error: RpcError, request_id: str) -> JsonResponse:
    body = {"Code": error.code, "Message": str(error), "RequestId": request_id}
    return JsonResponse(body, status=error.status, headers=error.headers)
