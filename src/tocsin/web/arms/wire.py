"""A request as it came: what is signed, and the one namespace that its parameters are read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

from tocsin.core.storable import is_storable
from tocsin.web.arms.errors import RpcError

_MOST_PARAMETERS = 1000
_FORM = "application/x-www-form-urlencoded"
ACTION_HEADER = "x-acs-action"


@dataclass(frozen=True, slots=True)
class Wire:
    """`query` and `form` are what stands in the address and in the body; header names are of any case."""

    method: str
    query: dict[str, str]
    headers: Mapping[str, str]
    form: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def parameters(self) -> dict[str, str]:
        """Where a parameter stands says nothing: SDKs and Terraform differ in what they put where."""
        return {**self.query, **self.form}


def is_call(request: HttpRequest) -> bool:
    """Whether a request at `/` is for this API: people who open the console name no action."""
    if ACTION_HEADER in request.headers or "Action" in request.GET:
        return True
    if request.method != "POST" or request.content_type != _FORM:
        return False
    try:
        return b"Action=" in _body(request)
    except RpcError:  # nothing that the console's door takes either
        return True


def read_wire(request: HttpRequest) -> Wire:
    """RpcError for what no client sends: too large, too many parameters, one twice, characters that no text has.

    A name that stands twice would let somebody add a second value to a request that another one signed.
    """
    body = _body(request)
    wire = Wire(
        method=request.method or "",
        query=_pairs(request.META.get("QUERY_STRING", "")),
        headers=request.headers,
        form=_pairs(body.decode(errors="replace")) if request.content_type == _FORM else {},
        body=body,
    )
    if twice := wire.query.keys() & wire.form.keys():
        raise _twice(min(twice))
    for name, value in wire.parameters.items():
        if not is_storable(name + value):
            raise RpcError("InvalidParameter", "A parameter holds a character that cannot be stored.")
    return wire


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig as error:
        raise RpcError("RequestEntityTooLarge", "The body is too large.", 413) from error
    except UnreadablePostError as error:
        raise RpcError("IncompleteBody", "The body was cut off.") from error


def _pairs(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        raise RpcError("InvalidParameter", "There are too many parameters.") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise _twice(name)
        found[name] = value
    return found


def _twice(name: str) -> RpcError:
    return RpcError("InvalidParameter", f"The parameter {name[:80]!r} is given twice.")
