"""Reads GoAlert: its GraphQL API, or what somebody kept of its answer."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tocsin.channels.http import HttpClient, HttpError
from tocsin.core.errors import ConfigurationError, ConflictError, InvalidInputError
from tocsin.files.rules.importing.goalert_query import OPERATION, QUERY, Pages

_TOKEN = "GOALERT_API_KEY"  # noqa: S105 (the variable's name)
_TIMEOUT = 60.0
_MOST_BYTES = 50 * 2**20
_MOST_PAGES = 1_000


def kept(source: Path) -> Pages:
    """A file with one answer, or with a list of them."""
    pages = Pages()
    try:
        if source.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it is longer than {_MOST_BYTES} bytes")
        try:
            content = json.loads(source.read_text(encoding="utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise ValueError("it is not JSON") from error
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
    base = (endpoint if "://" in endpoint else f"https://{endpoint}").rstrip("/").removesuffix("/api/graphql")
    if not urlsplit(base).hostname:
        raise InvalidInputError({"endpoint": f"Write --endpoint https://goalert.example.org, not {endpoint}."})
    return asyncio.run(_everything(f"{base}/api/graphql", token))


async def _everything(url: str, token: str) -> Pages:
    client = HttpClient(timeout=_TIMEOUT)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    pages = Pages()
    try:
        for _page in range(_MOST_PAGES):
            body = {"query": QUERY, "operationName": OPERATION, "variables": pages.cursors}
            try:
                pages.add(await _answer(client, url, headers, json.dumps(body).encode()))
            except (HttpError, ValueError) as error:
                raise ConflictError(f"{url}: {error}") from error
            if not pages.cursors:
                return pages
    finally:
        await client.aclose()
    raise ConflictError(f"{url} has more than {_MOST_PAGES} pages.")


async def _answer(client: HttpClient, url: str, headers: dict[str, str], body: bytes) -> Any:
    reply = await client.request("POST", url, headers=headers, body=body, is_trusted=True, most_bytes=_MOST_BYTES)
    try:
        answer = reply.json()
    except ValueError:
        answer = None
    if answer is None or (reply.status != 200 and "errors" not in answer):
        raise ValueError(f"answers {reply.status}. Is this GoAlert's own address, and the key made with this query?")
    return answer
