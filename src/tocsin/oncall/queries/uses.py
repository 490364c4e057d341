"""What schedules name, so that deleting it says what it costs."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from tocsin.contacts.queries.arrays import is_one_of
from tocsin.contacts.rules import Use
from tocsin.oncall.models import LayerPerson, Schedule


def uses_of_contacts(ids: Collection[int]) -> list[Use]:
    """Schedules whose layers have the contacts, whose lead they are, or whose hand-overs go to the robots."""
    wanted = set(ids)
    places = LayerPerson.objects.filter(is_one_of("contact_id", ids))
    named = places.values_list("contact_id", "layer__schedule_id", "layer__schedule__name", "layer__schedule__tells_by")
    found = {(contact_id, pk): (name, tells_by) for contact_id, pk, name, tells_by in named}
    others = Schedule.objects.filter(Q(is_one_of("lead_id", ids)) | Q(is_one_of("robot_id", ids)))
    for pk, name, tells_by, lead_id, robot_id in others.values_list("pk", "name", "tells_by", "lead_id", "robot_id"):
        for object_id in wanted.intersection((lead_id, robot_id)):
            found[object_id, pk] = (name, tells_by)
    uses = [
        Use(object_id=object_id, kind="schedule", id=pk, name=name, channels=tuple(tells_by))
        for (object_id, pk), (name, tells_by) in found.items()
    ]
    return sorted(uses, key=lambda use: (use.name, use.object_id))


def schedules_left_empty(contact_ids: Collection[int]) -> tuple[tuple[int, str], ...]:
    """Which would have nobody in any layer without these contacts and have somebody now; id and name, by name."""
    places = LayerPerson.objects.all()
    mine = is_one_of("contact_id", contact_ids)
    loses = list(places.filter(mine).values_list("layer__schedule_id", flat=True).distinct())
    if not loses:
        return ()
    keeps = places.exclude(mine).filter(layer__schedule__in=loses).values("layer__schedule_id")
    emptied = Schedule.objects.filter(pk__in=loses).exclude(pk__in=keeps)
    return tuple(emptied.order_by("name").values_list("pk", "name"))
