"""`/directories`: user IDs of contacts, looked up by number or address at DingTalk, Lark or WeCom."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.channels.kinds import Channel
from tocsin.channels.queries import directories as known_directories
from tocsin.contacts.services import MOST_LOOKED_UP, Known, fill_in_user_ids, look_up_user_ids
from tocsin.core.clock import utc_now
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, Typed
from tocsin.web.rest.resources import Resource
from tocsin.web.shared.words import said

directories = Resource("Directories", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)
_NEW = (Known.FOUND, Known.DIFFERS)


class DirectoryOut(BaseModel):
    id: int = Field(description="The provider account's.", examples=[3])
    name: str = Field(examples=["Our DingTalk app"])
    platform: Channel = Field(examples=["dingtalk"])


class IdsWanted(Typed):
    contact_ids: list[Id] = Field(min_length=1, max_length=MOST_LOOKED_UP)
    fill_in: bool = Field(False, description="Contacts without an ID get the one that was found.")
    replaces: bool = Field(False, description="With `fill_in`: also those that have another ID.")


class UserIdFound(BaseModel):
    contact_id: int = Field(examples=[7])
    name: str
    known: Known
    stored: str = Field(description="The contact's ID before.")
    user_id: str = Field(description="The directory's.")


class UserIdsFound(BaseModel):
    platform: Channel
    problem: str = Field(description="Why the directory could not be asked, or not to the end.")
    results: list[UserIdFound]


@directories.get("", list[DirectoryOut], needs=Permission.MANAGE)
def list_directories(request: HttpRequest) -> Any:
    """The provider accounts that can look people up."""
    return [DirectoryOut(id=row.pk, name=row.name, platform=Channel(row.channel)) for row in known_directories()]


@directories.act("/{int:account_id}/look-up", UserIdsFound, once=False)
def look_up_ids_in_directory(request: HttpRequest, account_id: Id, typed: IdsWanted) -> Any:
    """Asks the vendor at once, who gets the numbers or addresses; an audit entry says so."""
    by, now = actor_of(request), utc_now()
    found = look_up_user_ids(by=by, now=now, account_id=account_id, contact_ids=typed.contact_ids)
    results = {item.contact_id: item for item in found.results}
    if typed.fill_in:
        new = {pk: (item.version, item.user_id) for pk, item in results.items() if item.known in _NEW}
        filled = fill_in_user_ids(by=by, now=now, platform=found.platform, found=new, replaces=typed.replaces)
        results |= {item.contact_id: item for item in filled}
    names = ("contact_id", "name", "known", "stored", "user_id")
    shown = [UserIdFound(**{name: getattr(item, name) for name in names}) for item in results.values()]
    return UserIdsFound(platform=found.platform, problem=said(found.problem), results=shown)
