"""Lark's long connection: we open it, and what is pressed on cards comes over it.

https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tocsin.channels.base import SendResult
from tocsin.channels.groups import as_json
from tocsin.channels.listening import DONE_WITHIN, Begin, ConnectionLostError, Heard, Press, answering
from tocsin.channels.providers.lark.account import LarkApi
from tocsin.channels.providers.lark.frames import CONTROL, DATA, Frame, decoded, encoded
from tocsin.channels.providers.lark.outcomes import code_of
from tocsin.channels.sockets import Socket, connected, is_socket_address
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_REFUSED = Sentence("Lark refuses the long connection: %(code)s %(says)s")
_NO_ADDRESS = Sentence("Lark gave no address for the long connection.")
_BUSY = ("1", "1000040343")
_PRESSED = "card.action.trigger"
_PING_EVERY = 120.0
_PARTS_KEPT = 64
_MAX_PARTS = 64


class LongConnection:
    def __init__(self, api: LarkApi, heard: Heard, tell: Callable[[str, str], Coroutine[Any, Any, None]]) -> None:
        """`tell(user_id, text)` writes to one person alone."""
        self._api, self._heard, self._tell = api, heard, tell
        self._ping_every = _PING_EVERY
        self._parts: OrderedDict[str, dict[int, bytes]] = OrderedDict()

    async def run(self, is_connected: Callable[[], None]) -> None:
        url = await self._address()
        service = next(iter(parse_qs(urlsplit(url).query).get("service_id", ["0"])), "0")
        async with connected(url) as socket:
            is_connected()
            async with answering() as keep, answering(done_within=DONE_WITHIN) as begin:
                keep(self._ping(socket, int(service) if service.isdigit() else 0))
                async for raw in socket.frames():
                    begin(self._take(raw, socket, begin))

    async def _address(self) -> str:
        reply = await self._api.post("/callback/ws/endpoint", self._api.credentials)
        if isinstance(reply, SendResult):
            raise ConnectionLostError(reply.detail)
        code = code_of(reply)
        if code != "0":
            says = _said(reply.body)
            text = _REFUSED % {"code": code or str(reply.status), "says": concealed(says, *self._api.secrets)}
            raise ConnectionLostError(text, is_refused=code not in _BUSY and reply.status < 500)
        data = reply.json().get("data")
        if not isinstance(data, dict) or not is_socket_address(str(data.get("URL", ""))):
            raise ConnectionLostError(_NO_ADDRESS)
        self._configure(data.get("ClientConfig"))
        return str(data["URL"])

    def _configure(self, config: object) -> None:
        every = config.get("PingInterval") if isinstance(config, dict) else None
        if isinstance(every, int) and every > 0:
            self._ping_every = float(every)

    async def _ping(self, socket: Socket, service: int) -> None:
        with suppress(ConnectionLostError):  # who reads the frames hears of it
            while True:
                await socket.send(encoded(Frame(CONTROL, {"type": "ping"}, service=service)))
                await asyncio.sleep(self._ping_every)

    async def _take(self, raw: str | bytes, socket: Socket, begin: Begin) -> None:
        """One frame; what cannot be read is dropped, and Lark does not send it again."""
        if isinstance(raw, str):
            return
        with suppress(ValueError, ConnectionLostError):
            frame = decoded(raw)
            if frame.method == CONTROL and frame.headers.get("type") == "pong" and frame.payload:
                self._configure(json.loads(frame.payload))
            if frame.method != DATA or frame.headers.get("type") != "event":
                return
            payload = self._whole(frame)
            if payload is None:
                return
            began = time.monotonic()
            answer = await self._answer(json.loads(payload), begin)
            took = str(int((time.monotonic() - began) * 1000))
            data = {"data": base64.b64encode(as_json(answer)).decode()} if answer else {}
            said = as_json({"code": 200, **data})
            await socket.send(encoded(replace(frame, headers={**frame.headers, "biz_rt": took}, payload=said)))

    def _whole(self, frame: Frame) -> bytes | None:
        """The payload, when all its parts are there."""
        count, place = _digits(frame.headers.get("sum", "")), _digits(frame.headers.get("seq", ""))
        if count <= 1:
            return frame.payload
        if count > _MAX_PARTS or place >= count:
            raise ValueError("no such part")
        name = frame.headers.get("message_id", "")
        parts = self._parts.setdefault(name, {})
        parts[place] = frame.payload
        while len(self._parts) > _PARTS_KEPT:
            self._parts.popitem(last=False)
        if len(parts) < count:
            return None
        self._parts.pop(name, None)
        return b"".join(parts[number] for number in range(count))

    async def _answer(self, event: object, begin: Begin) -> Mapping[str, Any] | None:
        """What who pressed is shown, within the three seconds that Lark waits; None for what is no press. The link
        follows by a message of its own.
        """
        press = press_of(event)
        if press is None:
            return None
        answer = await self._heard(press)
        if answer.link:
            begin(self._tell(press.user_id, f"{answer.text}\n{answer.link}"))
        return {"toast": {"type": "success" if answer.is_done else "warning", "content": answer.text}}


def press_of(event: object) -> Press | None:
    """Of an event's JSON; None when it is another event, or none."""
    try:
        header, about = event["header"], event["event"]  # type: ignore[index]
        if header["event_type"] != _PRESSED:
            return None
        value = about["action"].get("value") or {}
        token = value.get("token", "") if isinstance(value, dict) else ""
        open_id = about["operator"]["open_id"]
        message_id = (about.get("context") or {}).get("open_message_id", "")
    except (KeyError, TypeError, AttributeError):
        return None
    return Press(str(token), str(open_id), str(message_id)) if open_id else None


def _digits(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["msg"])
    except (ValueError, TypeError, KeyError):
        return ""
