"""What `tocsin import` reads of another system: a file that somebody kept, or the server at an address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tocsin.core.errors import InvalidInputError

MOST_BYTES = 50 * 2**20
MOST_PAGES = 1_000


def json_in(path: Path, name: str) -> Any:
    """ValueError, which calls the file by `name`, when it holds none or too much."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{name} is longer than {MOST_BYTES} bytes")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON") from error


def server(endpoint: str, *, path: str, example: str) -> str:
    """Its address without the `path` of the API, which may be typed too. InvalidInputError shows the `example`."""
    base = (endpoint if "://" in endpoint else f"https://{endpoint}").rstrip("/").removesuffix(path)
    if not urlsplit(base).hostname:
        raise InvalidInputError({"endpoint": f"Write --endpoint {example}, not {endpoint}."})
    return base
