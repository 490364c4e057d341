"""The guarded way out: which addresses it refuses, however they are spelled, and what its errors say."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta

import pytest
from aiohttp import web

from simulators.raw import RawServer, http_answer
from simulators.smtp import SmtpSimulator
from tocsin.channels.http import (
    AddressRefusedError,
    HttpClient,
    HttpError,
    HttpReply,
    NoReplyError,
    NotSentError,
)

OK = http_answer(200, b"fine", "X-Kind: test")


def fetch(url: str, *, allow: tuple[str, ...] = (), is_trusted: bool = False, timeout: float = 2.0) -> HttpReply:
    async def run() -> HttpReply:
        client = HttpClient(allow=allow, timeout=timeout)
        try:
            return await client.request("POST", url, body=b"hello", is_trusted=is_trusted)
        finally:
            await client.aclose()

    return asyncio.run(run())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:db8::1",
        "100::1",
        "not an address",
        "",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not HttpClient().allows(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "203.107.45.167", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::"],
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert HttpClient().allows(address)


@pytest.mark.parametrize(
    ("entry", "address", "is_allowed"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "192.168.1.1", False),
        ("192.168.1.7", "192.168.1.7", True),
        ("192.168.1.7", "192.168.1.8", False),
        ("fd00::/8", "fd12::1", True),
        ("chat.example.org", "10.1.2.3", False),
    ],
)
def test_a_network_can_be_allowed(entry: str, address: str, is_allowed: bool) -> None:
    assert HttpClient(allow=[entry]).allows(address) is is_allowed


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST.", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"],
)
def test_no_spelling_of_the_host_gets_round_the_guard(host: str) -> None:
    with RawServer(OK) as server:
        with pytest.raises(HttpError) as caught:
            fetch(f"http://{host}:{server.port}/robot?token=s3cret-word")

        assert server.requests == []
    assert isinstance(caught.value, NotSentError)
    assert "s3cret-word" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("host", "allow"),
    [("127.0.0.1", "127.0.0.0/8"), ("localhost", "127.0.0.1"), ("localhost", "LocalHost")],
)
def test_what_is_allowed_is_reached(host: str, allow: str) -> None:
    with RawServer(OK) as server:
        reply = fetch(f"http://{host}:{server.port}/", allow=(allow, "::1"))

    assert (reply.status, reply.text, reply.headers["x-kind"]) == (200, "fine", "test")
    assert len(server.requests) == 1


def test_an_address_that_an_operator_typed_may_be_private() -> None:
    with RawServer(OK) as server:
        assert fetch(server.url, is_trusted=True).status == 200


def test_an_allowed_name_does_not_open_others() -> None:
    with RawServer(OK) as server:
        with pytest.raises(AddressRefusedError, match="TOCSIN_OUTGOING_ALLOW"):
            fetch(server.url, allow=("chat.example.org",))

        assert server.requests == []


def test_a_redirect_is_a_reply_and_is_not_followed() -> None:
    answer = http_answer(302, b"", "Location: http://127.0.0.1:1/latest/meta-data")
    with RawServer(answer) as server:
        reply = fetch(server.url, is_trusted=True)

        assert (reply.status, len(server.requests)) == (302, 1)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/",
        "file:///etc/passwd",
        "//example.org",
        "http://",
        "example.org",
        "http://[::1",
        "http://a b/",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(NotSentError):
        fetch(url)


def test_an_address_cannot_add_lines_to_the_request() -> None:
    with RawServer(OK) as server:
        with pytest.raises(AddressRefusedError):
            fetch(f"{server.url}/a HTTP/1.1\r\nX-Evil: 1\r\n\r\n", is_trusted=True)

        assert server.requests == []


def test_an_address_is_sent_as_it_was_encoded() -> None:
    with RawServer(OK) as server:
        fetch(f"{server.url}/a%2Fb?sign=x%2Fy%3D", is_trusted=True)
        fetch(f"{server.url}/磁?q=盘", is_trusted=True)

        lines = [request.split(b"\r\n")[0] for request in server.requests]
    assert lines == [b"POST /a%2Fb?sign=x%2Fy%3D HTTP/1.1", b"POST /%E7%A3%81?q=%E7%9B%98 HTTP/1.1"]


def test_nobody_listening_means_nothing_was_sent() -> None:
    with RawServer(OK) as server:
        url = server.url

    with pytest.raises(NotSentError, match=r"127\.0\.0\.1 could not be connected to"):
        fetch(url, is_trusted=True)


@pytest.mark.parametrize("answer", ["hang", "reset", http_answer(200, b"x" * 50)[:-20]])
def test_no_whole_answer_means_it_may_have_been_received(answer: bytes | str) -> None:
    with RawServer(answer) as server:
        with pytest.raises(NoReplyError) as caught:
            fetch(f"{server.url}/?token=s3cret-word", is_trusted=True, timeout=0.5)

        assert len(server.requests) == 1
    assert "s3cret-word" not in str(caught.value)


def test_a_request_is_never_repeated_by_itself() -> None:
    async def run(url: str) -> None:
        client = HttpClient()
        for _ in range(2):
            await client.request("GET", url, is_trusted=True)
        with pytest.raises(NoReplyError):
            await client.request("GET", url, is_trusted=True)
        await client.aclose()

    with RawServer(OK, OK, "reset") as server:
        asyncio.run(run(server.url))

        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("kind", "connections"), [({"is_trusted": True}, 1), ({"knows_copies": True}, 1), ({}, 3)], ids=str
)
def test_connections_are_kept_to_vendors_and_to_receivers_that_know_a_second_copy(
    kind: dict[str, bool], connections: int
) -> None:
    seen: set[tuple[str, int]] = set()

    async def run() -> None:
        async def take(request: web.BaseRequest) -> web.Response:
            assert request.transport is not None
            seen.add(request.transport.get_extra_info("peername"))
            return web.Response(text="fine")

        server = await asyncio.get_running_loop().create_server(web.Server(take), "127.0.0.1", 0)
        client = HttpClient(allow=["127.0.0.0/8"])
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for _ in range(3):
            assert (await client.request("GET", url, **kind)).status == 200
        await client.aclose()
        server.close()

    asyncio.run(run())
    assert len(seen) == connections


def test_a_huge_answer_is_cut() -> None:
    with RawServer(http_answer(200, b"x" * 3_000_000)) as server:
        assert len(fetch(server.url, is_trusted=True).body) == 256 * 1024


def test_an_unknown_certificate_means_nothing_was_sent() -> None:
    with SmtpSimulator(tls="tls") as server, pytest.raises(NotSentError, match=r"TLS with 127\.0\.0\.1 failed"):
        fetch(f"https://127.0.0.1:{server.port}/", is_trusted=True)


def test_a_connection_that_takes_too_long_means_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(address)
        try:
            with pytest.raises(NotSentError, match="in time"):
                fetch(f"http://127.0.0.1:{address[1]}/", is_trusted=True, timeout=0.5)
        finally:
            for client in waiting:
                client.close()


def test_an_unknown_name_means_nothing_was_sent() -> None:
    with pytest.raises(NotSentError, match=r"The name nowhere\.invalid cannot be resolved"):
        fetch("https://nowhere.invalid/?token=s3cret-word")


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "120"}, timedelta(seconds=120)),
        ({"retry-after": "999999"}, timedelta(days=1)),
        (
            {"retry-after": "Mon, 23 Nov 2026 12:05:00 GMT", "date": "Mon, 23 Nov 2026 12:00:00 GMT"},
            timedelta(minutes=5),
        ),
        (
            {"retry-after": "Mon, 23 Nov 2026 11:05:00 GMT", "date": "Mon, 23 Nov 2026 12:00:00 GMT"},
            timedelta(0),
        ),
        ({"retry-after": "Mon, 23 Nov 2026 12:05:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "\u00b2"}, None),
        ({"retry-after": "9" * 5000}, timedelta(days=1)),
        ({"retry-after": "Mon, 23 Nov 2026 12:05:00 +" + "9" * 30, "date": "Mon, 23 Nov 2026 12:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read(headers: dict[str, str], pause: timedelta | None) -> None:
    assert HttpReply(429, headers, b"").retry_after == pause


def test_a_reply_does_not_show_its_body() -> None:
    assert "s3cret-word" not in repr(HttpReply(200, {}, b"s3cret-word"))


def test_a_host_that_is_no_name_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(AddressRefusedError, match="not a web address"):
        fetch("https://xn--a.example/")
