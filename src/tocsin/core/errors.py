"""What a service raises. Every door translates these; nothing else of ours reaches a caller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from tocsin.core.sentences import Sentence

_Row = TypeVar("_Row")
_CHANGED = Sentence("Somebody changed this since you opened it. Load it again and repeat your change.")


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

    def __init__(self, text: str = _CHANGED) -> None:
        super().__init__(text)


class ForbiddenError(TocsinError):
    """The caller's role does not allow this."""


class LimitedError(TocsinError):
    """Too often. `retry_at` (aware UTC datetime, or None) says when it is allowed again."""

    def __init__(self, text: str, retry_at: object = None) -> None:
        self.retry_at = retry_at
        super().__init__(text)


class ConfigurationError(TocsinError):
    """The installation is set up in a way that cannot work. The text says what to change."""


def existing(row: _Row | None, text: str) -> _Row:
    """The row; NotFoundError with `text` when there is none."""
    if row is None:
        raise NotFoundError(text)
    return row


def refuse_changed(version: int | None, rows: Iterable[Any]) -> None:
    """ChangedError when `version` (None: any) is not that of the locked rows."""
    if version is not None and any(row.version != version for row in rows):
        raise ChangedError


def first_line(error: Exception) -> str:
    """Of what a library says; libpq goes on with guesses."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
