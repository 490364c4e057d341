"""Accepting events and changing policies exclude each other, so that no event slips between the two.

Accept stores an event, takes this lock shared, reads the policies in a later statement and commits. A change takes it
exclusively, writes, leaves a re-match and commits. Whichever comes first, the event is matched against the change:

- accept first: the change waits, so its re-match is committed, and therefore runs, after the event is visible to it;
- change first: accept waits, and its later statement reads the changed policies.

Without the lock an accept could read the old policies, the change commit and its re-match finish without seeing the
event, and the accept commit last: an event that fires and that nobody is told of.
"""

from __future__ import annotations

from django.db import connection

_KEY = int.from_bytes(b"policies", "big") % (1 << 63)


def lock_policies_for_reading() -> None:
    """Until the transaction ends; many at once. Read the policies in a statement after this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_KEY])


def lock_policies_for_writing() -> None:
    """Until the transaction ends; alone. Take it before anything is read."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_KEY])
