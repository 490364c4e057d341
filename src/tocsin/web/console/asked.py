"""Questions about all rows that a list finds: who answers one means the rows that were there when it was asked."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest

ASKED = "asked"
"""The field of a question that says about whom it is."""
_ANSWERS = ("post", "confirmed")


def digest_of(ids: Collection[Any]) -> str:
    return sha256(",".join(map(str, sorted(ids))).encode()).hexdigest()[:32]


def is_asked_anew(request: HttpRequest, ids: Collection[Any]) -> bool:
    """Whether the answer is taken back, because the list finds others by now: the question is then asked once more."""
    posted = request.POST
    if posted.get("select_across") != "1" or not any(name in posted for name in _ANSWERS):
        return False
    if posted.get(ASKED) == digest_of(ids):
        return False
    kept = posted.copy()
    for name in _ANSWERS:
        kept.pop(name, None)
    request.POST = kept  # type: ignore[assignment]
    return True


def selection(request: HttpRequest, name: str, ids: list[int]) -> list[tuple[str, str]]:
    """What a confirmation posts so that the list finds the same rows again."""
    across = request.POST.get("select_across", "0")
    chosen = ids[:1] if across == "1" else ids
    asked = [(ASKED, digest_of(ids))] if across == "1" else []
    return [("action", name), ("select_across", across), *((ACTION_CHECKBOX_NAME, str(pk)) for pk in chosen), *asked]
