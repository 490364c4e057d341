"""Contacts into a file. A read, but one that shows whole numbers and addresses, so that it leaves audit entries."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.contacts.models import Contact
from tocsin.contacts.sheets import FORMATS, ContactColumns
from tocsin.core import crypto
from tocsin.core.actors import Actor

_AT_ONCE = 2000
_COLUMNS = ("id", "external_id", "name", "phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id",
            "wecom_user_id", "language", "time_zone", "legacy_chatbot_url", "phone_verified_at")  # fmt: skip
_PAGE = f"""
SELECT {", ".join(f"c.{name}" for name in _COLUMNS)},
       array(SELECT g.name FROM contacts_contactgroupmember m JOIN contacts_contactgroup g ON g.id = m.group_id
             WHERE m.contact_id = c.id ORDER BY g.name)
FROM contacts_contact c WHERE c.id > %s AND (%s::bigint[] IS NULL OR c.id = ANY(%s::bigint[]))
ORDER BY c.id LIMIT {_AT_ONCE}
"""  # noqa: S608 (our own column names)


def export_contacts(
    *, by: Actor, now: datetime, format: str, ids: Collection[int] | None = None, with_chatbots: bool = False
) -> Iterator[bytes]:
    """The file in pieces, with all contacts or those of `ids`, read in bites; an audit entry for each contact.

    Chatbots' addresses hold tokens and are left out unless asked for.
    """
    names = [*ContactColumns.names(), *(["legacy_chatbot_url"] if with_chatbots else []), "phone_verified_at"]
    wanted = None if ids is None else sorted(set(ids))
    yield from FORMATS[format].pieces(names, _rows(by, now, wanted, format))


def _rows(by: Actor, now: datetime, ids: list[int] | None, format: str) -> Iterator[dict[str, Any]]:
    last = 0
    start = 0
    while True:
        some = None if ids is None else ids[start : start + _AT_ONCE]
        if some == []:
            return
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_PAGE, [last, some, some])
            found = [dict(zip((*_COLUMNS, "groups"), row, strict=True)) for row in cursor.fetchall()]
            audit.record_rows(
                by=by,
                now=now,
                action=Action.ACCESS,
                model=Contact,
                entries=[(row["id"], row["name"], {}) for row in found],
                note=f"shown: phone, email, exported as {format}",
            )
        for row in found:
            yield _as_exported(row)
        if ids is None and len(found) < _AT_ONCE:
            return
        last = found[-1]["id"] if found and ids is None else last
        start += _AT_ONCE


def _as_exported(row: dict[str, Any]) -> dict[str, Any]:
    url, verified_at = row["legacy_chatbot_url"], row["phone_verified_at"]
    return {
        **row,
        "legacy_chatbot_url": crypto.decrypt(url, settings.SECRET_KEYS) if url else "",
        "phone_verified_at": verified_at.isoformat(timespec="seconds") if verified_at else "",
    }
