"""What a service raises. Every door translates these; nothing else of ours reaches a caller."""

from __future__ import annotations

from collections.abc import Mapping


class TocsinError(Exception):
    """Base of the errors that a person can act on. `str()` is fit to be shown."""


class InvalidInputError(TocsinError):
    """One or more fields are wrong. `fields` maps a field name ("" for the whole) to what is wrong and the way out."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__("; ".join(f"{name}: {text}" if name else text for name, text in self.fields.items()))


class NotFoundError(TocsinError):
    """No such row."""


class ConflictError(TocsinError):
    """The row is not in a state that allows this, or (a ChangedError) somebody changed it since it was read."""


class ChangedError(ConflictError):
    """Somebody changed the row since it was read."""


class ForbiddenError(TocsinError):
    """The caller's role does not allow this."""


class LimitedError(TocsinError):
    """Too often. `retry_at` (aware UTC datetime, or None) says when it is allowed again."""

    def __init__(self, text: str, retry_at: object = None) -> None:
        self.retry_at = retry_at
        super().__init__(text)


class ConfigurationError(TocsinError):
    """The installation is set up in a way that cannot work. The text says what to change."""
