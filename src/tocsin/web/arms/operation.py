"""What every action of the API is: a struct of parameters, a permission, and a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from tocsin.accounts.rules import Permission, Role, is_allowed
from tocsin.core.actors import Actor
from tocsin.web.arms.parameters import Request

Answer = Mapping[str, Any]
_Request = TypeVar("_Request", bound=Request)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed: `role` is what the key and its user both allow."""

    by: Actor
    role: Role
    now: datetime

    def may(self, permission: Permission) -> bool:
        return is_allowed(self.role, permission)


@dataclass(frozen=True, slots=True)
class Operation(Generic[_Request]):
    """`names`: a service's field -> the parameter that a refusal of it is about."""

    request: type[_Request]
    needs: Permission
    run: Callable[[_Request, Caller], Answer]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.request.__name__
