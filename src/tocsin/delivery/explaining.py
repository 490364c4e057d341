"""Who would be told of an event, who not and why: what the worker would do, said before it happens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tocsin.alerts.linking import shadow_key
from tocsin.alerts.models import Alert
from tocsin.channels.kinds import Channel
from tocsin.core.sentences import Sentence
from tocsin.delivery.foreseeing import Coming, coming
from tocsin.delivery.planning_faults import planning_faults
from tocsin.delivery.queries import carriers
from tocsin.delivery.rules.plan import Plan, PlannedDelivery, Shortfall, plan
from tocsin.events.rules import INITIAL_SEVERITY_MAP, IntegrationKey, match_labels, severity_of
from tocsin.oncall.queries import directories_at
from tocsin.policies.drafts import Drafts
from tocsin.policies.inhibiting import inhibition_of
from tocsin.policies.queries import (
    PolicyExplanation,
    PolicyView,
    chains,
    existing_policies,
    explain_policies,
    policy_versions,
)
from tocsin.policies.queries.silences import SilenceView, silences_at, silences_in_force
from tocsin.policies.rules import Chain, Moment, Step, Until, group_of, rules_match, when_to_send

Targets = Sequence[tuple[int, tuple[Channel, ...]]]
OnDuty = tuple[tuple[str, tuple[str, ...]], ...]
"""Names of schedules, each with the names of whoever is on duty."""
_AT_ONCE = Moment()


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """A step of an escalation, were an alert opened at the moment and nobody to react: `at` is its first time.

    `is_passed_over`: its notification period is shut then. It has no other hours than these.
    """

    number: int
    until: Until
    at: datetime
    repetitions: int
    every: timedelta
    is_passed_over: bool
    deliveries: tuple[PlannedDelivery, ...]
    shortfalls: tuple[Shortfall, ...]
    on_duty: OnDuty


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
    open_alert_fault: str = ""
    """Why that alert cannot be planned now; nobody is told of it until it can."""
    group_wait_seconds: int = 0
    deliveries: tuple[PlannedDelivery, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    moment: Moment = _AT_ONCE
    """When the hours of the policy let the messages out."""
    muted_until: datetime | None = None
    """The open alert's messages wait until then."""
    is_shadow: bool = False
    on_duty: OnDuty = ()
    """The on-call schedules that it names, each with whoever is on duty when the messages would go out."""
    repeat_every: timedelta | None = None
    escalation: str = ""
    rounds: int = 0
    """How often the escalation's chain begins again. The steps of an alert that is open go on by its own clocks."""
    steps: tuple[ExplainedStep, ...] = ()
    coming: tuple[Coming, ...] = ()
    """What falls due of the open alert if nothing happens."""

    @property
    def tells_somebody(self) -> bool:
        return self.is_enabled and bool(self.deliveries) and not self.moment.is_dropped

    @property
    def waits_until(self) -> datetime | None:
        """For its hours, or for the end of a mute."""
        return max((at for at in (self.moment.at, self.muted_until) if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who would be told of an event with these labels at a moment, and who not and why.

    `is_now`: what fires and which alerts are open is known, and was looked at.
    """

    labels: Mapping[str, str]
    severity: int
    integration: str
    at: datetime
    policies: tuple[ExplainedPolicy, ...]
    is_now: bool = True
    silence: SilenceView | None = None
    """In force then; an event would be recorded and told to nobody."""
    inhibition: tuple[int, str] | None = None
    """Id and name of one whose source fires now; such an event would be quiet."""

    @property
    def silenced_until(self) -> datetime | None:
        return self.silence.times.next_change(self.at) if self.silence is not None else None

    @property
    def is_anybody_told(self) -> bool:
        if self.silence is not None or self.inhibition is not None:
            return False
        return any(policy.tells_somebody for policy in self.policies)

    @property
    def waits_until(self) -> datetime | None:
        """Before then nobody is told, where somebody is at all."""
        waits = [policy.waits_until for policy in self.policies if policy.tells_somebody]
        known = [at for at in waits if at is not None]
        return min(known) if known and len(known) == len(waits) else None


_MISMATCH = Sentence('rule %(rule)d: %(condition)s, but %(label)s is "%(actual)s"')
_OTHER_SOURCE = Sentence("it does not listen to this integration")
_STOPPED = Sentence("it matches, and the policy %(policy)s stops before it")
ANY_SOURCE = IntegrationKey(id=0, name="", severity_map=INITIAL_SEVERITY_MAP,
                             auto_resolve_after=timedelta(minutes=5))  # fmt: skip


def explain(
    labels: Mapping[str, str],
    now: datetime,
    *,
    integration: IntegrationKey = ANY_SOURCE,
    is_now: bool = True,
    drafts: Drafts | None = None,
) -> Explanation:
    """The planner's own answer, in a handful of statements; nothing is stored.

    With `is_now` False, `now` is any moment: policies, contacts and accounts are as they are, schedules, silences and
    hours as they are then; what fires then, and which alert is open, nobody knows. `drafts`: instead of the policies.
    """
    matched = explain_policies(labels, integration, drafts.matchers if drafts is not None else None)
    severity = severity_of(labels, integration.severity_map)
    taking = {item.policy_id for item in matched if item.is_match}
    if drafts is None:
        current = dict(existing_policies().filter(pk__in=taking).values_list("pk", "current_id"))
        views = policy_versions(set(current.values()))
    else:
        current = {number: number for number in taking}
        views = {number: drafts.views[number] for number in taking}
    seen = match_labels(labels, severity, integration.name)
    groups = {view.policy_id: group_of(view.group_by, seen) for view in views.values()}
    keys = {item.policy_id: _key(groups[item.policy_id][0], item) for item in matched if item.policy_id in groups}
    opened = _open_alerts(keys, severity, now) if is_now and drafts is None else {}
    older = {one.version_id for one in opened.values()} - set(views)
    begins = {view.policy_id: _Beginning(view, severity, now + view.group_wait) for view in views.values()}
    kept = views if not older else {**views, **policy_versions(older)}
    begins |= {pk: _Beginning(kept[one.version_id], one.severity, one.told_from) for pk, one in opened.items()}
    ladders = chains({one.view.escalation_id for one in begins.values() if one.view.escalation_id is not None})
    planner = _Planner(begins.values(), ladders)
    alert_ids = [one.id for one in opened.values()]
    faults, _count = planning_faults(now, alert_ids=alert_ids) if opened else ([], 0)
    problems = {fault.alert_id: fault.problem for fault in faults}
    ahead = coming(alert_ids, now) if opened else {}
    explained = []
    for item in matched:
        begin = begins.get(item.policy_id)
        if not item.is_match or begin is None:
            explained.append(
                ExplainedPolicy(
                    item.policy_id, item.name, item.is_enabled, False, _why_not(item), is_shadow=item.is_shadow
                )
            )
            continue
        view, (_group, group_labels) = begin.view, groups[item.policy_id]
        open_alert_id = opened[item.policy_id].id if item.policy_id in opened else None
        moment, told_at = begin.goes_out
        made = planner.plan(begin, view.targets, told_at, view.severity_limits)
        ladder = ladders.get(view.escalation_id or 0)
        explained.append(
            ExplainedPolicy(
                policy_id=item.policy_id,
                name=item.name,
                is_enabled=item.is_enabled,
                is_match=True,
                group_labels=group_labels,
                open_alert_id=open_alert_id,
                open_alert_fault=problems.get(open_alert_id or 0, ""),
                group_wait_seconds=int(view.group_wait.total_seconds()),
                deliveries=made.deliveries,
                shortfalls=made.shortfalls,
                moment=moment,
                muted_until=opened[item.policy_id].muted_until if item.policy_id in opened else None,
                is_shadow=item.is_shadow,
                on_duty=planner.on_duty(view.targets, told_at),
                repeat_every=view.repeat_every,
                escalation=ladder.name if ladder is not None else "",
                rounds=ladder.rounds if ladder is not None else 0,
                steps=planner.steps(begin, ladder) if ladder is not None and open_alert_id is None else (),
                coming=ahead.get(open_alert_id or 0, ()),
            )
        )
    silences = silences_in_force(now) if is_now else silences_at(now)
    silence = next((silence for silence in silences if rules_match(silence.rules, seen)), None)
    inhibition = inhibition_of(seen) if is_now else None
    return Explanation(dict(labels), severity, integration.name, now, tuple(explained), is_now, silence, inhibition)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """When the next message of a policy is planned, by which version of it and for which severity."""

    view: PolicyView
    severity: int
    at: datetime

    @property
    def goes_out(self) -> tuple[Moment, datetime]:
        """When the message goes out, and for when it is planned: what waits is planned anew."""
        moment = when_to_send(self.view.window, self.severity, self.at)
        return moment, moment.at or self.at

    def ladder(self, ladders: Mapping[int, Chain]) -> list[tuple[datetime, Step]]:
        chain = ladders.get(self.view.escalation_id or 0)
        return [(self.at + step.after, step) for step in chain.steps] if chain is not None else []


class _Planner:
    """The planner with everything it needs to know at each moment, read once."""

    def __init__(self, begins: Collection[_Beginning], ladders: Mapping[int, Chain]) -> None:
        ahead = [item for begin in begins for item in begin.ladder(ladders)]
        named = {pk for begin in begins for pk, _ in begin.view.targets}
        named |= {pk for _at, step in ahead for pk, _ in step.targets}
        told_at = {begin.goes_out[1] for begin in begins}
        self._directories = directories_at(named, {*told_at, *(at for at, _step in ahead)})
        self._carried, self._mentions_by = carriers()

    def plan(self, begin: _Beginning, targets: Targets, at: datetime, limits: Mapping[str, int] | None = None) -> Plan:
        return plan(
            targets,
            self._directories[at],
            channels_carried=self._carried,
            mentions_by=self._mentions_by,
            severity=begin.severity,
            severity_limits=limits or {},
        )

    def on_duty(self, targets: Targets, at: datetime) -> OnDuty:
        people = self._directories[at]
        named = [people.schedules[pk] for pk, _channels in targets if pk in people.schedules]
        return tuple((one.name, tuple(people.contacts[pk].name for pk in one.on_duty_ids)) for one in named)

    def steps(self, begin: _Beginning, ladder: Chain) -> tuple[ExplainedStep, ...]:
        """In the order in which they are taken, the chain's first round."""
        explained = []
        for at, step in sorted(begin.ladder({ladder.id: ladder}), key=lambda item: item[0]):
            made = self.plan(begin, step.targets, at)
            explained.append(
                ExplainedStep(
                    number=step.number,
                    until=step.until,
                    at=at,
                    repetitions=step.repetitions,
                    every=step.every,
                    is_passed_over=step.period is not None and not step.period.holds(at),
                    deliveries=made.deliveries,
                    shortfalls=made.shortfalls,
                    on_duty=self.on_duty(step.targets, at),
                )
            )
        return tuple(explained)


def _key(group: UUID, item: PolicyExplanation) -> UUID:
    return shadow_key(group) if item.is_shadow else group


@dataclass(frozen=True, slots=True)
class _OpenAlert:
    """What an event would join. `severity`: of the alert with it. `told_from`: when it may say so at the earliest."""

    id: int
    version_id: int
    severity: int
    told_from: datetime
    muted_until: datetime | None


def _open_alerts(keys: Mapping[int, UUID], severity: int, now: datetime) -> dict[int, _OpenAlert]:
    """By policy, that of its one group: in a storm a policy has thousands that are open."""
    alerts = Alert.objects.filter(policy_id__in=list(keys), group_key__in=set(keys.values()), resolved_at__isnull=True)
    found = {}
    for alert in alerts.select_related("policy_version"):
        if alert.group_key != keys[alert.policy_id]:
            continue
        version, told_at = alert.policy_version, alert.notified_at
        waits_until = alert.due_at
        if told_at is not None:
            waits_until = told_at + timedelta(seconds=version.group_interval_seconds)
        muted_until = alert.muted_until if alert.muted_until is not None and alert.muted_until > now else None
        moments = (now, waits_until or now, muted_until or now)
        worse = alert.chosen_severity or min(alert.severity, severity)
        found[alert.policy_id] = _OpenAlert(alert.pk, version.pk, worse, max(moments), muted_until)
    return found


def _why_not(item: PolicyExplanation) -> tuple[str, ...]:
    reasons = [
        _MISMATCH % {
            "rule": miss.rule, "condition": miss.condition, "label": miss.condition.key, "actual": miss.actual,
        }
        for miss in item.mismatches
    ]  # fmt: skip
    if item.is_other_source:
        reasons.append(str(_OTHER_SOURCE))
    if item.stopped_by:
        reasons.append(_STOPPED % {"policy": item.stopped_by})
    return tuple(reasons)
