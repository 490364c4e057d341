"""What every page behind a link does first: count who opens it, and read the token."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil

from django.http import HttpRequest, HttpResponse

from tocsin.contacts.rules import OPENING_LINKS, PageLimit
from tocsin.contacts.services import count_request
from tocsin.web.shared.addresses import client_address

_TOKEN = re.compile(r"[0-9A-Za-z]*")


def refused(
    request: HttpRequest, now: datetime, page: Callable[[timedelta], HttpResponse], *, limit: PageLimit = OPENING_LINKS
) -> HttpResponse | None:
    """None when the address may go on; else `page` of how long it has to wait, which says so to programs as well."""
    until = count_request(limit=limit, address=client_address(request), now=now)
    if until is None:
        return None
    response = page(until - now)
    response.headers["Retry-After"] = str(ceil((until - now).total_seconds()))
    return response


def minutes_of(wait: timedelta) -> int:
    """Rounded up, at least 1."""
    return max(1, ceil(wait / timedelta(minutes=1)))


def token_in(typed: str) -> str:
    """Without what a mail program or a sentence put behind the link; "" for none."""
    found = _TOKEN.match(typed)
    return found[0] if found else ""
