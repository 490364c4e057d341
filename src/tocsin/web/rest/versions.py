"""ETags are versions: what was read may be changed as long as nobody changed it since."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from tocsin.core.errors import ChangedError, InvalidInputError

_LISTED = re.compile(r'\s*(W/)?"([^"]*)"\s*(?:,|$)')


def etag_of(version: int) -> str:
    return f'"{version}"'


def expected_version(if_match: str | None, current: int | None = None) -> int | None:
    """The version that the header names; None for none and for `*`, which any fits.

    ChangedError for a tag that is of no version, and for several (which `current` may settle).
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tags = [tag for weak, tag in _LISTED.findall(if_match) if not weak]
    if not _LISTED.match(if_match):
        raise InvalidInputError({"If-Match": _('Send the ETag as it came, in quotes: "3".')})
    versions = {int(tag) for tag in tags if re.fullmatch(r"[0-9]{1,9}", tag)}
    if current in versions:
        return current
    if len(versions) != 1:
        raise ChangedError
    return versions.pop()
