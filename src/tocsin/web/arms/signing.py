"""Who signed a request: `ACS3-HMAC-SHA256` in headers, or the older RPC signature HMAC-SHA1 in parameters."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from tocsin.core import crypto
from tocsin.web.arms.errors import RpcError, missing
from tocsin.web.arms.wire import ACTION_HEADER, Wire

_ACS3 = "ACS3-HMAC-SHA256"
_ACS3_PREFIX = "ACS3-"
"""Whatever else stands there is a proxy's, or another program's."""
_RPC = "HMAC-SHA1"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_PARTS = re.compile(
    r"Credential=(?P<key>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<sign>[0-9a-f]+)"
)
_MUST_BE_SIGNED = frozenset(
    {"host", ACTION_HEADER, "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
)
"""What somebody between could otherwise change: what is asked, of whom, and when."""
_CONTENT_TYPE = "content-type"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request claims. `signed` is what was signed; `given` is the signature that came with it.

    `action` and `version` are part of what was signed; "" for none.
    """

    key_id: str
    nonce: str
    at: datetime
    action: str
    version: str
    given: str
    signed: str
    is_acs3: bool

    def is_by(self, secret: str) -> bool:
        return crypto.same(
            self.given, sign_acs3(self.signed, secret) if self.is_acs3 else sign_rpc(self.signed, secret)
        )


def read_signature(wire: Wire) -> Signature:
    """RpcError for an unsigned or malformed one; whose it is and whether it is right is not looked at here."""
    authorization = wire.headers.get("authorization", "").strip()
    if authorization.startswith(_ACS3_PREFIX):
        return _acs3(wire, authorization)
    if "Signature" in wire.parameters:
        return _rpc(wire)
    if authorization:
        raise _method(authorization.partition(" ")[0])
    raise RpcError("IncompleteSignature", "The request is not signed: create a key with `tocsin access-key create`.")


def _acs3(wire: Wire, authorization: str) -> Signature:
    algorithm, _blank, rest = authorization.partition(" ")
    if algorithm != _ACS3:
        raise _method(algorithm)
    parts = _PARTS.fullmatch(rest.strip())
    if parts is None:
        raise RpcError("IncompleteSignature", "Authorization needs Credential, SignedHeaders and Signature.")
    names = parts["headers"].lower().split(";")
    if unsigned := _MUST_BE_SIGNED.difference(names):
        text = f"These headers must be signed too: {', '.join(sorted(unsigned))}."
        raise RpcError("IncompleteSignature", text)
    if wire.body and _CONTENT_TYPE not in names:
        raise RpcError("IncompleteSignature", f"{_CONTENT_TYPE} must be signed too: it says how the body is read.")
    if not crypto.same(hashlib.sha256(wire.body).hexdigest(), wire.headers.get("x-acs-content-sha256", "").lower()):
        raise RpcError("IncompleteSignature", "x-acs-content-sha256 is not that of the body.")
    return Signature(
        key_id=parts["key"],
        nonce=_given(wire.headers.get("x-acs-signature-nonce", ""), "SignatureNonce"),
        at=_moment(_given(wire.headers.get("x-acs-date", ""), "Timestamp")),
        action=wire.headers.get(ACTION_HEADER, ""),
        version=wire.headers.get("x-acs-version", ""),
        given=parts["sign"],
        signed=acs3_string(wire.method, wire.query, {name: wire.headers.get(name, "") for name in names}, wire.body),
        is_acs3=True,
    )


def _rpc(wire: Wire) -> Signature:
    parameters = wire.parameters
    if (method := parameters.get("SignatureMethod", _RPC)).upper() != _RPC:
        raise _method(method)
    return Signature(
        key_id=_given(parameters.get("AccessKeyId", ""), "AccessKeyId"),
        nonce=_given(parameters.get("SignatureNonce", ""), "SignatureNonce"),
        at=_moment(_given(parameters.get("Timestamp", ""), "Timestamp")),
        action=parameters.get("Action", ""),
        version=parameters.get("Version", ""),
        given=parameters["Signature"],
        signed=rpc_string(wire.method, parameters),
        is_acs3=False,
    )


def acs3_string(method: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> str:
    """What ACS3 signs; `headers` are the signed ones, their names in lower case."""
    names = sorted(headers)
    request = (
        method,
        "/",
        _joined(query),
        "".join(f"{name}:{headers[name].strip()}\n" for name in names),
        ";".join(names),
        hashlib.sha256(body).hexdigest(),
    )
    return "\n".join((_ACS3, hashlib.sha256("\n".join(request).encode()).hexdigest()))


def sign_acs3(text: str, secret: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def rpc_string(method: str, parameters: Mapping[str, str]) -> str:
    """What the RPC signature signs: every parameter but itself, wherever it stands."""
    joined = _joined({name: value for name, value in parameters.items() if name != "Signature"})
    return f"{method}&%2F&{_encoded(joined)}"


def sign_rpc(text: str, secret: str) -> str:
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()


def _joined(pairs: Mapping[str, str]) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(pairs[name])}" for name in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _given(value: str, name: str) -> str:
    if not value:
        raise missing(name)
    return value


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise RpcError("InvalidTimeStamp.Format", "Write the time like 2026-12-24T18:00:00Z.") from error


def _method(name: str) -> RpcError:
    text = f"Requests are signed by {_ACS3} or {_RPC}, not by {name[:40]}."
    return RpcError("InvalidSignatureMethod", text)
