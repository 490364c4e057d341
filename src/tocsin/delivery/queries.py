"""Reads of deliveries that other parts share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, QuerySet

from tocsin.channels.kinds import PERSONAL_CHANNELS, ROBOT_PLATFORMS, Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.registry import PROVIDERS, robot_provider
from tocsin.delivery.drill_texts import with_drill_link
from tocsin.delivery.handover_states import HandoverState, handover_states
from tocsin.delivery.models import NOT_ARRIVED, Delivery, Enclosure
from tocsin.delivery.personal_links import link_message
from tocsin.delivery.rules import DeliveryState, Purpose
from tocsin.delivery.rules.plan import Shortfall, plan
from tocsin.delivery.verifications import verification_message
from tocsin.events.statements import execute
from tocsin.oncall.queries import directory_at
from tocsin.policies.queries import existing_policies, policy_versions


def carriers() -> tuple[set[Channel], dict[str, Sequence[str]]]:
    """The channels that something carries now, and what each kind of robots can mention people by: the kind's name, and
    the platform for robots of its first kind.
    """
    robots = {platform: provider for platform in ROBOT_PLATFORMS if (provider := robot_provider(platform)) is not None}
    mentions_by = {
        **{kind.name: kind.capabilities.mentions_by for kind in PROVIDERS.values() if kind.channel in ROBOT_PLATFORMS},
        **{platform.value: provider.capabilities.mentions_by for platform, provider in robots.items()},
    }
    accounts = execute("SELECT DISTINCT channel, provider FROM channels_provideraccount WHERE is_enabled")
    carried = {Channel(channel) for channel, provider in accounts if provider in PROVIDERS}
    return carried | {*robots, Channel.WEBHOOK}, mentions_by


def last_unconfirmed(contact_id: int) -> dict[Channel, datetime]:
    """For each channel, when a provider last took a message to the contact that nothing has proved delivered."""
    accepted = Delivery.objects.filter(recipient_id=contact_id, state=DeliveryState.ACCEPTED, accepted_at__isnull=False)
    last = accepted.order_by().values_list("channel").annotate(Max("accepted_at"))
    return {Channel(channel): moment for channel, moment in last if channel in PERSONAL_CHANNELS}


def count_not_arrived(since: datetime) -> dict[str, int]:
    """How many messages planned since then failed, and of how many nobody knows: {"failed": n, "ambiguous": n}."""
    rows = Delivery.objects.filter(state__in=NOT_ARRIVED, planned_at__gte=since).values_list("state")
    return {**dict.fromkeys(NOT_ARRIVED, 0), **dict(rows.annotate(Count("pk")).order_by())}


_REALLY_TOLD = """
SELECT EXISTS (
    SELECT 1 FROM (SELECT * FROM delivery_delivery ORDER BY id DESC LIMIT %(newest)s) AS d
    LEFT JOIN channels_provideraccount a ON a.id = d.account_id
    WHERE d.purpose = 'alert' AND d.state IN ('accepted', 'delivered')
      AND coalesce(a.provider <> ALL(%(simulated)s), true)
)
"""


def is_alert_told(newest: int = 2000) -> bool:
    """Whether, among the newest messages, a real provider took one of an alert."""
    simulated = [name for name, kind in PROVIDERS.items() if kind.capabilities.is_simulated]
    return bool(execute(_REALLY_TOLD, {"newest": newest, "simulated": simulated})[0][0])


def shortfalls_of(policy_id: int, now: datetime) -> tuple[Shortfall, ...]:
    """Whom the policy, as it is now, names and could not tell or mention, and why."""
    versions = existing_policies().filter(pk=policy_id, current__isnull=False).values_list("current_id", flat=True)
    targets = [target for view in policy_versions(set(versions)).values() for target in view.targets]
    return shortfalls_among(targets, now)


def shortfalls_among(targets: Sequence[tuple[int, Sequence[Channel]]], now: datetime) -> tuple[Shortfall, ...]:
    """As `shortfalls_of`, for notification objects and channels that need not be stored."""
    carried, mentions_by = carriers()
    people = directory_at({object_id for object_id, _ in targets}, now)
    return plan(targets, people, channels_carried=carried, mentions_by=mentions_by).shortfalls


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """What would have been sent. Texts with a link or code for their owner are made for this page, stored nowhere."""

    delivery: Delivery
    account: ProviderAccount
    text: str
    is_ringing: bool
    """A simulated phone that can be answered, refused or left to ring."""


def outbox_messages(limit: int = 100) -> list[OutboxMessage]:
    """Newest first."""
    simulated = [name for name, kind in PROVIDERS.items() if kind.capabilities.is_simulated]
    deliveries: QuerySet[Delivery] = (
        Delivery.objects.filter(account__provider__in=simulated)
        .select_related("content", "account", "verification", "notification__alert", "enclosure__link__contact")
        .order_by("-id")[:limit]
    )
    handing_over = [delivery.pk for delivery in deliveries if delivery.purpose == Purpose.HANDOVER]
    states = handover_states(handing_over) if handing_over else {}
    return [
        OutboxMessage(
            delivery=delivery,
            account=delivery.account,
            text=_outbox_text(delivery, states.get(delivery.pk)),
            is_ringing=delivery.channel == Channel.PHONE and delivery.deadline_at is not None,
        )
        for delivery in deliveries
        if delivery.account is not None
    ]


def _outbox_text(delivery: Delivery, handover: HandoverState | None) -> str:
    if delivery.purpose == Purpose.VERIFICATION:
        return verification_message(delivery.verification, delivery.language) if delivery.verification else ""
    if delivery.purpose == Purpose.LINK:
        enclosure: Enclosure | None = getattr(delivery, "enclosure", None)
        link = enclosure.link if enclosure is not None else None
        return link_message(link, delivery.language).text if link is not None else ""
    if delivery.content is None:
        return ""
    text = delivery.content.text
    if handover is not None:
        text = handover.filled(text, delivery.language)
    if delivery.purpose == Purpose.DRILL:
        text = with_drill_link(text, delivery.pk, carries_links=True)
    return "\n".join(filter(None, [delivery.content.subject, text]))
