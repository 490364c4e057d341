"""`Idempotency-Key`: the work, and the memory of its answer, are one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from tocsin.accounts.services import Answer, Claim, earlier_answer, keep_answer
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.web.rest.callers import Needs
from tocsin.web.rest.problems import refusal

HEADER = "Idempotency-Key"
_LONGEST = 255
_KEPT_HEADERS = ("ETag", "Location")
Run = Callable[..., HttpResponse]


def once(needs: Needs) -> Callable[[Run], Run]:
    """Decorates ninja's `run`. Refusals are not kept: nothing was done, and the same key may try again."""

    def decorate(run: Run) -> Run:
        def run_once(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            key = request.headers.get(HEADER)
            if key is None:
                return run(request, **kwargs)
            try:
                caller = needs(request)
                if not key.strip() or len(key) > _LONGEST or not key.isprintable():
                    text = _("Send 1 to %(count)d printable characters.") % {"count": _LONGEST}
                    raise InvalidInputError({HEADER: text})
                with transaction.atomic():
                    return _run_once(run, request, kwargs, key, caller.token.pk)
            except Exception as error:
                return refusal(request, error)

        return run_once

    return decorate


def _run_once(run: Run, request: HttpRequest, kwargs: dict[str, Any], key: str, token_id: int) -> HttpResponse:
    asked = (str(request.method), request.get_full_path(), request.headers.get("If-Match", ""))
    digest = _digest(request, asked)
    claim = Claim(token_id, key, digest, utc_now())
    if (answer := earlier_answer(claim)) is not None:
        return _replay(answer)
    response = run(request, **kwargs)
    if response.status_code >= 400:
        transaction.set_rollback(True)
    else:
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        keep_answer(claim, Answer(response.status_code, headers, response.content.decode()))
    return response


def _digest(request: HttpRequest, asked: Sequence[str]) -> str:
    """Of an upload its parts: the body as a whole is not held in memory, and its boundary is another one each time."""
    found = sha256(b"\0".join(part.encode() for part in asked) + b"\0")
    if request.content_type != "multipart/form-data":
        found.update(request.body)
        return found.hexdigest()
    for name, texts in sorted(request.POST.lists()):
        found.update(json.dumps([name, texts]).encode())
    for name, files in sorted(request.FILES.lists()):
        for file in files:
            content = sha256()
            for piece in file.chunks():
                content.update(piece)
            file.seek(0)
            found.update(json.dumps([name, file.name, content.hexdigest()]).encode())
    return found.hexdigest()


def _replay(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    for name, value in {**answer.headers, "Idempotency-Replayed": "true"}.items():
        response.headers[name] = value
    return response
