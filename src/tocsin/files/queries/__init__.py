"""Reads of what is configured, in the words of the files."""

from __future__ import annotations

from tocsin.files.queries.matching import matches
from tocsin.files.queries.state import everything, state_of

__all__ = ["everything", "matches", "state_of"]
