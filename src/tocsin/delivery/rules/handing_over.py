"""How long it takes from an alert's first event to its first notice leaving, in steps for a histogram."""

from __future__ import annotations

BUCKETS = ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "120", "300", "900", "+Inf")
"""Seconds at most. A policy's group wait is in it, 5 s unless changed."""


def bucket_of(seconds: float) -> str:
    return next(bucket for bucket in BUCKETS if seconds <= float(bucket))
