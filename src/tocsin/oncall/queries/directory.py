"""Notification objects as a decision at one moment needs them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from tocsin.contacts.queries import contact_views, directory
from tocsin.contacts.rules import Directory, ScheduleView
from tocsin.oncall.queries.rotas import rotas
from tocsin.oncall.rules import on_duty


def directory_at(object_ids: Collection[int], at: datetime) -> Directory:
    """As `contacts.queries.directory`, with the schedules among them and whoever is on duty there at `at`.

    Two statements more where there are schedules, however many.
    """
    return directories_at(object_ids, [at])[at]


def directories_at(object_ids: Collection[int], moments: Collection[datetime]) -> dict[datetime, Directory]:
    """`directory_at` for several moments (at least one), in as many statements as for one."""
    found = directory(object_ids)
    rest = set(object_ids).difference(found.contacts, found.groups, found.robots, found.webhooks)
    known = rotas(rest, min(moments), max(moments)) if rest else {}
    if not known:
        return dict.fromkeys(moments, found)
    duty = {at: {pk: on_duty(rota, at) for pk, rota in known.items()} for at in moments}
    wanted = {one for turns in duty.values() for one in turns.values() if one is not None} - found.contacts.keys()
    contacts = {**found.contacts, **(contact_views(wanted) if wanted else {})}
    return {
        at: replace(
            found,
            contacts=contacts,
            schedules={
                pk: ScheduleView(pk, rota.name, tuple(one for one in (turns[pk],) if one in contacts))
                for pk, rota in known.items()
            },
        )
        for at, turns in duty.items()
    }
