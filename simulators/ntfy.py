"""A ntfy server, as Apprise writes to one: it takes any message, or redirects, hangs or refuses as it is told."""

from __future__ import annotations

import asyncio

from aiohttp import web

from simulators.serving import HttpServer


class NtfySimulator(HttpServer):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        """Bodies, as they came."""
        self.status = 200
        self.location = ""
        """Where every request is sent on to; "" for nowhere."""
        self.hangs_for = 0.0

    @property
    def address(self) -> str:
        """The topic's Apprise URL."""
        return f"ntfy://{self.host}:{self.port}/s3cret-topic-9"

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.route("*", "/{rest:.*}", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.text()
        await asyncio.sleep(self.hangs_for)
        if self.location:
            return web.Response(status=307, headers={"Location": self.location})
        if self.status == 200:
            self.messages.append(body)
        return web.json_response({"id": "x", "event": "message"}, status=self.status)
