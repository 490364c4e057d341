"""A client that signs as the vendor's documents say, for cases that the real SDKs would make slow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from tests.web.people import user_with
from tocsin.accounts.models import AccessKey
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_access_key
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.web.arms.signing import acs3_string, rpc_string, sign_acs3, sign_rpc

FORM = "application/x-www-form-urlencoded"
_nonces = count(1)


@dataclass
class Answer:
    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body.get("Code", ""))


@dataclass
class Program:
    """Calls actions with an access key. `headers` and `sent` are what the next call gets beside its own."""

    key_id: str
    secret: str
    row: AccessKey | None = None
    client: Client = field(default_factory=Client)

    def call(self, action: str, **parameters: Any) -> Answer:
        """In the body, signed in headers; names of parameters as on the wire."""
        return self.send("POST", {}, _texts(parameters), action=action)

    def get(self, action: str, **parameters: Any) -> Answer:
        return self.send("GET", _texts(parameters), {}, action=action)

    def ok(self, action: str, **parameters: Any) -> dict[str, Any]:
        answer = self.call(action, **parameters)
        assert answer.status == 200, answer.body
        assert answer.body["RequestId"]
        return answer.body

    def send(
        self,
        method: str,
        query: dict[str, str],
        form: dict[str, str],
        *,
        action: str,
        change: dict[str, str] | None = None,
        leaves_out: Sequence[str] = (),
    ) -> Answer:
        """`leaves_out`: headers that are sent by themselves and not signed."""
        body = urlencode(form).encode()
        headers = {
            "host": "testserver",
            "content-type": FORM,
            "x-acs-action": action,
            "x-acs-version": "2019-08-08",
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": f"nonce-{next(_nonces)}",
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
            **(change or {}),
        }
        headers = {name: value for name, value in headers.items() if name not in leaves_out}
        signature = sign_acs3(acs3_string(method, query, headers, body), self.secret)
        names = ";".join(sorted(headers))
        headers["Authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.key_id},SignedHeaders={names},Signature={signature}"
        )
        return self.raw(method, query, body, headers)

    def send_rpc(
        self,
        method: str,
        query: dict[str, str],
        form: dict[str, str],
        *,
        action: str,
        change: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """The older signature, in parameters."""
        signed = self.signed_rpc(method, {"Action": action, **query, **form, **(change or {})})
        query = {name: value for name, value in signed.items() if name not in form}
        return self.raw(method, query, urlencode(form).encode(), headers or {})

    def signed_rpc(self, method: str, parameters: dict[str, str]) -> dict[str, str]:
        """These parameters and those of the older signature."""
        parameters = {
            "Version": "2019-08-08",
            "Format": "json",
            "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "SignatureNonce": f"nonce-{next(_nonces)}",
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "AccessKeyId": self.key_id,
            **parameters,
        }
        return {**parameters, "Signature": sign_rpc(rpc_string(method, parameters), self.secret)}

    def raw(self, method: str, query: dict[str, str] | str, body: bytes, headers: dict[str, str]) -> Answer:
        response = self.client.generic(
            method,
            f"/?{query if isinstance(query, str) else urlencode(query)}",
            body,
            content_type=FORM,
            headers=headers,
        )
        return Answer(response.status_code, json.loads(response.content))


def program(role: Role = Role.MANAGER, *, user: Role | None = None) -> Program:
    """With a key of this role, which belongs to a user of the same role unless given."""
    owner = user_with(user or role)
    key, secret = create_access_key(by=SHELL, now=utc_now(), user_id=owner.pk, name=f"key {next(_nonces)}", role=role)
    return Program(key.key_id, secret, key)


def _texts(parameters: dict[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in parameters.items()
    }
