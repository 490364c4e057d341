"""What is written down of an alert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from tocsin.alerts.rules import ActivityKind
from tocsin.events.statements import run

_RECORD = """
INSERT INTO alerts_activity (alert_id, kind, at, actor, text, data)
SELECT u.alert_id, u.kind, %(at)s, u.actor, u.text, u.data
FROM json_to_recordset(%(rows)s) AS u (alert_id bigint, kind text, actor text, text text, data jsonb)
"""


@dataclass(frozen=True, slots=True)
class NewActivity:
    """An entry to be written. `data` is JSON and holds what the kind needs to be told in the reader's language."""

    alert_id: int
    kind: ActivityKind
    actor: str = ""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def record_activities(entries: Iterable[NewActivity], *, at: datetime) -> None:
    """Appends to timelines, in one statement."""
    rows = [
        {
            "alert_id": entry.alert_id,
            "kind": entry.kind,
            "actor": entry.actor[:150],
            "text": entry.text,
            "data": entry.data,
        }
        for entry in entries
    ]
    if rows:
        run(_RECORD, {"rows": msgspec.json.encode(rows, enc_hook=str.__str__).decode(), "at": at})
