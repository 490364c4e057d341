"""Requests as the web server hands them over: what is read of them, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from types import SimpleNamespace
from typing import Any

from tocsin.config.bridge import Bridge, environ_of

_PIECE = b"x" * 2**20


class Sender:
    """Sends so many megabytes without saying how many, and keeps what it is answered."""

    def __init__(self, megabytes: int) -> None:
        self.left, self.answers = megabytes, list[int]()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.left:
            self.left -= 1
            yield _PIECE

    def response_empty(self, status: int, _headers: object) -> None:
        self.answers.append(status)

    def response_bytes(self, status: int, _headers: object, _body: bytes) -> None:
        self.answers.append(status)


def scope(path: str = "/", **headers: str) -> Any:
    listed = [(name.replace("__", "-"), value) for name, value in headers.items()]
    return SimpleNamespace(
        method="POST", path=path, query_string="", http_version="1.1", scheme="http", client="192.0.2.1:5",
        server="127.0.0.1:8000", headers=SimpleNamespace(items=lambda: listed),
    )  # fmt: skip


def length_of(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [])
    return [environ["CONTENT_LENGTH"].encode()]


def test_only_a_header_with_a_hyphen_is_the_one_with_a_hyphen() -> None:
    heard = environ_of(scope(x__forwarded__for="192.0.2.7", x_forwarded_for="198.51.100.1", cookie="a=1"))

    assert (heard["HTTP_X_FORWARDED_FOR"], heard["HTTP_COOKIE"]) == ("192.0.2.7", "a=1")
    assert heard["REMOTE_ADDR"] == "192.0.2.1"


def test_a_body_is_read_as_far_as_its_door_takes_one() -> None:
    async def answers(path: str, megabytes: int) -> tuple[list[int], int]:
        sender = Sender(megabytes)
        bridge = Bridge(length_of, threads=1)
        await bridge.__rsgi__(scope(path, transfer__encoding="chunked"), sender)
        return sender.answers, sender.left

    assert asyncio.run(answers("/v/", 10)) == ([200], 0)
    assert asyncio.run(answers("/v/", 1000)) == ([413], 982)
    assert asyncio.run(answers("/console/contact-imports/", 40)) == ([200], 0)
    assert asyncio.run(answers("/alerts/api/v1/contact-imports", 40)) == ([200], 0)
