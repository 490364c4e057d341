"""A text column that is ciphertext in the database and plain text in Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from tocsin.core import crypto
from tocsin.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """What no key of this installation opens. Saving its row leaves it as it is."""

    ciphertext: str = field(repr=False)
    problem: ConfigurationError


class _Secret(DeferredAttribute):
    """Raises the ConfigurationError where the secret is used, so that one bad row spoils no read of many."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, _Unreadable):
            raise ConfigurationError(*value.problem.args)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Cannot be searched or compared in SQL. The empty string stays empty.

    ConfigurationError when one that cannot be decrypted is used, not when its row is read.
    """

    descriptor_class = _Secret

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        if not value:
            return value
        try:
            return crypto.decrypt(value, settings.SECRET_KEYS)
        except ConfigurationError as error:
            return _Unreadable(value, error)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        stored = model_instance.__dict__.get(self.attname)
        return stored if isinstance(stored, _Unreadable) else super().pre_save(model_instance, add)

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, _Unreadable):
            return value.ciphertext
        return crypto.encrypt(str(value), settings.SECRET_KEYS) if value else value
