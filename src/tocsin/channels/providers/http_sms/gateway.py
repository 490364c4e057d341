"""One gateway: builds the request that the preset describes and reads the verdict as the preset says."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

from tocsin.channels.base import Config, Message, Outcome, SendResult
from tocsin.channels.http import AddressRefusedError, HttpClient, HttpError, HttpReply, NotSentError
from tocsin.channels.providers.http_sms.expressions import Expression
from tocsin.channels.providers.http_sms.preset import ACCOUNT_NAMES, Preset, fill, fill_address, fill_deep, filled
from tocsin.channels.texts import (
    concealed,
    cut_to_parts,
    is_gsm7,
    national_number,
    one_line,
    sms_parts,
    to_gsm7_if_possible,
    without_links,
)
from tocsin.core.sentences import Sentence

_TOOK_IT = Sentence("The gateway took it.")
_ANSWERED = Sentence("The gateway answered HTTP %(status)d.")
_SAYS = Sentence("The gateway answered HTTP %(status)d: %(says)s")
_UNCERTAIN = Sentence("%(detail)s It cannot be told whether the text was sent.", words=("detail",))

_REFUSES_US = (401, 403, 404, 405, 407)


class HttpSms:
    def __init__(self, config: Config, preset: Preset, http: HttpClient) -> None:
        self._preset, self._http = preset, http
        self._account = {name: config.get(name, "") for name in ACCOUNT_NAMES}
        self._account["basic"] = base64.b64encode(f"{config['username']}:{config['password']}".encode()).decode()
        self._max_parts = int(config["max_parts"] or preset.max_parts)
        self._timeout = float(config["timeout"])

    async def send(self, message: Message) -> SendResult:
        names = {**self._account, **self._facts_of(message)}
        hidden = [self._account[name] for name in ("password", "key", "basic")]
        hidden += [names[name] for name in ("text", "text_xml", "to", "to_digits", "to_national")]
        url, headers, body = self._request(names)
        try:
            reply = await self._http.request(
                self._preset.request.method, url, headers=headers, body=body, timeout=self._timeout, is_trusted=True
            )
        except AddressRefusedError as error:
            return SendResult(Outcome.PERMANENT_CONFIG, "address", str(error))
        except NotSentError as error:
            return SendResult(Outcome.TRANSIENT, "connect", str(error))
        except HttpError as error:
            return SendResult(Outcome.AMBIGUOUS, "no-reply", str(error))
        return self._verdict(reply, hidden)

    async def aclose(self) -> None:
        """The client is the caller's."""

    def _facts_of(self, message: Message) -> dict[str, str]:
        text = to_gsm7_if_possible(message.text.encode("utf-8", "replace").decode())
        if not self._preset.capabilities.carries_links:
            text = without_links(text)
        text = cut_to_parts(text, self._max_parts)
        return {
            "to": message.to,
            "to_digits": message.to.lstrip("+"),
            "to_national": national_number(message.to),
            "text": text,
            "text_xml": escape(text, quote=True),
            "encoding": "gsm7" if is_gsm7(text) else "ucs2",
            "parts": str(sms_parts(text)),
            "reference": message.reference,
            "receipt_url": message.receipt_url,
            "language": message.language,
        }

    def _request(self, names: Mapping[str, str]) -> tuple[str, dict[str, str], bytes | None]:
        request = self._preset.request
        headers, query, form = dict(request.headers), dict(request.query), dict(request.form or {})
        for when, extra in self._preset.extras:
            if when.holds(names):
                headers.update(extra.headers)
                query.update(extra.query)
                form.update(extra.form)
        url = fill_address(request.url, names)
        if encoded := urlencode(filled(query, names)):
            url += ("&" if "?" in url else "?") + encoded
        lines = {name: one_line(text) for name, text in filled(headers, names).items()}
        if request.form is not None:
            lines.setdefault("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
            return url, lines, urlencode(filled(form, names)).encode()
        if request.json is not None:
            lines.setdefault("Content-Type", "application/json; charset=utf-8")
            return url, lines, json.dumps(fill_deep(request.json, names), ensure_ascii=False).encode()
        if request.body is not None:
            lines.setdefault("Content-Type", "text/plain; charset=utf-8")
            return url, lines, fill(request.body, names).encode()
        return url, lines, None

    def _verdict(self, reply: HttpReply, hidden: list[str]) -> SendResult:
        rules, facts = self._preset.reply, _facts_of_reply(reply)
        code = concealed(_read(rules.code, facts), *hidden)[:64] or str(reply.status)
        says = concealed(_read(rules.detail, facts), *hidden)
        if rules.success.holds(facts):
            provider_id = one_line(_read(rules.id, facts))[:128]
            return SendResult(Outcome.ACCEPTED, code, says or _TOOK_IT, provider_id)
        detail = (_SAYS if says else _ANSWERED) % {"status": reply.status, "says": says}
        for error in rules.errors:
            if error.when.holds(facts):
                pause = error.retry_after or (reply.retry_after if error.outcome is Outcome.RATE_LIMITED else None)
                return SendResult(error.outcome, code, detail, retry_after=pause)
        if reply.status == 429:
            return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=reply.retry_after)
        if reply.status in _REFUSES_US or 300 <= reply.status < 400:
            return SendResult(Outcome.PERMANENT_CONFIG, code, detail)
        is_unread = 200 <= reply.status < 300 and rules.needs_json and facts["json"] is None
        if is_unread or reply.status == 504:
            return SendResult(Outcome.AMBIGUOUS, code, _UNCERTAIN % {"detail": detail})
        return SendResult(Outcome.TRANSIENT, code, detail)


@dataclass(frozen=True, slots=True)
class WithoutPreset:
    """Stands in for an account whose preset was taken away or broken since it was checked."""

    reason: str

    async def send(self, _message: Message) -> SendResult:
        return SendResult(Outcome.PERMANENT_CONFIG, "preset", self.reason)

    async def aclose(self) -> None:
        """Nothing is held open."""


def _facts_of_reply(reply: HttpReply) -> dict[str, Any]:
    try:
        parsed = reply.json()
    except ValueError:
        parsed = None
    return {"status": str(reply.status), "body": reply.text, "json": parsed, "headers": dict(reply.headers)}


def _read(expression: Expression | None, facts: Mapping[str, Any]) -> str:
    return expression.evaluate(facts) if expression is not None else ""
