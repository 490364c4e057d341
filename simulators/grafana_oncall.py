"""Grafana OnCall's public API as far as an import reads it: the key in `Authorization` as it is, lists in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from simulators.serving import HttpServer


class GrafanaOnCallSimulator(HttpServer):
    """`lists`: rows by resource. Its `next` names the host that it believes to have, as behind a proxy."""

    def __init__(
        self, lists: Mapping[str, Sequence[Mapping[str, Any]]], *, key: str = "meowmeowmeow", page_size: int = 2
    ) -> None:
        super().__init__()
        self.lists, self.key, self.page_size = lists, key, page_size
        self.requests: list[str] = []
        self.retry_after = 0
        """Seconds; with some, every request is one too many."""

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/api/v1/{resource}/", self._list)]

    async def _list(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        if self.retry_after:
            return web.json_response({"detail": "Request was throttled."}, status=429,
                                     headers={"Retry-After": str(self.retry_after)})  # fmt: skip
        if request.headers.get("Authorization") != self.key:
            return web.json_response({"detail": "Invalid token."}, status=403)
        rows = self.lists.get(request.match_info["resource"])
        if rows is None:
            return web.json_response({"detail": "Not found."}, status=404)
        page = int(request.query.get("page", "1"))
        last = max(1, -(-len(rows) // self.page_size))
        if not 1 <= page <= last:
            return web.json_response({"detail": "Invalid page."}, status=404)
        begin = (page - 1) * self.page_size
        following = f"http://engine.internal:8080{request.path}?page={page + 1}" if page < last else None
        return web.json_response(
            {"count": len(rows), "next": following, "previous": None, "current_page_number": page,
             "results": list(rows[begin : begin + self.page_size]), "page_size": self.page_size, "total_pages": last}
        )  # fmt: skip
