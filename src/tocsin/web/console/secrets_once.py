"""A new secret is shown on the next page and never again: until then it waits in the session, encrypted."""

from __future__ import annotations

from typing import TypedDict

from django.conf import settings
from django.http import HttpRequest

from tocsin.core import crypto

_KEY = "shown_once"


class ShownOnce(TypedDict):
    title: str
    secret: str
    usage: str
    """Lines to paste, with the secret in them."""


def show_once(request: HttpRequest, title: str, secret: str, usage: str = "") -> None:
    sealed = {name: crypto.encrypt(text, settings.SECRET_KEYS) for name, text in (("secret", secret), ("usage", usage))}
    request.session[_KEY] = {"title": title, **sealed}


def take_shown_once(request: HttpRequest) -> ShownOnce | None:
    found = request.session.pop(_KEY, None)
    if found is None:
        return None
    opened = {name: crypto.decrypt(found[name], settings.SECRET_KEYS) for name in ("secret", "usage")}
    return {"title": found["title"], "secret": opened["secret"], "usage": opened["usage"]}
