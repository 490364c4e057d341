"""How often something wrong may be tried, counted in the database, which all web processes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from tocsin.contacts.rules import CODE_USED, PROVING, PROVING_AS, SIGNING_IN, SIGNING_IN_AS, PageLimit
from tocsin.contacts.services import count_request, uncount_request
from tocsin.core.clock import utc_now
from tocsin.web.console.display import ago
from tocsin.web.shared.addresses import client_address

_Counted = list[tuple[PageLimit, str, str]]
"""Limit, address, what about."""


class Try:
    """One attempt, which is counted before its outcome is known: that leaves no room for a burst."""

    def __init__(self) -> None:
        self.was_right = False


@contextmanager
def trying_password(request: HttpRequest, name: str) -> Iterator[Try]:
    """ValidationError when the address has failed too often, for this name or for any. What was right is taken back."""
    address = client_address(request)
    counted: _Counted = [(SIGNING_IN, address, ""), (SIGNING_IN_AS, address, name.casefold())]
    yield from _trying(counted)


@contextmanager
def trying_second_factor(request: HttpRequest, user_id: int) -> Iterator[Try]:
    """ValidationError when too many codes of this user were wrong, from this address or from all together."""
    counted: _Counted = [(PROVING_AS, client_address(request), str(user_id)), (PROVING, "", str(user_id))]
    yield from _trying(counted)


def is_spent(user_id: int, code: str) -> bool:
    """Whether the code was used before; from now on it is."""
    return count_request(limit=CODE_USED, address="", now=utc_now(), about=f"{user_id} {code}") is not None


def _trying(counted: _Counted) -> Iterator[Try]:
    now = utc_now()
    untils = [count_request(limit=limit, address=where, now=now, about=about) for limit, where, about in counted]
    if until := max(filter(None, untils), default=None):
        raise _too_often(until, now)
    attempt = Try()
    yield attempt
    if attempt.was_right:
        for limit, where, about in counted:
            uncount_request(limit=limit, address=where, about=about)


def _too_often(until: datetime, now: datetime) -> forms.ValidationError:
    """Said also to who is right by now: it says nothing of what was tried."""
    text = _("Too many failed attempts. Try again at %(time)s (%(wait)s).")
    when = {"time": f"{timezone.localtime(until):%H:%M:%S %Z}", "wait": ago(until, now)}
    return forms.ValidationError(text % when, code="too_often")
