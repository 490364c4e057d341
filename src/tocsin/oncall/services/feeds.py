"""The secret address of a schedule's calendar: made, renewed (the old one is worth nothing then) and taken away."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.db import transaction

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.core import crypto
from tocsin.core.actors import Actor
from tocsin.oncall.rules.tokens import feed_token
from tocsin.oncall.services.schedules import locked


def renew_feed(*, by: Actor, now: datetime, schedule_id: int) -> str:
    """The token of the new address."""
    with transaction.atomic():
        schedule = locked(schedule_id, None)
        nonce = secrets.token_hex(16)
        token = feed_token(settings.SECRET_KEYS[0], schedule.pk, nonce)
        changes = {"calendar feed": ("***" if schedule.feed_digest else "", "***")}
        schedule.feed_nonce, schedule.feed_digest = nonce, crypto.hash_token(token)
        schedule.save(update_fields=["feed_nonce", "feed_digest"])
        audit.record(by=by, action=Action.UPDATE, instance=schedule, changes=changes)
    return token


def remove_feed(*, by: Actor, now: datetime, schedule_id: int, version: int | None = None) -> None:
    """ConflictError when `version` is not the schedule's."""
    with transaction.atomic():
        schedule = locked(schedule_id, version)
        if schedule.feed_digest is None:
            return
        schedule.feed_nonce, schedule.feed_digest = "", None
        schedule.save(update_fields=["feed_nonce", "feed_digest"])
        audit.record(by=by, action=Action.UPDATE, instance=schedule, changes={"calendar feed": ("***", "")})
