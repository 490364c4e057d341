"""Numbers and addresses that pass from one contact to another in the same change."""

from __future__ import annotations

from collections.abc import Mapping

PASSING = ("phone", "email")
"""What belongs to one contact only and may pass to another."""


def leaving(
    holds: Mapping[int, Mapping[str, str]], wanted: Mapping[int, Mapping[str, str]]
) -> dict[int, frozenset[str]]:
    """Which fields contacts must lose before others get the values. By contact: what it has, and what it is to have.

    A value that its contact is to keep does not leave it: whoever else wants it is refused. New contacts want under ids
    that no contact has.
    """
    takers = {
        (field, values[field].lower()): pk for pk, values in wanted.items() for field in PASSING if values.get(field)
    }
    found = {}
    for pk, values in holds.items():
        fields = frozenset(
            field
            for field in PASSING
            if (value := values.get(field, "").lower())
            and takers.get((field, value), pk) != pk
            and wanted.get(pk, values).get(field, "").lower() != value
        )
        if fields:
            found[pk] = fields
    return found
