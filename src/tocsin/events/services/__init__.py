"""Writes of integrations and events."""

from __future__ import annotations

from tocsin.events.services.beating import beat
from tocsin.events.services.integrations import (
    create_integration,
    delete_integration,
    disable_integration,
    enable_integration,
    rotate_token,
    update_integration,
)
from tocsin.events.services.quieting import quieten_events, wake_events
from tocsin.events.services.rematching import (
    Look,
    begin_look,
    end_look,
    lock_events,
    record_matches,
    request_rematch,
    take_looks,
)
from tocsin.events.services.reporting import note_reports, report_events
from tocsin.events.services.seeing import drop_seen, forget_seen_reports
from tocsin.events.services.sweeping import Swept, sweep_events

__all__ = [
    "Look",
    "Swept",
    "beat",
    "begin_look",
    "create_integration",
    "delete_integration",
    "disable_integration",
    "drop_seen",
    "enable_integration",
    "end_look",
    "forget_seen_reports",
    "lock_events",
    "note_reports",
    "quieten_events",
    "record_matches",
    "report_events",
    "request_rematch",
    "rotate_token",
    "sweep_events",
    "take_looks",
    "update_integration",
    "wake_events",
]
