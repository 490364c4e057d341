"""The refusal of a number, address or name that somebody else has."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.core.errors import InvalidInputError


class DuplicateError(InvalidInputError):
    """`fields` name the other one, for readers who may see it; `neutral` is for those who may not."""

    def __init__(
        self, fields: Mapping[str, str], neutral: Mapping[str, str], others: Mapping[str, tuple[int, str]]
    ) -> None:
        self.neutral = InvalidInputError(neutral)
        self.others = dict(others)
        """Field -> id and name of the object that has this value already."""
        super().__init__(fields)
