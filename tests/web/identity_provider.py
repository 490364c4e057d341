"""An OpenID Connect provider on this machine (oidc-provider-mock), and somebody who signs in there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from django.test import Client

from simulators.ports import free_port, takes_connections
from simulators.waiting import wait_until
from tocsin.accounts.rules import IdentityProvider, Role

SECONDS = 10


class Provider:
    """The provider, and how Tocsin is told of it."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://localhost:{port}"

    def settings(self, **more: Any) -> IdentityProvider:
        given = {"role_map": {"sre-leads": Role.ADMIN, "sre": Role.RESPONDER}, "name": "Keys", **more}
        return IdentityProvider(issuer=self.issuer, client_id="tocsin", client_secret="hush hush", **given)

    def has(self, subject: str, **claims: Any) -> None:
        requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=SECONDS).raise_for_status()

    def authorise(self, url: str, subject: str, **changed: str) -> str:
        """Signs in there; where the browser is sent back to. `changed` replaces what the browser was sent with."""
        reply = requests.post(with_query(url, **changed), data={"sub": subject}, allow_redirects=False, timeout=SECONDS)
        return reply.headers["Location"]


@contextmanager
def provider_running() -> Iterator[Provider]:
    """In a process of its own: its libraries warn of each other, and warnings are errors here."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--require-nonce", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: takes_connections(port), what="the identity provider")
            yield Provider(port)
        finally:
            process.terminate()


def with_query(url: str, **changed: str) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **changed}
    return urlunsplit(parts._replace(query=urlencode(query)))


def come_back(client: Client, location: str, **changed: str) -> Any:
    """The browser follows the provider's redirect to us."""
    parts = urlsplit(with_query(location, **changed))
    return client.get(f"{parts.path}?{parts.query}")
