"""A server that keeps every request it gets: what reports and callbacks are sent to in tests."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from simulators.serving import HttpServer
from simulators.waiting import wait_until


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Recorder(HttpServer):
    """Answers 200 to everything, or what `answer` says."""

    def __init__(self, *, status: int = 200, answer: bytes = b"", content_type: str = "text/plain") -> None:
        super().__init__()
        self.requests: list[RecordedRequest] = []
        self._status, self._answer, self._content_type = status, answer, content_type

    def wait_for(self, count: int, *, within: float = 60.0) -> list[RecordedRequest]:
        wait_until(lambda: len(self.requests) >= count, within=within, what=f"{count} requests")
        return self.requests

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.route("*", "/{path:.*}", self._keep)]

    async def _keep(self, request: web.Request) -> web.Response:
        self.requests.append(
            RecordedRequest(
                request.method,
                request.path,
                dict(request.query),
                {name.lower(): value for name, value in request.headers.items()},
                await request.read(),
            )
        )
        return web.Response(status=self._status, body=self._answer, content_type=self._content_type)
