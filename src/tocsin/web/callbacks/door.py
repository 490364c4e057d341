"""Reads a vendor's request as its provider says, stores the receipts, and only then answers.

The token in the path is the vendor's proof; whoever has none learns nothing, not even which providers there are.
A store that fails is a 500: the vendor comes again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tocsin.channels.base import CallbackRequest, Receipt
from tocsin.channels.queries import account_of_callback, config_of, kind_of
from tocsin.core.clock import utc_now
from tocsin.core.ids import from_base36
from tocsin.delivery.bounces import is_addressee
from tocsin.delivery.replies import act_on_replies
from tocsin.delivery.return_tokens import reference_of
from tocsin.delivery.scripts import call_script
from tocsin.delivery.services import record_receipts

MAX_BODY = 256 * 1024


@csrf_exempt
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest, provider: str, token: str) -> HttpResponse:
    account = account_of_callback(provider, token)
    if account is None:
        return _quiet(HttpResponse("Not found.\n", status=404, content_type="text/plain; charset=utf-8"))
    body = request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return _quiet(HttpResponse("Too large.\n", status=413, content_type="text/plain; charset=utf-8"))
    reply = kind_of(account).receive(config_of(account), _as_read(request, body, account.pk))
    receipts = _usable(reply.receipts)
    if receipts:
        record_receipts(account=account, receipts=receipts, now=utc_now())
    if reply.replies:
        act_on_replies(account=account, replies=reply.replies, now=utc_now())
    return _quiet(HttpResponse(reply.body, status=reply.status, content_type=reply.content_type))


def _as_read(request: HttpRequest, body: bytes, account_id: int) -> CallbackRequest:
    """The URL is the public one that the vendor was given, whatever a proxy made of it: vendors sign that."""
    return CallbackRequest(
        method=request.method or "GET",
        url=settings.PUBLIC_URL.removesuffix(settings.BASE_PATH) + request.get_full_path(),
        query={name: str(request.GET[name]) for name in request.GET},
        headers=dict(request.headers),
        body=body,
        script_of=partial(call_script, account_id),
        reference_of=reference_of,
        is_addressee=is_addressee,
    )


def _usable(receipts: Sequence[Receipt]) -> list[Receipt]:
    """Without those that can refer to nothing of ours; NUL cannot be stored."""
    usable = []
    for receipt in receipts:
        reference = receipt.reference if _is_ours(receipt.reference) else ""
        provider_id = receipt.provider_id.replace("\0", "")
        if reference or provider_id:
            usable.append(
                dataclasses.replace(
                    receipt,
                    reference=reference,
                    provider_id=provider_id,
                    code=receipt.code.replace("\0", ""),
                    detail=receipt.detail.replace("\0", ""),
                )
            )
    return usable


def _is_ours(reference: str) -> bool:
    try:
        from_base36(reference)
    except ValueError:
        return False
    return True


def _quiet(response: HttpResponse) -> HttpResponse:
    """The path holds a secret: nobody keeps or passes it on."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
