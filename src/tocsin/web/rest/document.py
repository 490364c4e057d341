"""`/api/v1/openapi.json` and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from hashlib import sha256
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from tocsin.accounts.rules import Permission, Role, Scope, is_allowed
from tocsin.web.rest.problems import Problem
from tocsin.web.rest.replaying import HEADER

_PREFIX = "api/v1/"
_ABOUT = """\
What the console can do, for programs. `tocsin api-token create --name ci --role manager --scope contacts:write` makes a
token; send it as `Authorization: Bearer tct_...`. What is refused is `application/problem+json` (RFC 9457).
"""
_TEXTS = {
    401: "No token, or none that is live.",
    403: "The token's scopes or role do not allow this.",
    404: "There is no such thing (any more).",
    409: "Somebody else has the value, or the state does not allow this.",
    412: "Somebody changed it: If-Match is not its ETag any more.",
    422: "Fields are wrong; `errors` names each.",
    429: "This token asks too often.",
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Document:
    """Made once a process: what operations declare, and what all of them answer besides."""

    def __init__(self, api: NinjaAPI) -> None:
        self._api = api

    @cached_property
    def schema(self) -> dict[str, Any]:
        made: dict[str, Any] = OpenAPISchema(self._api, _PREFIX)
        made["info"]["description"] = _ABOUT
        made["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        made["servers"] = [{"url": settings.BASE_PATH or "/"}]
        schemas = made["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["Problem"] = problem
        made["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "tocsin api-token create"}
        }
        for name, schema in schemas.items():
            if name.endswith("Changes"):
                for field in schema.get("properties", {}).values():
                    field.pop("default", None)
        for path, method, operation in operations_of(made):
            _complete(path, method, operation)
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
        return plain

    @cached_property
    def text(self) -> bytes:
        return msgspec.json.encode(self.schema)

    @cached_property
    def etag(self) -> str:
        return f'"{sha256(self.text).hexdigest()[:16]}"'


def operations_of(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method in lower case, operation."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def document_view(document: Document) -> Callable[..., HttpResponse]:
    @require_safe
    def view(request: HttpRequest) -> HttpResponse:
        if request.headers.get("If-None-Match") == document.etag:
            return HttpResponseNotModified(headers={"ETag": document.etag})
        return HttpResponse(document.text, content_type="application/json", headers={"ETag": document.etag})

    return view


@require_safe
def docs_page(request: HttpRequest) -> HttpResponse:
    response = render(request, "rest/docs.html")
    response.headers["Content-Security-Policy"] = _DOCS_POLICY
    return response


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    scope, permission = Scope(operation["x-scope"]), Permission(operation.pop("x-permission"))
    role = next(role for role in Role if is_allowed(role, permission))
    operation["x-role"] = role.value
    operation["security"] = [{"token": [scope.value]}]
    needs = f"Needs the scope `{scope.value}` and the role {role.value}."
    operation["description"] = f"{operation.get('description', '')}\n\n{needs}".strip()
    parameters = operation.setdefault("parameters", [])
    if operation["x-idempotent-by-key"]:
        parameters.append(_key_parameter())
    has_version = any(parameter["name"] == "If-Match" for parameter in parameters)
    statuses = {401, 403, 422, 429}
    if "{" in path:
        statuses.add(404)
    if method != "get":
        statuses.add(409)
    if has_version:
        statuses.add(412)
    responses = operation["responses"]
    if files := operation.pop("x-files"):
        responses[200]["content"] = {kind: {} for kind in files}
    for status, response in responses.items():
        _describe(int(status), response)
    for status in sorted(statuses):
        responses[str(status)] = {"description": _TEXTS[status], "content": _PROBLEM}
    if "requestBody" in operation:
        responses["400"] = {"description": "The body is no JSON.", "content": _PROBLEM}
        responses["413"] = {"description": "The body is too large.", "content": _PROBLEM}
    responses["503"] = {"description": "The database does not answer just now.", "content": _PROBLEM}
    responses["503"]["headers"] = {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}}
    responses["429"]["headers"] = {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}}
    responses["401"]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}


def _describe(status: int, response: dict[str, Any]) -> None:
    if status < 300 and "content" in response:
        response["headers"] = {"ETag": {"description": "Of what has a version.", "schema": {"type": "string"}}}
    if status == 201:
        response["headers"]["Location"] = {"description": "Where it is.", "schema": {"type": "string"}}


def _key_parameter() -> dict[str, Any]:
    return {
        "name": HEADER,
        "in": "header",
        "required": False,
        "description": "The same key and body within 24 hours are answered as before, and nothing is done again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "example": "9f2c1c0e-1f0a-4d4e-8c4e-2f1f5a1b7c11",
    }
