"""Reads of deliveries that other parts share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, QuerySet

from tocsin.alerts.linking import shadow_key
from tocsin.alerts.models import Alert
from tocsin.channels.kinds import PERSONAL_CHANNELS, ROBOT_PLATFORMS, Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.registry import PROVIDERS, robot_provider
from tocsin.contacts.rules import Directory
from tocsin.core.sentences import Sentence
from tocsin.delivery.drill_texts import with_drill_link
from tocsin.delivery.handover_states import HandoverState, handover_states
from tocsin.delivery.models import NOT_ARRIVED, Delivery, Enclosure
from tocsin.delivery.personal_links import link_message
from tocsin.delivery.rules import DeliveryState, Purpose
from tocsin.delivery.rules.plan import PlannedDelivery, Shortfall, plan
from tocsin.delivery.verifications import verification_message
from tocsin.events.rules import INITIAL_SEVERITY_MAP, IntegrationKey, match_labels, severity_of
from tocsin.events.statements import execute
from tocsin.oncall.queries import directory_at
from tocsin.policies.inhibiting import inhibition_of
from tocsin.policies.queries import PolicyExplanation, PolicyView, existing_policies, explain_policies, policy_versions
from tocsin.policies.queries.silences import SilenceView, silences_in_force
from tocsin.policies.rules import Moment, group_of, when_to_send


def carriers() -> tuple[set[Channel], dict[Channel, Sequence[str]]]:
    """The channels that something carries now, and what each robot platform can mention people by."""
    robots = {platform: provider for platform in ROBOT_PLATFORMS if (provider := robot_provider(platform)) is not None}
    mentions_by = {platform: provider.capabilities.mentions_by for platform, provider in robots.items()}
    accounts = execute("SELECT DISTINCT channel, provider FROM channels_provideraccount WHERE is_enabled")
    carried = {Channel(channel) for channel, provider in accounts if provider in PROVIDERS}
    return carried | {*robots, Channel.WEBHOOK}, mentions_by


_AT_ONCE = Moment()


@dataclass(frozen=True, slots=True)
class ExplainedPolicy:
    """What one policy would do. `why_not` says per rule what failed; () when it matches.

    `deliveries` and `shortfalls` are those of the real plan, also for a disabled policy (which sends nothing).
    """

    policy_id: int
    name: str
    is_enabled: bool
    is_match: bool
    why_not: tuple[str, ...] = ()
    group_labels: Mapping[str, str] | None = None
    open_alert_id: int | None = None
    group_wait_seconds: int = 0
    deliveries: tuple[PlannedDelivery, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    moment: Moment = _AT_ONCE
    """When the messages would go out."""
    is_shadow: bool = False
    on_duty: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The on-call schedules that it names, each with whoever is on duty at the moment."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who would be told of an event with these labels, now, and who not and why."""

    labels: Mapping[str, str]
    severity: int
    integration: str
    at: datetime
    policies: tuple[ExplainedPolicy, ...]
    silence: SilenceView | None = None
    """In force now; an event would be recorded and told to nobody."""
    inhibition: tuple[int, str] | None = None
    """Id and name of one whose source fires now; such an event would be quiet."""

    @property
    def silenced_until(self) -> datetime | None:
        return self.silence.times.next_change(self.at) if self.silence is not None else None

    @property
    def is_anybody_told(self) -> bool:
        if self.silence is not None or self.inhibition is not None:
            return False
        return any(policy.is_enabled and policy.deliveries and not policy.moment.is_dropped for policy in self.policies)


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


_OTHER_SOURCE = Sentence("it does not listen to this integration")
_STOPPED = Sentence("it matches, and the policy %(policy)s stops before it")
_ANY_SOURCE = IntegrationKey(id=0, name="", severity_map=INITIAL_SEVERITY_MAP,
                             auto_resolve_after=timedelta(minutes=5))  # fmt: skip


def explain(labels: Mapping[str, str], now: datetime, *, integration: IntegrationKey = _ANY_SOURCE) -> Explanation:
    """The planner's own answer, in a handful of statements; nothing is stored."""
    matched = explain_policies(labels, integration)
    severity = severity_of(labels, integration.severity_map)
    current = {policy.pk: policy.current_id for policy in existing_policies() if policy.current_id}
    views = policy_versions(
        {current[item.policy_id] for item in matched if item.is_match and item.policy_id in current}
    )
    people = directory_at({object_id for view in views.values() for object_id, _ in view.targets}, now)
    carried, mentions_by = carriers()
    open_alerts = {
        (policy_id, key): pk
        for pk, policy_id, key in Alert.objects.filter(
            policy_id__in=[view.policy_id for view in views.values()], resolved_at__isnull=True
        ).values_list("pk", "policy_id", "group_key")
    }
    explained = []
    for item in matched:
        view = views.get(current.get(item.policy_id, 0))
        if not item.is_match or view is None:
            explained.append(ExplainedPolicy(item.policy_id, item.name, item.is_enabled, False, _why_not(item)))
            continue
        made = plan(
            view.targets, people, channels_carried=carried, mentions_by=mentions_by, severity=severity,
            severity_limits=view.severity_limits,
        )  # fmt: skip
        key, group_labels = group_of(view.group_by, labels)
        key = shadow_key(key) if item.is_shadow else key
        explained.append(
            ExplainedPolicy(
                item.policy_id, item.name, item.is_enabled, True, (), group_labels,
                open_alerts.get((item.policy_id, key)), int(view.group_wait.total_seconds()), made.deliveries,
                made.shortfalls, when_to_send(view.window, severity, now), item.is_shadow, _on_duty(view, people),
            )
        )  # fmt: skip
    seen = match_labels(labels, severity, integration.name)
    silence = next((silence for silence in silences_in_force(now) if silence.hides(seen, now)), None)
    return Explanation(dict(labels), severity, integration.name, now, tuple(explained), silence, inhibition_of(seen))


def _on_duty(view: PolicyView, people: Directory) -> tuple[tuple[str, tuple[str, ...]], ...]:
    named = [people.schedules[pk] for pk, _channels in view.targets if pk in people.schedules]
    return tuple((one.name, tuple(people.contacts[pk].name for pk in one.on_duty_ids)) for one in named)


def _why_not(item: PolicyExplanation) -> tuple[str, ...]:
    reasons = [
        f'rule {miss.rule}: {miss.condition}, but {miss.condition.key} is "{miss.actual}"' for miss in item.mismatches
    ]
    if item.is_other_source:
        reasons.append(str(_OTHER_SOURCE))
    if item.stopped_by:
        reasons.append(_STOPPED % {"policy": item.stopped_by})
    return tuple(reasons)


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
