"""`/person-caps`: the most calls and texts about alerts to one person in an hour."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.core.clock import utc_now
from tocsin.delivery.cap_models import PersonCaps
from tocsin.delivery.caps import LARGEST, caps_in_force, chosen_caps, set_caps
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import IfMatch, Typed
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.versions import expected_version

person_caps = Resource("Caps per person", reads=Scope.ADMIN_READ, writes=Scope.ADMIN_WRITE)
_CALLS = Field(None, ge=0, le=LARGEST, description="0: no cap; null: as the environment says.")
_TEXTS = Field(None, ge=0, le=LARGEST, description="0: no cap; null: as the environment says.")


class PersonCapsOut(BaseModel):
    version: int
    calls_per_hour: int | None = Field(description="As it was chosen; null: as the environment says.")
    texts_per_hour: int | None
    calls_in_force: int = Field(description="0: no cap.")
    texts_in_force: int


class PersonCapsChanges(Typed):
    """What is left out stays."""

    calls_per_hour: int | None = _CALLS
    texts_per_hour: int | None = _TEXTS


@person_caps.get("", PersonCapsOut, needs=Permission.ADMINISTER)
def read_person_caps(request: HttpRequest) -> Any:
    return _out(chosen_caps())


@person_caps.patch("", PersonCapsOut, needs=Permission.ADMINISTER)
def update_person_caps(request: HttpRequest, typed: PersonCapsChanges, if_match: IfMatch = None) -> Any:
    """Acts on what is sent from now on."""
    with transaction.atomic():
        before = chosen_caps()
        kept = {"calls_per_hour": before.calls_per_hour, "texts_per_hour": before.texts_per_hour}
        version = expected_version(if_match, before.version)
        version = before.version if version is None else version
        return _out(set_caps(by=actor_of(request), now=utc_now(), version=version, **kept | typed.given()))


def _out(row: PersonCaps) -> PersonCapsOut:
    in_force = caps_in_force()
    return PersonCapsOut(
        version=row.version,
        calls_per_hour=row.calls_per_hour,
        texts_per_hour=row.texts_per_hour,
        calls_in_force=in_force.calls,
        texts_in_force=in_force.texts,
    )
