"""What comes next of an open alert, as lines and as JSON."""

from __future__ import annotations

from typing import Any

from tocsin.delivery.foreseeing import Coming


def coming_line(item: Coming) -> str:
    hours = f", once the hours of the policy begin: {item.waits_until.isoformat()}" if item.waits_until else ""
    dropped = ", but outside the hours of the policy nothing is sent" if item.is_dropped else ""
    return f"at {item.at.isoformat(timespec='seconds')}: {item.text}{hours}{dropped}"


def coming_json(item: Coming) -> dict[str, Any]:
    return {
        "at": item.at,
        "kind": item.kind,
        "text": item.text,
        "step": item.step,
        "recipient": item.recipient,
        "waits_until": item.waits_until,
        "is_dropped": item.is_dropped,
    }
