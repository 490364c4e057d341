"""A text gateway that speaks like Kannel's sendsms door, delivery reports included, and can be told what to do.

Like Kannel it accepts what it will cut or lose, reports out of order, and gives no message id in its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp
from aiohttp import web

from simulators.serving import HttpServer
from simulators.waiting import wait_until
from tocsin.channels.texts import sms_parts

DELIVERED, FAILED, BUFFERED, SUBMITTED, REFUSED = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True)
class SentText:
    to: str
    sender: str
    text: str
    parts: int
    dlr_url: str = field(repr=False)

    def report(self, kind: int) -> str:
        """The URL that the gateway fetches to report this kind; "" when no report was asked for."""
        values = {"%d": str(kind), "%F": "smsc-1", "%A": "ACK/", "%T": "1795435200", "%p": self.to, "%t": ""}
        url = self.dlr_url
        for sign, value in values.items():
            url = url.replace(sign, quote(value, safe=""))
        return url


class SmsGatewaySimulator(HttpServer):
    """`reports`: kinds that are reported for each text, in that order."""

    username, password = "tocsin", "gateway-s3cret"

    def __init__(self, *, reports: Sequence[int] = (SUBMITTED, DELIVERED), max_parts: int = 3) -> None:
        super().__init__()
        self.texts: list[SentText] = []
        self.is_operator_online = True
        self._reports, self._max_parts = tuple(reports), max_parts
        self._denied: set[str] = set()
        self._reporting: set[asyncio.Task[None]] = set()

    @property
    def sendsms(self) -> str:
        return f"{self.url}/cgi-bin/sendsms"

    def deny(self, number: str) -> None:
        self._denied.add(number)

    def to(self, number: str) -> list[SentText]:
        return [text for text in self.texts if text.to == number]

    def wait_for(self, count: int, *, within: float = 60.0) -> list[SentText]:
        wait_until(lambda: len(self.texts) >= count, within=within, what=f"{count} texts")
        return self.texts

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/cgi-bin/sendsms", self._receive), web.post("/cgi-bin/sendsms", self._refuse_type)]

    async def _refuse_type(self, _request: web.Request) -> web.Response:
        return web.Response(status=400, text="Invalid content-type")

    async def _receive(self, request: web.Request) -> web.Response:
        query = request.query
        if (query.get("username"), query.get("password")) != (self.username, self.password):
            return web.Response(status=403, text="Authorization failed for sendsms")
        to = query.get("to", "")
        if not to:
            return web.Response(status=400, text="Empty receiver number not allowed, rejected")
        if to in self._denied or not to.lstrip("+").isdigit():
            return web.Response(status=400, text="Number(s) has/have been denied by white- and/or black-lists.")
        text = query.get("text", "")
        while sms_parts(text) > self._max_parts:
            text = text[:-1]
        has_reports = "dlr-mask" in query
        sent = SentText(
            to, query.get("from", ""), text, sms_parts(text), query.get("dlr-url", "") if has_reports else ""
        )
        self.texts.append(sent)
        if sent.dlr_url:
            task = asyncio.create_task(self._report(sent))
            self._reporting.add(task)
            task.add_done_callback(self._reporting.discard)
        return web.Response(
            status=202, text="0: Accepted for delivery" if self.is_operator_online else "3: Queued for later delivery"
        )

    async def _report(self, sent: SentText) -> None:
        """Once for each kind, with GET; what fails is not tried again."""
        async with aiohttp.ClientSession() as session:
            for kind in self._reports:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(sent.report(kind), timeout=aiohttp.ClientTimeout(total=5)):
                        pass
