"""GoAlert's GraphQL door as far as an import asks it: an API key belongs to one query, and lists come in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from simulators.serving import HttpServer


class GoAlertSimulator(HttpServer):
    """`data`: the whole answer. `query`: what the key was made with; "" for the one that comes first."""

    def __init__(self, data: Mapping[str, Any], *, key: str = "k3y", query: str = "", page_size: int = 2) -> None:
        super().__init__()
        self.data, self.key, self.query, self.page_size = data, key, query, page_size
        self.asked: list[Mapping[str, str]] = []
        """The variables of each request."""

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/api/graphql", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.Response(status=401, text="unauthorized\n")
        asked = await request.json()
        self.query = self.query or asked["query"]
        if asked["query"] != self.query:
            error = {"message": "wrong query for API key", "extensions": {"code": "invalid_query"}}
            return web.json_response({"errors": [error], "data": None}, status=422)
        self.asked.append(asked["variables"])
        found = {}
        for name, part in self.data.items():
            begin = int(asked["variables"].get(name, "0"))
            end = begin + self.page_size
            has_next = "pageInfo" in part and end < len(part["nodes"])
            nodes = part["nodes"][begin:end] if "pageInfo" in part else part["nodes"]
            found[name] = {"nodes": nodes, "pageInfo": {"hasNextPage": has_next, "endCursor": str(end)}}
        return web.json_response({"data": found})
