"""Reads Grafana OnCall: its public API, or what somebody kept of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tocsin.channels.http import HttpClient, HttpError, HttpReply
from tocsin.cli.sources import MOST_BYTES, MOST_PAGES, json_in, server
from tocsin.core.errors import ConfigurationError, ConflictError, InvalidInputError
from tocsin.files.rules.importing.oncall import RESOURCES, Row
from tocsin.files.rules.importing.oncall_answers import resource_of, rows_by_resource, rows_in

_TOKEN = "GRAFANA_ONCALL_ACCESS_TOKEN"  # noqa: S105 (the variable's name)
_TIMEOUT = 30.0
Read = dict[str, tuple[list[Row], int]]
"""By resource: rows, and how many there should be."""


def kept(source: Path) -> Read:
    """A folder with `users.json`, `schedules.json` and so on, or one file with all of it."""
    try:
        if not source.is_dir():
            return rows_by_resource(json_in(source, source.name))
        found: dict[str, dict[int, Path]] = {}
        for path in source.iterdir():
            if known := resource_of(path.name):
                found.setdefault(known[0], {})[known[1]] = path
        read: Read = {}
        for resource, pages in found.items():
            several = [rows_in(json_in(path, path.name), path.name) for _page, path in sorted(pages.items())]
            rows = [row for page, _count in several for row in page]
            read[resource] = rows, max(len(rows), *(count for _page, count in several))
    except (OSError, ValueError) as error:
        raise InvalidInputError({"source": f"{source}: {error}"}) from error
    return read


def asked(endpoint: str, grafana_url: str) -> Read:
    """ConfigurationError without a token; ConflictError with what the other side says of a request that it refuses."""
    token = os.environ.get(_TOKEN, "")
    if not token:
        raise ConfigurationError(f"Set {_TOKEN} to an API key of Grafana OnCall.")
    base = server(endpoint, path="/api/v1", example="https://oncall.example.org")
    headers = {"Authorization": token, "Accept": "application/json"}
    return asyncio.run(_everything(base, headers | ({"X-Grafana-URL": grafana_url} if grafana_url else {})))


async def _everything(base: str, headers: Mapping[str, str]) -> Read:
    client = HttpClient(timeout=_TIMEOUT)
    try:
        found = {resource: await _all_pages(client, f"{base}/api/v1/{resource}/", headers) for resource in RESOURCES}
    finally:
        await client.aclose()
    return {resource: (rows, len(rows)) for resource, rows in found.items() if rows is not None}


async def _all_pages(client: HttpClient, url: str, headers: Mapping[str, str]) -> list[Row] | None:
    """None where this server has no such list. `next` is followed at the same address: the token is for that one."""
    rows: list[Row] = []
    query = ""
    for _page in range(MOST_PAGES):
        try:
            reply = await client.request(
                "GET", f"{url}{query}", headers=headers, is_trusted=True, most_bytes=MOST_BYTES
            )
        except HttpError as error:
            raise ConflictError(str(error)) from error
        if reply.status == 404 and not rows:
            return None
        answer = _answer(reply, url)
        try:
            rows += rows_in(answer, url)[0]
        except ValueError as error:
            raise ConflictError(str(error)) from error
        following = answer.get("next") if isinstance(answer, Mapping) else None
        if not following:
            return rows
        query = f"?{urlsplit(str(following)).query}"
    raise ConflictError(f"{url} has more than {MOST_PAGES} pages.")


def _answer(reply: HttpReply, url: str) -> Any:
    if reply.status == 429:
        wait = f"; it asks to wait {int(reply.retry_after.total_seconds())} s" if reply.retry_after else ""
        raise ConflictError(f"{url} has been asked too often{wait}. Try again later.")
    if reply.status != 200:
        raise ConflictError(f"{url} answers {reply.status}. Is this OnCall's own address, and the key its?")
    try:
        return reply.json()
    except ValueError as error:
        raise ConflictError(f"{url} answers with something that is not JSON.") from error
