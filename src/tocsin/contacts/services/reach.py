"""When contacts were last proved reachable."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, ContactReach

_FAILURE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ReachEntry:
    """A message was proved delivered, or failed, at a moment."""

    contact_id: int
    channel: Channel
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""
    bounced_at: datetime | None = None
    """The address takes no mail."""


_UPSERT = """
INSERT INTO contacts_contactreach AS known (contact_id, channel, delivered_at, failed_at, failure, bounced_at)
SELECT contact.id, told.channel, told.delivered_at, told.failed_at, told.failure, told.bounced_at
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::timestamptz[])
     AS told (contact_id, channel, delivered_at, failed_at, failure, bounced_at)
JOIN contacts_contact AS contact ON contact.id = told.contact_id
ORDER BY contact.id, told.channel
FOR KEY SHARE OF contact
ON CONFLICT (contact_id, channel) DO UPDATE SET
    delivered_at = greatest(known.delivered_at, excluded.delivered_at),
    failed_at = greatest(known.failed_at, excluded.failed_at),
    failure = CASE WHEN excluded.failed_at >= coalesce(known.failed_at, '-infinity')
                   THEN excluded.failure ELSE known.failure END,
    bounced_at = CASE WHEN greatest(known.delivered_at, excluded.delivered_at)
                           >= greatest(known.bounced_at, excluded.bounced_at)
                      THEN NULL ELSE greatest(known.bounced_at, excluded.bounced_at) END
"""

_PROVED = """
UPDATE contacts_contact SET is_proved = true WHERE id IN (
    SELECT id FROM contacts_contact WHERE id = ANY(%s) AND NOT is_proved ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
"""
"""Waits for nobody, so it is part of no deadlock: a contact that somebody is writing is marked by its next proof."""


def hold_contacts(*, ids: Collection[int]) -> None:
    """Until the transaction ends, none of them is deleted. For who writes more than one thing of several contacts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM contacts_contact WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [list(ids)])


def record_reach(*, entries: Collection[ReachEntry]) -> None:
    """In one statement, two when something is proved; later moments win in whatever order they come.

    Passes over ids that are no contact.
    """
    rows: dict[tuple[int, str], ReachEntry] = {}
    for entry in entries:
        key = (entry.contact_id, entry.channel.value)
        rows[key] = _merged(rows[key], entry) if key in rows else entry
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _UPSERT,
            [
                [entry.contact_id for entry in rows.values()],
                [entry.channel.value for entry in rows.values()],
                [entry.delivered_at for entry in rows.values()],
                [entry.failed_at for entry in rows.values()],
                [entry.failure[:_FAILURE_LENGTH] for entry in rows.values()],
                [entry.bounced_at for entry in rows.values()],
            ],
        )
        if proved := {entry.contact_id for entry in rows.values() if entry.delivered_at is not None}:
            cursor.execute(_PROVED, [list(proved)])


def forget_reach(*, contact_ids: Collection[int], channels: Collection[Channel]) -> None:
    """What was known of an old number or address. For who has locked the contacts."""
    ContactReach.objects.filter(contact_id__in=contact_ids, channel__in=channels).delete()
    proofs = ContactReach.objects.filter(contact_id=OuterRef("pk"), delivered_at__isnull=False)
    Contact.objects.filter(~Exists(proofs), pk__in=contact_ids, is_proved=True).update(is_proved=False)


def _merged(one: ReachEntry, other: ReachEntry) -> ReachEntry:
    delivered = max(filter(None, (one.delivered_at, other.delivered_at)), default=None)
    failed = max((one, other), key=lambda entry: (entry.failed_at is not None, entry.failed_at))
    bounced = max(filter(None, (one.bounced_at, other.bounced_at)), default=None)
    return ReachEntry(one.contact_id, one.channel, delivered, failed.failed_at, failed.failure, bounced)
