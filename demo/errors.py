"""What stops the demo, as a sentence."""

from __future__ import annotations


class DemoError(Exception):
    """The text is for the person in front of the screen."""


class NotInTimeError(DemoError):
    """Something was waited for."""
