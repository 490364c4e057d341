"""What a refused request is answered: the gateway's own codes where they are known, and ours in its style."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from tocsin.contacts.rules import DuplicateError
from tocsin.core.errors import (
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    LimitedError,
    NotFoundError,
    TocsinError,
)


class RpcError(Exception):
    """`code` is what programs look at, the text is for people."""

    def __init__(self, code: str, text: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        self.code = code
        self.status = status
        self.headers = dict(headers or {})
        super().__init__(text)


def missing(name: str) -> RpcError:
    return RpcError(f"Missing{name}", f"{name} is mandatory for this action.")


def invalid(name: str, text: str) -> RpcError:
    return RpcError(f"Invalid{name}" if name else "InvalidParameter", text)


def from_service(error: TocsinError, names: Mapping[str, str], now: datetime) -> RpcError:
    """`names`: a service's field -> the parameter that it came from."""
    match error:
        case DuplicateError():
            field, text = next(iter(error.fields.items()))
            return RpcError(f"{invalid(names.get(field, ''), '').code}.Duplicate", text)
        case InvalidInputError():
            field, text = next(iter(error.fields.items()))
            return invalid(names.get(field, ""), text)
        case NotFoundError():
            return RpcError("404", str(error), 404)  # what Terraform's provider takes for gone
        case ConflictError():
            return RpcError("OperationConflict", str(error), 409)
        case ForbiddenError():
            return RpcError("Forbidden", str(error), 403)
        case LimitedError():
            return throttled(str(error), error.retry_at if isinstance(error.retry_at, datetime) else None, now)
        case ConfigurationError():
            return RpcError("ServiceUnavailable", str(error), 503)
        case _:
            return RpcError("InvalidParameter", str(error))


def throttled(text: str, retry_at: datetime | None, now: datetime) -> RpcError:
    """Clients read from the header after how many milliseconds they may try again."""
    wait = math.ceil((retry_at - now).total_seconds() * 1000) if retry_at else 0
    return RpcError("Throttling.User", text, headers={"x-acs-retry-after": str(wait)} if wait > 0 else {})
