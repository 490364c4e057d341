"""How an operation is declared: what it needs, what it answers, and what every one of them answers besides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.decorators import decorate_view

from tocsin.accounts.rules import Permission, Scope
from tocsin.web.rest import replaying
from tocsin.web.rest.callers import Needs
from tocsin.web.rest.versions import etag_of

_View = TypeVar("_View", bound=Callable[..., Any])
_Run = Callable[..., HttpResponse]


class Resource:
    """The operations of one kind of thing."""

    def __init__(self, tag: str, *, reads: Scope, writes: Scope) -> None:
        self.router = Router(tags=[tag])
        self._reads, self._writes = reads, writes

    def get(self, path: str, response: Any, *, needs: Permission = Permission.VIEW) -> Callable[[_View], _View]:
        return self._operation("GET", path, {200: response}, Needs(self._reads, needs))

    def download(self, path: str, *kinds: str, needs: Permission = Permission.VIEW) -> Callable[[_View], _View]:
        """GET of a file, of one of these media types."""
        return self._operation("GET", path, {200: None}, Needs(self._reads, needs), files=kinds)

    def creation(self, path: str, response: Any, *, needs: Permission = Permission.MANAGE) -> Callable[[_View], _View]:
        """POST that makes something: 201 with `Location`, once by `Idempotency-Key`."""
        return self._operation("POST", path, {201: response}, Needs(self._writes, needs), is_once=True)

    def act(
        self,
        path: str,
        response: Any,
        *,
        needs: Permission = Permission.MANAGE,
        status: int = 200,
        reads: bool = False,
        once: bool = True,
    ) -> Callable[[_View], _View]:
        """POST that does something, `once` by `Idempotency-Key`; or (`reads`) only asks, with a body.

        What is sent while the request waits is not done once: no transaction may be open meanwhile.
        """
        scope = self._reads if reads else self._writes
        return self._operation("POST", path, {status: response}, Needs(scope, needs), is_once=once and not reads)

    def patch(self, path: str, response: Any, *, needs: Permission = Permission.MANAGE) -> Callable[[_View], _View]:
        return self._operation("PATCH", path, {200: response}, Needs(self._writes, needs))

    def put(
        self, path: str, responses: dict[int, Any], *, needs: Permission = Permission.MANAGE
    ) -> Callable[[_View], _View]:
        return self._operation("PUT", path, responses, Needs(self._writes, needs))

    def removal(
        self, path: str, response: Any = None, *, needs: Permission = Permission.MANAGE
    ) -> Callable[[_View], _View]:
        return self._operation("DELETE", path, {200 if response else 204: response}, Needs(self._writes, needs))

    def _operation(
        self,
        method: str,
        path: str,
        responses: dict[int, Any],
        needs: Needs,
        *,
        is_once: bool = False,
        files: Sequence[str] = (),
    ) -> Callable[[_View], _View]:
        def register(view: _View) -> _View:
            decorators: list[Callable[[_Run], _Run]] = [_with_headers]
            if is_once:
                decorators.append(replaying.once(needs))
            decorate_view(*decorators)(view)
            self.router.add_api_operation(
                path,
                [method],
                view,
                auth=needs,
                response=responses,
                operation_id=view.__name__,
                summary=view.__name__.replace("_", " ").capitalize(),
                openapi_extra={
                    "x-scope": needs.scope.value,
                    "x-permission": needs.permission.value,
                    "x-idempotent-by-key": is_once,
                    "x-files": list(files),
                },
            )
            return view

        return register


def _with_headers(run: _Run) -> _Run:
    """ETag of what has a version, Location of what was made."""

    def run_with_headers(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        response = run(request, **kwargs)
        shown: dict[str, Any] = getattr(request, "shown", {})
        if response.status_code < 300 and isinstance(version := shown.get("version"), int):
            response.headers["ETag"] = etag_of(version)
        if response.status_code == 201 and isinstance(pk := shown.get("id"), int) and request.method == "POST":
            response.headers["Location"] = f"{request.path.rstrip('/')}/{pk}"
        return response

    return run_with_headers
