"""Forgets what is older than `TOCSIN_RETENTION_DAYS`: resolved alerts with their stories, and resolved events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from tocsin.accounts.services import forget_expired_sessions, forget_nonces
from tocsin.alerts.models import Alert
from tocsin.contacts.services.imports import forget_imports
from tocsin.delivery.models import Content, Delivery, Receipt
from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.events.services import forget_seen_reports
from tocsin.oncall.services import forget_handovers

_AT_ONCE = 200


def forget(now: datetime) -> int:
    """One bite; returns how many alerts, events and messages went, 0 when there is nothing old. Days 0 keep all."""
    forgotten = forget_imports(now) + forget_expired_sessions(now) + forget_nonces(now) + forget_seen_reports(now)
    if settings.RETENTION_DAYS <= 0:
        return forgotten
    before = now - timedelta(days=settings.RETENTION_DAYS)
    return (
        forgotten
        + _forget_alerts(before)
        + _forget_single_messages(before)
        + _forget_events(before)
        + _forget_receipts(before)
        + forget_handovers(before=before)
    )


@transaction.atomic
def _forget_alerts(before: datetime) -> int:
    """With notifications, deliveries, attempts, receipts and activities. One that may open again is kept."""
    old = Alert.objects.select_for_update(skip_locked=True).filter(resolved_at__lt=before, due_at__isnull=True)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE])
    contents = _contents(Delivery.objects.filter(notification__alert_id__in=ids).values_list("content_id", flat=True))
    Alert.objects.filter(pk__in=ids).delete()
    _drop_unused(contents)
    return len(ids)


@transaction.atomic
def _forget_single_messages(before: datetime) -> int:
    """Verification and test messages."""
    old = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        notification__isnull=True, planned_at__lt=before, next_at__isnull=True
    )
    rows = list(old.order_by("pk").values_list("pk", "content_id")[:_AT_ONCE])
    Delivery.objects.filter(pk__in=[pk for pk, _content in rows]).delete()
    _drop_unused(_contents(content for _pk, content in rows))
    return len(rows)


def _forget_events(before: datetime) -> int:
    """Those that resolved long ago and are in no alert that is kept."""
    old = Event.objects.filter(state=EventState.RESOLVED, changed_at__lt=before, memberships__isnull=True)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE])
    with transaction.atomic():
        still = Event.objects.filter(pk__in=ids, state=EventState.RESOLVED, changed_at__lt=before)
        still.order_by("integration_id", "fingerprint").delete()
    return len(ids)


def _forget_receipts(before: datetime) -> int:
    """Those that never found their message."""
    ids = Receipt.objects.filter(delivery__isnull=True, received_at__lt=before).order_by("pk").values_list("pk")
    count, _by_table = Receipt.objects.filter(pk__in=[pk for (pk,) in ids[:_AT_ONCE]]).delete()
    return count


def _contents(ids: Iterable[int | None]) -> set[int]:
    return {pk for pk in ids if pk is not None}


def _drop_unused(content_ids: set[int]) -> None:
    Content.objects.filter(pk__in=content_ids, deliveries__isnull=True).delete()
