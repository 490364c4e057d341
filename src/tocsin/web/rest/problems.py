"""What is refused, as RFC 9457 problem details. Each wrong field is named, and where it stood."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, RawPostDataException
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel, Field

from tocsin.contacts.rules import DuplicateError
from tocsin.core.clock import utc_now
from tocsin.core.errors import (
    ChangedError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    LimitedError,
    NotFoundError,
    TocsinError,
)
from tocsin.web.rest.callers import OutOfScopeError, UnknownCallerError
from tocsin.web.rest.fields import as_json
from tocsin.web.rest.wrong_values import text_of
from tocsin.web.shared.words import refused, said

_log = logging.getLogger(__name__)
_KINDS: Mapping[int, tuple[str, str]] = {
    400: ("unreadable", "The request cannot be read"),
    401: ("unauthorized", "No live token"),
    403: ("forbidden", "Not allowed"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    409: ("conflict", "Conflict"),
    412: ("changed", "Somebody changed it"),
    413: ("too-large", "Too large"),
    422: ("invalid", "Fields are wrong"),
    429: ("limited", "Too many requests"),
    503: ("unavailable", "Not now"),
}


_NAMES = {
    "targets": "tells",
    "group_wait": "group_wait_seconds",
    "group_interval": "group_interval_seconds",
    "repeat_every": "repeat_minutes",
    "escalation": "escalation_id",
    "window_start": "sending_window.start",
    "window_end": "sending_window.end",
    "window_days": "sending_window.days",
    "window_zone": "sending_window.zone",
    "window_outside": "sending_window.outside",
    "lapses_after": "minutes",
    "lasts": "minutes",
    "contact": "contact_id",
    "user": "user_id",
    "objects": "object_ids",
}
"""What services call fields that have another name here."""
_PLACES = {"If-Match": "header", "Idempotency-Key": "header", "cursor": "query", "kind": "query"}


class FieldProblem(BaseModel):
    """One wrong field."""

    field: str = Field(description="Its name, with a dot before what is inside; or empty.", examples=["phone"])
    place: str = Field(description="body, query, path or header.", examples=["body"])
    detail: str = Field(description="What is wrong and the way out, in the language of Accept-Language.")
    taken_by: int | None = Field(None, description="The id of the object that has this value already.")


class Problem(BaseModel):
    """RFC 9457, as application/problem+json."""

    type: str = Field(examples=["urn:tocsin:problem:invalid"], description="What programs tell problems apart by.")
    title: str
    status: int = Field(examples=[422])
    detail: str
    errors: list[FieldProblem] = Field(default_factory=list)


def problem(
    status: int, detail: str, *, kind: str = "", errors: list[dict[str, Any]] | None = None, **headers: str
) -> HttpResponse:
    """`headers` are written with underscores."""
    name, title = _KINDS[status]
    body = {
        "type": f"urn:tocsin:problem:{kind or name}",
        "title": title,
        "status": status,
        "detail": detail,
        "errors": errors or [],
    }
    response = HttpResponse(as_json(body), status=status, content_type="application/problem+json")
    for header, value in headers.items():
        response.headers[header.replace("_", "-")] = value
    return response


_REFUSED = (TocsinError, ValidationError, HttpError, Http404, RequestDataTooBig, MultiPartParserError,
            TooManyFieldsSent, TooManyFilesSent, RawPostDataException, OperationalError, InterfaceError)  # fmt: skip


def install(api: NinjaAPI) -> None:
    for kind in _REFUSED:
        api.add_exception_handler(kind, refusal)


def refusal(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """The problem that the error is; any other error goes on."""
    match error:
        case UnknownCallerError():
            return problem(401, str(error), WWW_Authenticate='Bearer realm="tocsin"')
        case OutOfScopeError():
            return problem(403, str(error), kind="out-of-scope")
        case ForbiddenError():
            return problem(403, said(str(error)))
        case NotFoundError():
            return problem(404, said(str(error)))
        case ChangedError():
            return problem(412, said(str(error)))
        case DuplicateError():
            return problem(409, refused(error), kind="duplicate", errors=_duplicates(error))
        case ConflictError():
            return problem(409, said(str(error)))
        case InvalidInputError():
            return problem(422, refused(error), errors=_fields(error))
        case LimitedError():
            return problem(429, said(str(error)), Retry_After=str(_seconds_until(error.retry_at)))
        case ValidationError():
            return _invalid(error)
        case HttpError() if isinstance(error.__cause__, TocsinError | HttpError):  # ninja hides what a parser says
            return refusal(request, error.__cause__)
        case HttpError():
            return problem(error.status_code, str(error))
        case Http404():
            return problem(404, _("There is no such thing here."))
        case OperationalError() | InterfaceError():
            _log.warning("the API cannot reach the database, or lost a conflict: %s", error)
            return problem(503, _("The database does not answer just now; try again."), Retry_After="2")
        case RawPostDataException():  # parts of an upload, where JSON belongs
            return problem(400, _("The body is no JSON."))
        case MultiPartParserError() | TooManyFieldsSent() | TooManyFilesSent():
            return problem(400, _("The parts of the body cannot be read."))
        case RequestDataTooBig():
            return problem(413, _("The body is too large; send less at a time."))
        case _:
            raise error


def _fields(error: InvalidInputError) -> list[dict[str, Any]]:
    return [
        {"field": _named_here(name), "place": _PLACES.get(name, "body"), "detail": said(text)}
        for name, text in error.fields.items()
    ]


def _named_here(name: str) -> str:
    if name.startswith("config."):
        return name.replace("config.", "settings.", 1)
    return _NAMES.get(name, name)


def _duplicates(error: DuplicateError) -> list[dict[str, Any]]:
    return [
        {**field, "taken_by": error.others[field["field"]][0] if field["field"] in error.others else None}
        for field in _fields(error)
    ]


def _invalid(error: ValidationError) -> HttpResponse:
    errors = [_wrong(found) for found in error.errors]
    details = [": ".join(filter(None, (each["field"], each["detail"]))) for each in errors]
    return problem(422, "; ".join(details), errors=errors)


def _wrong(found: Mapping[str, Any]) -> dict[str, Any]:
    """pydantic's: the first of `loc` is the place, in bodies the second the handler's argument."""
    place, *rest = map(str, found["loc"])
    if place in ("form", "file"):  # the parts of an upload
        place, rest = "body", ["", *rest[-1:]]
    names = rest[1:] if place == "body" else rest[-1:]
    return {"field": ".".join(names), "place": place, "detail": said(text_of(found))}


def _seconds_until(moment: object) -> int:
    if not isinstance(moment, datetime):
        return 1
    return max(1, math.ceil((moment - utc_now()).total_seconds()))
