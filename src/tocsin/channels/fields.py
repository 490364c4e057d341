"""A text column that is ciphertext in the database and plain text in Python."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from tocsin.core import crypto


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Cannot be searched or compared in SQL. The empty string stays empty."""

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return crypto.decrypt(value, settings.SECRET_KEYS) if value else value

    def get_prep_value(self, value: Any) -> Any:
        return crypto.encrypt(str(value), settings.SECRET_KEYS) if value else value
