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
    found = directory(object_ids)
    rest = set(object_ids).difference(found.contacts, found.groups, found.robots, found.webhooks)
    known = rotas(rest, at, at) if rest else {}
    if not known:
        return found
    duty = {pk: on_duty(rota, at) for pk, rota in known.items()}
    wanted = {contact_id for contact_id in duty.values() if contact_id is not None} - found.contacts.keys()
    contacts = {**found.contacts, **(contact_views(wanted) if wanted else {})}
    schedules = {
        pk: ScheduleView(pk, rota.name, tuple(one for one in (duty[pk],) if one in contacts))
        for pk, rota in known.items()
    }
    return replace(found, contacts=contacts, schedules=schedules)
