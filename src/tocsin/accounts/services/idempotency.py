"""A creation that is repeated with the same key happens once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from tocsin.accounts.models import IdempotentAnswer
from tocsin.core import crypto
from tocsin.core.errors import ConflictError, InvalidInputError

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Claim:
    """One request: who asks, the key, and a digest of what is asked."""

    token_id: int
    key: str
    request_digest: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


def earlier_answer(claim: Claim) -> Answer | None:
    """What the key was answered before, or None; inside the transaction that does the work, and holds the key for it.

    ConflictError while another request with the key is at work; InvalidInputError when it was used for another one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, %s))", [claim.key, claim.token_id])
        (is_free,) = cursor.fetchone()
    if not is_free:
        raise ConflictError(_("A request with this Idempotency-Key is being answered right now; try again."))
    answers = IdempotentAnswer.objects.filter(token_id=claim.token_id, key=claim.key)
    found = answers.filter(created_at__gt=claim.now - KEPT_FOR).first()
    if found is None:
        return None
    if found.request_digest != claim.request_digest:
        raise InvalidInputError({"Idempotency-Key": _("This key was used for another request; choose a new one.")})
    kept = json.loads(crypto.decrypt(found.sealed, settings.SECRET_KEYS))
    return Answer(found.status, kept["headers"], kept["body"])


def keep_answer(claim: Claim, answer: Answer) -> None:
    """In the transaction that does the work. Forgets, on the way, what is too old."""
    old = IdempotentAnswer.objects.filter(created_at__lte=claim.now - KEPT_FOR).select_for_update(skip_locked=True)
    IdempotentAnswer.objects.filter(pk__in=old.values("pk")).delete()
    IdempotentAnswer.objects.create(
        token_id=claim.token_id,
        key=claim.key,
        request_digest=claim.request_digest,
        status=answer.status,
        sealed=crypto.encrypt(json.dumps({"headers": dict(answer.headers), "body": answer.body}), settings.SECRET_KEYS),
        created_at=claim.now,
    )
