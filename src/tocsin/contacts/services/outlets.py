"""What robots and webhooks have in common: where they may be, and when they last took a message."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from tocsin.channels.base import ProviderType
from tocsin.channels.outgoing import is_allowed, is_private
from tocsin.channels.registry import PROVIDERS

_FAILURE_LENGTH = 500
_UPSERT = """
INSERT INTO contacts_objectreach AS known (id, delivered_at, failed_at, failure)
SELECT object.id, told.delivered_at, told.failed_at, told.failure
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[])
     AS told (id, delivered_at, failed_at, failure)
JOIN contacts_notificationobject AS object ON object.id = told.id AND object.kind IN ('robot', 'webhook')
ORDER BY object.id
FOR KEY SHARE OF object
ON CONFLICT (id) DO UPDATE SET
    delivered_at = greatest(known.delivered_at, excluded.delivered_at),
    failed_at = greatest(known.failed_at, excluded.failed_at),
    failure = CASE WHEN excluded.failed_at >= coalesce(known.failed_at, '-infinity')
                   THEN excluded.failure ELSE known.failure END
"""


@dataclass(frozen=True, slots=True)
class OutletReach:
    """A robot or webhook took a message, or did not, at a moment."""

    object_id: int
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""


def record_outlet_reach(*, entries: Collection[OutletReach]) -> None:
    """In one statement; later moments win in whatever order they come. Passes over ids that are gone."""
    rows: dict[int, OutletReach] = {}
    for entry in entries:
        rows[entry.object_id] = _merged(rows[entry.object_id], entry) if entry.object_id in rows else entry
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _UPSERT,
            [
                [entry.object_id for entry in rows.values()],
                [entry.delivered_at for entry in rows.values()],
                [entry.failed_at for entry in rows.values()],
                [entry.failure[:_FAILURE_LENGTH] for entry in rows.values()],
            ],
        )


def private_problem(url: str) -> str:
    """Why nothing would be sent there, and the way out; "" when it can be tried."""
    if not is_private(url, settings.OUTGOING_ALLOW):
        return ""
    return _(
        "%(host)s is a private address, and nothing is sent to those. If it must be reached, an operator adds it to "
        "TOCSIN_OUTGOING_ALLOW."
    ) % {"host": _host(url)}


def host_problem(url: str, provider: ProviderType) -> str:
    """Why this is not where the platform's robots are, and the way out; "" when it is, or an operator allows it."""
    host = _host(url)
    if not provider.hosts or _is_among(host, provider.hosts) or is_allowed(url, settings.OUTGOING_ALLOW):
        return ""
    other = next((kind for kind in PROVIDERS.values() if _is_among(host, kind.hosts)), None)
    if other is not None:
        return _("This is the address of a %(other)s. Choose its platform, or paste this robot's own address.") % {
            "other": other.title
        }
    return _(
        "Robots of this platform are at %(hosts)s, not at %(host)s. For a proxy or a server of your own, an operator "
        "adds it to TOCSIN_OUTGOING_ALLOW."
    ) % {"hosts": ", ".join(f"*{name}" if name.startswith(".") else name for name in provider.hosts), "host": host}


def _is_among(host: str, names: Collection[str]) -> bool:
    return any(host.endswith(name) if name.startswith(".") else host == name for name in names)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower().rstrip(".")


def _merged(one: OutletReach, other: OutletReach) -> OutletReach:
    delivered = max(filter(None, (one.delivered_at, other.delivered_at)), default=None)
    failed = max((one, other), key=lambda entry: (entry.failed_at is not None, entry.failed_at))
    return OutletReach(one.object_id, delivered, failed.failed_at, failed.failure)
