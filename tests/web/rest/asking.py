"""Clients of `/api/v1` with a token each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.test import Client

from tocsin.accounts.models import User
from tocsin.accounts.rules import Role, Scope
from tocsin.accounts.services import create_token
from tocsin.core.actors import SHELL

_THEN = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def wrong(self) -> list[str]:
        """The fields that a problem names."""
        return [error["field"] for error in self.body["errors"]]


class Api:
    """Speaks JSON with one token ("" for none)."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._client = Client(raise_request_exception=False)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self._client.generic(
            method,
            f"/api/v1{path}",
            data=Client()._encode_json(body, "application/json") if body is not None else b"",  # type: ignore[attr-defined]
            content_type="application/json",
            headers=sent,
        )
        is_json = "json" in reply.headers.get("Content-Type", "")
        return Answer(reply.status_code, reply.json() if is_json and reply.content else None, reply.headers)


def token_of(role: Role, scopes: Collection[str] = tuple(Scope), owner: User | None = None) -> str:
    name = f"token {next(_numbers)}"
    return create_token(by=SHELL, now=_THEN, name=name, role=role, scopes=scopes, owner=owner)[1]


def api_as(role: Role, scopes: Collection[str] = tuple(Scope)) -> Api:
    return Api(token_of(role, scopes))
