"""Asking a provider what became of a message, from a test that has no event loop."""

from __future__ import annotations

from collections.abc import Mapping

from tests.contracts.sending import with_open
from tocsin.channels.base import Finding, Question


def look_up(name: str, config: Mapping[str, str], question: Question) -> Finding:
    return with_open(name, config, lambda provider: provider.look_up(question))
