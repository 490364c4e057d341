"""One workflow: posts a card, reads what Azure says of the request. Whether the card is in the channel nobody says."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import ADVISED, REFUSED, Note, post, without_code
from tocsin.channels.http import HttpClient, HttpReply
from tocsin.channels.providers.teams.card import payload
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_BEGUN = Sentence("The workflow has begun; whether its card is in the channel, Teams does not say.")
_GONE = Sentence("The workflow was deleted or switched off: make it anew and enter its URL.")
_DENIED = Sentence("The workflow's URL is not valid: paste the whole of it again.")
_SCHEMA = Sentence("The workflow takes something else: make it from the template for webhook requests.")
_ADVICE = {
    "WorkflowNotFound": _GONE,
    "WorkflowTriggerIsNotEnabled": _GONE,
    "WorkflowTriggerNotFound": _GONE,
    "WorkflowDisabled": _GONE,
    "AuthorizationFailed": _DENIED,
    "DirectApiAuthorizationRequired": _DENIED,
    "DirectApiInvalidAuthorizationScheme": _DENIED,
    "InvalidSasToken": _DENIED,
    "TriggerInputSchemaMismatch": _SCHEMA,
    "InvalidRequestContent": _SCHEMA,
}
_TOO_LARGE = ("RequestEntityTooLarge", "RequestBodyTooLarge")


class TeamsRobot:
    def __init__(self, http: HttpClient, *, url: str) -> None:
        self._http, self._url = http, url.strip()

    async def send(self, message: Message) -> SendResult:
        reply = await post(self._http, self._url, payload(message))
        if isinstance(reply, SendResult):
            return reply
        parts = urlsplit(self._url)
        return _read(reply, *(value for _, value in parse_qsl(parts.query)), *parts.path.split("/"))

    async def aclose(self) -> None:
        """The client is the caller's."""


def _read(reply: HttpReply, *secrets: str) -> SendResult:
    """202 and nothing is what a workflow answers that has begun; 200 and `1` what the older connectors do."""
    says = reply.text.strip()
    if (reply.status == 202 and not says) or (reply.status == 200 and says == "1"):
        return SendResult(Outcome.ACCEPTED, Note.UNCONFIRMED, str(_BEGUN))
    try:
        error = reply.json()["error"]
        code, text = concealed(str(error["code"]), *_long(secrets))[:60], str(error.get("message", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        return without_code(reply, "Teams")
    said = {"platform": "Teams", "code": code, "says": text}
    if reply.status in (429, 504) or reply.status < 300:
        return without_code(reply, "Teams")
    if code in _ADVICE:
        detail = concealed(ADVISED % {"advice": _ADVICE[code], **said}, *_long(secrets))
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail)
    detail = concealed(REFUSED % said, *_long(secrets))
    if code in _TOO_LARGE or reply.status == 413:
        return SendResult(Outcome.PERMANENT_TARGET, code, detail)
    if reply.status in (400, 401, 403, 404):
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail)
    return SendResult(Outcome.TRANSIENT, code, detail)


def _long(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Words of the address that everybody knows are none."""
    return tuple(secret for secret in secrets if len(secret) > 12)
