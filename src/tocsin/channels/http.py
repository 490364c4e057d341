"""The one way out over HTTP. No Django, and no secret in what it raises: an error names the host and nothing more.

Each request has a connection of its own. A message therefore never gets lost in a connection that the other side had
already closed, and "not sent" and "sent, no answer" can be told apart.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tocsin.core.sentences import Sentence

_NO_BLANKS = Sentence("A web address holds no blanks and no line breaks.")
_NO_ADDRESS = Sentence("This is not a web address.")
_NO_HOST = Sentence("A web address starts with https:// (or http://) and names a host.")
_TIMED_OUT = Sentence("%(host)s took the request and gave no whole reply (time-out).")
_CUT_OFF = Sentence("%(host)s took the request and gave no whole reply (cut off).")
_PRIVATE = Sentence("%(host)s is not a public address. If it must be reached, add it to TOCSIN_OUTGOING_ALLOW.")
_SLOW = Sentence("%(host)s could not be connected to in time.")
_NO_NAME = Sentence("The name %(host)s cannot be resolved.")
_NO_TLS = Sentence("TLS with %(host)s failed: its certificate or protocol was refused.")
_UNREACHED = Sentence("%(host)s could not be connected to.")

_ALSO_LOCAL = (ipaddress.ip_network("168.63.129.16"), ipaddress.ip_network("192.0.0.0/24"))
"""Addresses of cloud machinery that Python holds to be public."""
_EMBEDS_IPV4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
_KEPT_FOR = 2.0
"""Seconds that a connection to an operator's own vendor may lie idle. Servers close theirs later: a request over one
that is just being closed would be in doubt. So guarded requests have a connection each, unless the receiver knows a
second copy of what it got; the address of a kept one was looked at when it was made.
"""
_MAX_BODY = 256 * 1024

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


class HttpError(Exception):
    """No usable reply."""


class NotSentError(HttpError):
    """Nothing left: the name is unknown, nobody listens, TLS failed, or time ran out before the request was written."""


class AddressRefusedError(NotSentError):
    """The address is private, local or reserved, and not on the allow-list; or it is no web address at all."""


class NoReplyError(HttpError):
    """The request left, and no whole reply came back."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """ValueError when the body is not JSON (cut, or a proxy's page)."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    @property
    def retry_after(self) -> timedelta | None:
        """What the header asks for; a date is read against the reply's own Date."""
        asked = self.headers.get("retry-after", "").strip()
        if (seconds := digits_of(asked)) is not None:
            return timedelta(seconds=min(seconds, 86_400))
        try:
            until = email.utils.parsedate_to_datetime(asked)
            pause = until - email.utils.parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(pause, timedelta(0)), timedelta(days=1))


def digits_of(text: str) -> int | None:
    """The number that a header holds; of very many digits the first ones. None: it is none."""
    return int(text[:12]) if text.isascii() and text.isdigit() else None


class HttpClient:
    """`allow`: networks (CIDR), addresses or host names that guarded requests may reach although they are not public.

    Belongs to the event loop that first uses it. Environment proxies are ignored: behind one, no address could be
    checked. `timeout` (seconds) covers a whole exchange, unless a request gives its own.
    """

    def __init__(self, *, allow: Sequence[str] = (), timeout: float = 10.0) -> None:
        self._timeout = timeout
        self.allow = tuple(allow)
        self._networks = tuple(network for entry in allow if (network := _network(entry)) is not None)
        self._names = frozenset(entry.lower().rstrip(".") for entry in allow if _network(entry) is None)
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (covers the whole exchange, and its end names the phase)
        is_trusted: bool = False,
        most_bytes: int = _MAX_BODY,
        knows_copies: bool = False,
    ) -> HttpReply:
        """One exchange. `url` goes out as it is when it is ASCII: encode it. A redirect is a reply and is not followed.

        `is_trusted`: an operator typed the address, so private ones are fine. Of a longer reply only `most_bytes` are
        read. `knows_copies`: the receiver drops a second copy, so that nothing is lost by a request that is in doubt.
        Raises HttpError.
        """
        target = _parse(url)
        host = target.host or ""
        phase = SimpleNamespace(is_sent=False)
        is_guarded = not (is_trusted or host.lower().rstrip(".") in self._names)
        try:
            async with self._session(is_guarded, is_kept=knows_copies or not is_guarded).request(
                method,
                target,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout or self._timeout),
                trace_request_ctx=phase,
            ) as response:
                content = await _read(response, most_bytes)
                lower = {name.lower(): value for name, value in response.headers.items()}
                return HttpReply(response.status, lower, content)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translate(error, host, is_sent=phase.is_sent) from None

    async def aclose(self) -> None:
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    def allows(self, address: str) -> bool:
        """Whether a guarded request may connect there."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        carried = _carried(parsed)
        if any(carried in network for network in self._networks if network.version == carried.version):
            return True
        return _is_public(parsed) and _is_public(carried)

    def _session(self, is_guarded: bool, *, is_kept: bool) -> aiohttp.ClientSession:
        found = self._sessions.get((is_guarded, is_kept))
        if found is None:
            kept: dict[str, Any] = {"keepalive_timeout": _KEPT_FOR} if is_kept else {"force_close": True}
            found = self._sessions[is_guarded, is_kept] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_Resolver(),
                    socket_factory=self._guarded_socket if is_guarded else None,
                    **kept,
                    use_dns_cache=False,
                    limit=0,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[_watch_for_sending()],
                middlewares=(_never_again,),
                headers={"User-Agent": "Tocsin"},
                trust_env=False,
            )
        return found

    def _guarded_socket(self, info: AddressInfo) -> socket.socket:
        """Called with the very address that is connected to next, after any spelling and any name was resolved."""
        family, kind, protocol, _, where = info
        if not self.allows(str(where[0])):
            raise _RefusedAddress(f"{where[0]} is not a public address")
        return socket.socket(family, kind, protocol)


class _RefusedAddress(OSError):
    pass


class _Resolver(AbstractResolver):
    """The system's resolver, in the loop's thread pool. What it answers is checked when it is connected to."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        return [
            ResolveResult(
                hostname=host, host=str(where[0]), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
            )
            for kind, _, protocol, _, where in found
        ]

    async def close(self) -> None:
        """Nothing is held open."""


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _carried(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only wraps it (mapped, 6to4, Teredo, NAT64, compatible)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
    if inner:
        return inner
    if int(address) > 1 and any(address in network for network in _EMBEDS_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and _carried(address) is not address:
        return True  # judged by what it carries
    is_local = address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False)
    return address.is_global and not is_local and not any(address in network for network in _ALSO_LOCAL)


def is_web_address(url: str) -> bool:
    """Whether a request can be addressed there at all."""
    try:
        _parse(url)
    except AddressRefusedError:
        return False
    return True


def _parse(url: str) -> URL:
    if any(character <= " " or character == "\x7f" for character in url):
        raise AddressRefusedError(_NO_BLANKS)
    try:
        parsed = URL(url, encoded=url.isascii())
        host = parsed.host  # decodes it, and fails for what is no name at all (xn--a)
    except (ValueError, TypeError):
        raise AddressRefusedError(_NO_ADDRESS) from None
    if parsed.scheme not in ("http", "https") or not host:
        raise AddressRefusedError(_NO_HOST)
    return parsed


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > most_bytes:
            break
    return bytes(content[:most_bytes])


class _CutOffError(aiohttp.ClientError):
    pass


async def _never_again(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp repeats a GET whose connection broke, and some gateways send a text for each."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _CutOffError from error


def _watch_for_sending() -> aiohttp.TraceConfig:
    async def note(_session: Any, context: Any, _params: Any) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx.is_sent = True

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(note)
    return trace


def _translate(error: Exception, host: str, *, is_sent: bool) -> HttpError:
    """Never the original text: it may hold the URL."""
    if is_sent:
        return NoReplyError((_TIMED_OUT if _is_timeout(error) else _CUT_OFF) % {"host": host})
    if isinstance(error, aiohttp.InvalidURL) or "not a public address" in str(getattr(error, "os_error", "")):
        return AddressRefusedError(_PRIVATE % {"host": host})
    if _is_timeout(error):
        return NotSentError(_SLOW % {"host": host})
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return NotSentError(_NO_NAME % {"host": host})
    if isinstance(error, aiohttp.ClientSSLError):
        return NotSentError(_NO_TLS % {"host": host})
    return NotSentError(_UNREACHED % {"host": host})


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError)
