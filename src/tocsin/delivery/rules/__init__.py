"""Everything that delivery decides, without a database or a clock."""

from __future__ import annotations

from tocsin.delivery.rules.states import (
    LEGAL_MOVES,
    REASON_TEXTS,
    Cause,
    DeliveryState,
    Priority,
    Purpose,
    Reason,
)

__all__ = ["LEGAL_MOVES", "REASON_TEXTS", "Cause", "DeliveryState", "Priority", "Purpose", "Reason"]
