"""A receiver of webhooks that checks what it is sent as https://www.standardwebhooks.com says, and drops doubles."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulators.serving import HttpServer
from simulators.waiting import wait_until

_TOLERANCE = 300.0


@dataclass(frozen=True, slots=True)
class Received:
    id: str
    method: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class WebhookReceiver(HttpServer):
    """`secret` as it was agreed: `whsec_` and base64, or any text. Without one it believes everybody."""

    def __init__(self, *, secret: str = "", clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.secret = secret
        self.received: list[Received] = []
        self.doubles = 0
        self.requests = 0
        self._clock = clock
        self._next: list[web.Response | None] = []

    @property
    def webhook(self) -> str:
        return f"{self.url}/hook"

    def answer_next(self, status: int, body: str = "", **headers: str) -> None:
        """The next request is answered so, and taken when that is a good answer."""
        self._next.append(web.Response(status=status, text=body, headers=headers))

    def take_and_cut_next(self) -> None:
        """The next request is taken, and its connection cut before the answer."""
        self._next.append(None)

    def wait_for(self, count: int, *, within: float = 60.0) -> list[Received]:
        wait_until(lambda: len(self.received) >= count, within=within, what=f"{count} webhooks")
        return self.received

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.route("*", "/{path:.*}", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = await request.read()
        answer = self._next.pop(0) if self._next else web.Response(text="ok")
        if self.secret and not self._is_signed(request, body):
            return web.Response(status=401, text="signature does not match")
        if answer is None or answer.status < 300:
            self._take(request, body)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer

    def _take(self, request: web.Request, body: bytes) -> None:
        message_id = request.headers["webhook-id"]
        if any(message.id == message_id for message in self.received):
            self.doubles += 1
            return
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(message_id, request.method, dict(request.query), headers, body))

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        message_id, moment = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        if not moment.isdigit() or abs(self._clock() - int(moment)) > _TOLERANCE:
            return False
        is_encoded = self.secret.startswith("whsec_")
        key = base64.b64decode(self.secret[6:]) if is_encoded else self.secret.encode()
        digest = hmac.new(key, f"{message_id}.{moment}.".encode() + body, hashlib.sha256).digest()
        expected = f"v1,{base64.b64encode(digest).decode()}"
        offered = request.headers.get("webhook-signature", "").split()
        return any(hmac.compare_digest(expected, one) for one in offered)
