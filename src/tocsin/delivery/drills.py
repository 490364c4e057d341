"""Fire drills: people are asked over chosen channels to confirm, and a report says who did not, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.models import Contact, ContactGroup, ContactGroupMember
from tocsin.contacts.queries import contact_views
from tocsin.contacts.rules import ContactView, why_not_reachable
from tocsin.contacts.services import ReachEntry, record_reach
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, existing
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.drill_models import Drill, DrillMember, DrillMessage
from tocsin.delivery.drill_texts import drill_content
from tocsin.delivery.models import Content, Delivery
from tocsin.delivery.rules import DeliveryState, Priority, Purpose, Reason
from tocsin.oncall.models import LayerPerson, Schedule, Substitute

MOST_MEMBERS = 10_000
LONGEST = timedelta(days=7)
_ROWS_PER_INSERT = 2000


def start_drill(
    *, by: Actor, now: datetime, object_ids: Collection[int], channels: Sequence[Channel], lasts: timedelta
) -> Drill:
    """Asks the contacts among the objects, the members of the groups and the people of the schedules, substitutes that
    are still to come among them, each once.

    InvalidInputError on `objects`, `channels` or `lasts`. Who cannot be asked is kept with the reason.
    """
    chosen = [channel for channel in PERSONAL_CHANNELS if channel in channels]
    _check(chosen, lasts)
    with transaction.atomic():
        about, people = _members(object_ids, now)
        drill = Drill.objects.create(
            about=about[:200],
            channels=[channel.value for channel in chosen],
            started_at=now,
            deadline_at=now + lasts,
            started_by=by.name,
        )
        members = DrillMember.objects.bulk_create(
            [DrillMember(drill=drill, contact_id=who.id, name=who.name) for who in people], batch_size=_ROWS_PER_INSERT
        )
        contents: dict[tuple[str, ...], Content] = {}
        asked = [
            (member, _delivery(who, channel, drill, contents, now))
            for member, who in zip(members, people, strict=True)
            for channel in chosen
        ]
        Content.objects.bulk_create(contents.values())
        for _member, delivery in asked:
            delivery.content_id = delivery.content.pk if delivery.content else None
        Delivery.objects.bulk_create([delivery for _member, delivery in asked], batch_size=_ROWS_PER_INSERT)
        DrillMessage.objects.bulk_create(
            [DrillMessage(delivery=delivery, member=member) for member, delivery in asked], batch_size=_ROWS_PER_INSERT
        )
        audit.record(
            by=by,
            action=Action.CREATE,
            instance=drill,
            changes={"members": ("", len(members)), "channels": ("", ", ".join(drill.channels))},
        )
        ring_send()
    return drill


def confirm_drill(*, now: datetime, delivery_id: int, via: str) -> DrillMember | None:
    """The first confirmation stays, also a late one, and each proves the channel; None when the message asks nobody."""
    found = DrillMember.objects.filter(messages__delivery_id=delivery_id)
    channel = Delivery.objects.filter(pk=delivery_id).values_list("channel", flat=True).first() or ""
    DrillMember.objects.filter(pk__in=found.values("pk"), confirmed_at__isnull=True).update(
        confirmed_at=now, confirmed_via=via, channel=channel
    )
    member = found.select_related("drill", "contact").first()
    if member is not None and member.contact_id is not None and channel in PERSONAL_CHANNELS:
        record_reach(entries=[ReachEntry(member.contact_id, Channel(channel), delivered_at=now)])
    return member


def member_asked_by(delivery_id: int) -> DrillMember | None:
    return DrillMember.objects.filter(messages__delivery_id=delivery_id).select_related("drill", "contact").first()


def drills() -> QuerySet[Drill]:
    """Newest first, each with `total` and `confirmed`."""
    is_confirmed = Q(members__confirmed_at__isnull=False)
    return Drill.objects.annotate(total=Count("members"), confirmed=Count("members", filter=is_confirmed))


@dataclass(frozen=True, slots=True)
class Ask:
    """One message of the drill, and what became of it."""

    channel: Channel
    state: DeliveryState
    reason: str


@dataclass(frozen=True, slots=True)
class MemberReport:
    """`asks` are in the order of channels. `is_late`: confirmed after the deadline."""

    contact_id: int | None
    name: str
    confirmed_at: datetime | None
    via: str
    channel: str
    is_late: bool
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Report:
    drill: Drill
    total: int
    confirmed: int
    members: tuple[MemberReport, ...]
    """Who has not confirmed first; no more than were asked for."""


def drill_report(drill_id: int, *, most: int = 500) -> Report:
    """Three statements. NotFoundError when there is none."""
    drill = existing(drills().filter(pk=drill_id).first(), _("There is no such drill."))
    order = (F("confirmed_at").asc(nulls_first=True), "name", "pk")
    members = list(DrillMember.objects.filter(drill=drill).order_by(*order)[:most])
    asks: dict[int, list[Ask]] = {}
    messages = DrillMessage.objects.filter(member__in=members).order_by("delivery_id")
    for member_id, channel, state, reason in messages.values_list(
        "member_id", "delivery__channel", "delivery__state", "delivery__reason"
    ):
        asks.setdefault(member_id, []).append(Ask(Channel(channel), DeliveryState(state), reason))
    return Report(
        drill,
        drill.total,  # type: ignore[attr-defined]
        drill.confirmed,  # type: ignore[attr-defined]
        tuple(
            MemberReport(
                contact_id=member.contact_id,
                name=member.name,
                confirmed_at=member.confirmed_at,
                via=member.confirmed_via,
                channel=member.channel,
                is_late=member.confirmed_at is not None and member.confirmed_at > drill.deadline_at,
                asks=tuple(asks.get(member.pk, ())),
            )
            for member in members
        ),
    )


def objects_named(names: Collection[str]) -> dict[str, list[int]]:
    """Contacts, groups and schedules of these names; a name may be that of several contacts."""
    found: dict[str, list[int]] = {}
    for model in (Contact, ContactGroup, Schedule):
        for name, pk in model.objects.filter(name__in=names).order_by("pk").values_list("name", "pk"):
            found.setdefault(name, []).append(pk)
    return found


def _check(channels: Sequence[Channel], lasts: timedelta) -> None:
    errors: dict[str, str] = {}
    if not channels:
        errors["channels"] = _("Choose a channel.")
    elif not settings.PUBLIC_URL and Channel.PHONE not in channels:
        errors["channels"] = _("Links need a public address; set TOCSIN_PUBLIC_URL.")
    if not timedelta(minutes=1) <= lasts <= LONGEST:
        errors["lasts"] = _("Choose between a minute and seven days.")
    if errors:
        raise InvalidInputError(errors)


def _members(object_ids: Collection[int], now: datetime) -> tuple[str, list[ContactView]]:
    names = [
        *Contact.objects.filter(pk__in=object_ids).order_by("name").values_list("name", flat=True),
        *ContactGroup.objects.filter(pk__in=object_ids).order_by("name").values_list("name", flat=True),
        *Schedule.objects.filter(pk__in=object_ids).order_by("name").values_list("name", flat=True),
    ]
    ids = {
        *Contact.objects.filter(pk__in=object_ids).values_list("pk", flat=True),
        *ContactGroupMember.objects.filter(group_id__in=object_ids).values_list("contact_id", flat=True)[
            : MOST_MEMBERS + 1
        ],
        *LayerPerson.objects.filter(layer__schedule_id__in=object_ids).values_list("contact_id", flat=True),
        *Substitute.objects.filter(schedule_id__in=object_ids, ends_at__gt=now).values_list("contact_id", flat=True),
    }
    if not ids:
        raise InvalidInputError({"objects": _("Choose somebody to ask.")})
    if len(ids) > MOST_MEMBERS:
        raise InvalidInputError({"objects": _("A drill asks %(most)d people at most.") % {"most": MOST_MEMBERS}})
    return ", ".join(names), list(contact_views(ids).values())


def _delivery(
    who: ContactView, channel: Channel, drill: Drill, contents: dict[tuple[str, ...], Content], now: datetime
) -> Delivery:
    language = who.language or settings.DEFAULT_LANGUAGE
    key = (channel.value, language, who.time_zone)
    if key not in contents:
        contents[key] = drill_content(
            channel, language=language, time_zone=who.time_zone, deadline_at=drill.deadline_at
        )
    lack = why_not_reachable(who, channel)
    delivery = Delivery(
        purpose=Purpose.DRILL,
        recipient_id=who.id,
        recipient_name=who.name,
        address_masked=mask_email(who.email) if channel is Channel.EMAIL else mask_phone(who.phone),
        channel=channel,
        content=contents[key],
        language=language,
        priority=Priority.PHONE if channel is Channel.PHONE else Priority.NORMAL,
        next_at=now,
        planned_at=now,
    )
    if lack is not None:
        delivery.state, delivery.reason = DeliveryState.SKIPPED, Reason(lack.value)
        delivery.next_at, delivery.finished_at = None, now
    return delivery
