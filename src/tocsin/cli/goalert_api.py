"""Reads GoAlert: its GraphQL API, or what somebody kept of its answer."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tocsin.channels.http import HttpClient, HttpError
from tocsin.cli.sources import MOST_BYTES, MOST_PAGES, json_in, server
from tocsin.core.errors import ConfigurationError, ConflictError, InvalidInputError
from tocsin.files.rules.importing.goalert_query import OPERATION, QUERY, Pages

_TOKEN = "GOALERT_API_KEY"  # noqa: S105 (the variable's name)
_PATH = "/api/graphql"
_TIMEOUT = 60.0


def kept(source: Path) -> Pages:
    """A file with one answer, or with a list of them."""
    pages = Pages()
    try:
        content = json_in(source, "it")
        for answer in content if isinstance(content, list) else [content]:
            pages.add(answer)
    except (OSError, ValueError) as error:
        raise InvalidInputError({"source": f"{source}: {error}"}) from error
    return pages


def asked(endpoint: str) -> Pages:
    """ConfigurationError without a key; ConflictError with what the other side says of a request that it refuses."""
    token = os.environ.get(_TOKEN, "")
    if not token:
        raise ConfigurationError(f"Set {_TOKEN} to an API key of GoAlert's, made with `tocsin import goalert --query`.")
    base = server(endpoint, path=_PATH, example="https://goalert.example.org")
    return asyncio.run(_everything(f"{base}{_PATH}", token))


async def _everything(url: str, token: str) -> Pages:
    client = HttpClient(timeout=_TIMEOUT)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    pages = Pages()
    try:
        for _page in range(MOST_PAGES):
            body = {"query": QUERY, "operationName": OPERATION, "variables": pages.cursors}
            try:
                pages.add(await _answer(client, url, headers, json.dumps(body).encode()))
            except (HttpError, ValueError) as error:
                raise ConflictError(f"{url}: {error}") from error
            if not pages.cursors:
                return pages
    finally:
        await client.aclose()
    raise ConflictError(f"{url} has more than {MOST_PAGES} pages.")


async def _answer(client: HttpClient, url: str, headers: dict[str, str], body: bytes) -> Any:
    reply = await client.request("POST", url, headers=headers, body=body, is_trusted=True, most_bytes=MOST_BYTES)
    try:
        answer = reply.json()
    except ValueError:
        answer = None
    if answer is None or (reply.status != 200 and "errors" not in answer):
        raise ValueError(f"answers {reply.status}. Is this GoAlert's own address, and the key made with this query?")
    return answer
