"""The second step of the pipeline: alerts that are due become notifications and their deliveries."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from tocsin.alerts.models import Alert
from tocsin.alerts.rules import ActivityKind, AlertState, clocks_from_json, taken_steps
from tocsin.alerts.services import NewActivity, record_activities
from tocsin.delivery.opening import Waited, end_waited, what_waited
from tocsin.delivery.plan_rows import (
    commit_without_waiting,
    lock_due_alerts,
    mark_told,
    stopped_by_people,
    update_alerts,
)
from tocsin.delivery.planning_faults import note_planning_fault
from tocsin.delivery.postings import want_updates
from tocsin.delivery.queue_rows import wake_muted
from tocsin.delivery.reopening import events_left, hand_over, open_beside
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.deciding import AlertFacts, Decision, decide
from tocsin.delivery.rules.hours import closed_until, moment_for
from tocsin.delivery.summaries import EventCounts, count_events
from tocsin.delivery.telling import Targets, Telling, assignment, tell
from tocsin.events.retrying import retried
from tocsin.events.rules import Severity
from tocsin.events.statements import together
from tocsin.policies.queries import PolicyView, chains, policy_versions
from tocsin.policies.rules import Chain, Moment

logger = logging.getLogger(__name__)

PLANNED_AT_ONCE = 50
MOST_AT_ONCE = 200
"""When alerts wait already: what a statement costs is then shared by more of them."""
_LATE = timedelta(seconds=1)
_ASIDE_FOR = timedelta(seconds=15)
_DATABASE_IS_AWAY = (OperationalError, InterfaceError)
"""What is wrong with no alert. Every other error of the database is about what one of them holds."""
_aside: dict[int, datetime] = {}
"""Alerts that cannot be planned, and when this process tries them again: they stay due and take nobody's place."""


@dataclass(slots=True)
class _Due:
    alert: Alert
    policy: PolicyView
    counts: EventCounts
    decision: Decision
    facts: AlertFacts
    waited: Waited | None = None
    """For the hours of the policy, the end of a mute, or that of an hour with a cap."""
    heard: frozenset[tuple[int, str]] = frozenset()
    """Recipients and channels that have what waited for others."""
    stopped: frozenset[int] = frozenset()
    """Who has heard nothing of it because of a claim that is over, or of a resolution that was taken back."""

    @property
    def severity(self) -> int:
        return _severity(self.alert, self.counts)

    def is_opened(self, now: datetime) -> bool:
        """Whether what waited is planned again: it waits for nothing more or is too urgent to wait by now, and there is
        still something to tell.
        """
        alert = self.alert
        if self.waited is None or not self.counts.active:
            return False
        if moment_for(self.policy.window, self.waited.cause, self.severity, now) != Moment():
            return False
        is_heard = alert.muted_until is None or alert.muted_until <= now
        is_wanted = self.decision.state is AlertState.PENDING or self.waited.cause is Cause.ADDED
        is_open = alert.resolved_at is None or self.decision.state is AlertState.PENDING
        return is_heard and is_wanted and self.facts.is_policy_enabled and is_open

    def cause(self, now: datetime) -> Cause | None:
        """That it fires is told before anything else."""
        if self.waited is not None and self.is_opened(now):
            return self.waited.cause
        return self.decision.cause

    def tellings(self, now: datetime) -> list[Telling]:
        """What is told of the alert now, in order: by the policy, to whom it was given, by steps of the escalation."""
        alert, counts, decision = self.alert, self.counts, self.decision
        found = []
        if (cause := self.cause(now)) is not None:
            heard = self.heard if decision.cause is None else frozenset()
            among = self.policy.targets
            found.append(Telling(alert, cause, counts, self._targets(), self.policy, among=among, heard=heard))
        is_loud = decision.state is AlertState.PENDING and counts.active and not decision.keeps_asking
        if self.stopped and is_loud:
            found.append(Telling(alert, Cause.FIRED, counts, self._all_targets(), self.policy, only=self.stopped))
        if decision.tells_assignee and alert.assigned_to_id is not None:
            found.append(assignment(alert, counts, self.policy, alert.asker("assign")))
        found += [
            Telling(
                alert, Cause.ESCALATED, counts, step.step.targets, self.policy, step=step, by=alert.asker("escalate")
            )
            for step in decision.steps
        ]
        return found

    def _targets(self) -> Targets:
        """Of the policy; who was told by a step of the escalation hears that it is over, too."""
        return self._all_targets() if self.decision.cause is Cause.RECOVERED else self.policy.targets

    def _all_targets(self) -> Targets:
        """Of the policy and of the steps that were taken."""
        if self.facts.chain is None:
            return self.policy.targets
        merged = {pk: dict.fromkeys(channels) for pk, channels in self.policy.targets}
        for step in taken_steps(self.facts.chain, self.facts.clocks):
            for pk, channels in step.targets:
                merged.setdefault(pk, {}).update(dict.fromkeys(channels))
        return [(pk, tuple(channels)) for pk, channels in merged.items()]


def plan_due(now: datetime, *, limit: int | None = None) -> int:
    """Decides for due alerts, by default for few at once and more in a storm, and returns how many.

    Other workers skip what this one has locked. An alert that cannot be planned keeps no other one waiting; it stays
    due and is tried again every 15 s, and its timeline and the auditor tell of it.
    """
    for alert_id in [pk for pk, until in _aside.items() if until <= now or until > now + _ASIDE_FOR]:
        del _aside[alert_id]
    oldest = next_due_at()
    if oldest is None or oldest > now:
        return 0
    if limit is None:
        limit = MOST_AT_ONCE if now - oldest > _LATE else PLANNED_AT_ONCE
    try:
        return _plan(now, limit)
    except _DATABASE_IS_AWAY:
        raise
    except Exception:
        logger.exception("alerts could not be planned; trying one by one")
    return _plan_one_by_one(now, limit)


def _plan_one_by_one(now: datetime, limit: int) -> int:
    done = 0
    due = _due().filter(due_at__lte=now).order_by("due_at", "id").values_list("pk", flat=True)
    for alert_id in list(due[:limit]):
        try:
            done += _plan(now, 1, alert_id)
        except _DATABASE_IS_AWAY:
            raise
        except Exception as error:
            logger.exception("alert %d cannot be planned; it is tried again soon", alert_id)
            _aside[alert_id] = now + _ASIDE_FOR
            _note_fault(alert_id, error, now)
    return done


def _note_fault(alert_id: int, error: Exception, now: datetime) -> None:
    """What keeps it from being planned may keep its timeline from saying so: the others go on."""
    try:
        note_planning_fault(alert_id, error, now)
    except _DATABASE_IS_AWAY:
        raise
    except Exception:
        logger.exception("the timeline of alert %d cannot say so", alert_id)


def _due() -> QuerySet[Alert]:
    return Alert.objects.filter(due_at__isnull=False).exclude(pk__in=list(_aside))


@retried
def _plan(now: datetime, limit: int, only: int | None = None) -> int:
    # Lost in a crash of the database, the alerts are due again. The messages cannot have gone out: their claims are
    # committed later, and flush this to disk with them.
    commit_without_waiting()
    alerts = lock_due_alerts(now, limit, only, _aside.keys())
    if not alerts:
        return 0
    stopped = stopped_by_people([alert.pk for alert in alerts if _has_become_pending(alert, now)])
    unmuted = {alert.pk for alert in alerts if _has_mute_ended(alert, now)}
    counts = count_events([alert.pk for alert in alerts])
    versions = policy_versions({alert.policy_version_id for alert in alerts})
    ladders = chains({view.escalation_id for view in versions.values() if view.escalation_id is not None})
    due = [
        _decided(alert, versions[alert.policy_version_id], counts.get(alert.pk, EventCounts()), ladders, now)
        for alert in alerts
    ]
    _decide_reopening(due, now)

    # Of what nobody has been told yet no cap holds anything.
    worst = [item.alert.pk for item in due if item.severity == Severity.P1 and item.alert.notified_at is not None]
    held = [item.alert.pk for item in due if item.policy.window is not None or item.alert.pk in unmuted]
    waited = what_waited({*held, *worst}, worst)
    for item in due:
        item.waited = waited.get(item.alert.pk)
        item.stopped = stopped.get(item.alert.pk, frozenset())
    opened = [item for item in due if item.is_opened(now)]
    heard = end_waited([item.waited for item in opened if item.waited is not None], now)

    activities = [_opened(item, now, has_mute_ended=item.alert.pk in unmuted) for item in opened]
    for item in opened:
        item.heard = heard.get(item.alert.pk, frozenset())
    looks = {alert.pk: _look(alert) for alert in alerts}
    for item in due:
        activities += _apply(item, now)
    changed = [alert.pk for alert in alerts if alert.notified_at is not None and _look(alert) != looks[alert.pk]]
    told = [item for item in due if item.decision.cause is not None]
    activities += tell([telling for item in due for telling in item.tellings(now)], now)
    for item in due:
        if not item.decision.keeps_asking:
            item.alert.asked = {}
    with together():
        update_alerts(alerts)
        want_updates(changed, now)
        wake_muted(unmuted, now)
        mark_told([pk for item in told for pk in item.counts.fresh_ids], "active")
        mark_told([pk for item in due for pk in item.counts.gone_ids], "resolved")
        record_activities(activities, at=now)
    return len(alerts)


def next_due_at() -> datetime | None:
    """When the next alert wants a decision."""
    return _due().order_by("due_at").values_list("due_at", flat=True).first()


def _decided(
    alert: Alert, policy: PolicyView, counts: EventCounts, ladders: Mapping[int, Chain], now: datetime
) -> _Due:
    facts = replace(
        known_facts(alert, policy, ladders),
        active=counts.active,
        fresh=len(counts.fresh_ids),
        quiet=counts.quiet,
        ended_quietly=counts.ended_quietly,
        asks_assignee="assign" in alert.asked,
        opens_at=closed_until(policy.window, _severity(alert, counts), now),
    )
    return _Due(alert, policy, counts, decide(facts, now), facts)


def _severity(alert: Alert, counts: EventCounts) -> int:
    return alert.chosen_severity or counts.worst or alert.severity


def known_facts(alert: Alert, policy: PolicyView, ladders: Mapping[int, Chain]) -> AlertFacts:
    """As the last decision left it: its events are not looked at."""
    return AlertFacts(
        state=AlertState(alert.state),
        notified_at=alert.notified_at,
        active=alert.active_count,
        fresh=0,
        is_policy_enabled=is_in_force(alert),
        sends_recovery=policy.sends_recovery,
        repeat_every=policy.repeat_every,
        chain=ladders.get(policy.escalation_id or 0),
        clocks=clocks_from_json(alert.escalation),
        muted_until=alert.muted_until,
        lapses_at=alert.lapses_at,
        asks_step="escalate" in alert.asked,
    )


def is_in_force(alert: Alert) -> bool:
    """Whether the policy still plans for the alert, which a policy in shadow does for alerts in shadow."""
    policy = alert.policy
    return policy.deleted_at is None and (policy.is_shadow if alert.is_shadow else policy.is_enabled)


def _decide_reopening(due: Sequence[_Due], now: datetime) -> None:
    """What was resolved by hand opens again for what no newer alert of its group has; an open one of these takes it."""
    closed = [item for item in due if item.alert.resolved_at is not None and item.counts.active]
    left = events_left([item.alert.pk for item in closed if not _is_left_behind(item.alert)])
    beside = open_beside(left)
    at_work = {item.alert.pk for item in due}
    given: dict[int, list[int]] = {}
    for pk, other in beside.items():
        if other not in at_work:
            given.setdefault(other, []).extend(left[pk])
    taken = hand_over(given, now)
    opening: set[tuple[int, UUID]] = set()
    for item in closed:
        pk, key = item.alert.pk, (item.alert.policy_id, item.alert.group_key)
        if pk not in left or beside.get(pk) in taken:
            item.decision = Decision(AlertState.RESOLVED)
        elif pk in beside or key in opening:
            item.decision = Decision(AlertState.RESOLVED, due_at=now + _LATE)
        elif item.decision.state is AlertState.PENDING:
            opening.add(key)


def _is_left_behind(alert: Alert) -> bool:
    """Its policy is gone, or has left the shadow that it was opened in."""
    return alert.policy.deleted_at is not None or (alert.is_shadow and not alert.policy.is_shadow)


def _apply(item: _Due, now: datetime) -> list[NewActivity]:
    """Moves the alert to its decided state; returns what the timeline says of it."""
    alert, counts, decision = item.alert, item.counts, item.decision
    activities = []
    alert.active_count, alert.event_count = counts.active, counts.total
    alert.severity = item.severity
    alert.escalation = decision.clocks.as_json() if decision.clocks is not None else {}
    alert.escalated_count += bool(decision.steps)
    alert.due_at = _due_at(item, now)
    if decision.cause is not None:
        alert.notified_at = now
    if decision.state is AlertState.RESOLVED and alert.resolved_at is None:
        alert.resolved_at, alert.resolved_by = now, ""
        activities.append(NewActivity(alert.pk, ActivityKind.RESOLVED, data={"by": "events"}))
    elif decision.state is AlertState.PENDING and alert.resolved_at is not None:
        activities.append(NewActivity(alert.pk, ActivityKind.REOPENED, data={"active": counts.active}))
        alert.resolved_at, alert.resolved_by = None, ""
        alert.claimed_at, alert.claimed_by, alert.handler_id = None, "", None
    elif counts.gone_ids and alert.resolved_at is None:
        data = {"recovered": len(counts.gone_ids), "active": counts.active}
        activities.append(NewActivity(alert.pk, ActivityKind.EVENTS_RECOVERED, data=data))
    if decision.has_lapsed:
        activities.append(NewActivity(alert.pk, ActivityKind.CLAIM_LAPSED, alert.claimed_by))
        alert.claimed_at, alert.claimed_by, alert.handler_id = None, "", None
        if decision.keeps_asking:  # muted: who has heard nothing because of the claim hears it when that ends
            alert.asked = {**alert.asked, "unclaim": {"by": ""}}
    if decision.state is not AlertState.HANDLING:
        alert.lapses_at = None
    if alert.muted_until is not None and alert.muted_until <= now:
        alert.muted_until = None
    activities += [
        NewActivity(alert.pk, ActivityKind.PASSED_OVER, data={"step": step.number}) for step in decision.passed_over
    ]
    alert.state = decision.state
    return activities


def _opened(item: _Due, now: datetime, *, has_mute_ended: bool) -> NewActivity:
    """`data` says what has changed where no hours have begun."""
    window = item.policy.window
    is_capped = item.waited is not None and item.waited.is_capped
    has_begun = not is_capped and (window is None or window.is_open(now))
    after = "cap" if is_capped else "mute" if has_mute_ended else "" if has_begun else "urgent"
    return NewActivity(item.alert.pk, ActivityKind.HOURS_BEGAN, data={"after": after} if after else {})


def _look(alert: Alert) -> tuple[str, int, str, str, int]:
    """What messages that were posted show of it, and what their buttons name."""
    return alert.state, alert.severity, alert.claimed_by, alert.resolved_by, alert.escalated_count


def _due_at(item: _Due, now: datetime) -> datetime | None:
    """Also when the hours begin for which something waits, or will."""
    due_at, window = item.decision.due_at, item.policy.window
    waits = item.waited is not None or item.decision.cause is not None
    if window is None or not waits or item.decision.state is AlertState.RESOLVED or window.is_open(now):
        return due_at
    opens_at = window.opens_at(now)
    return opens_at if due_at is None else min(due_at, opens_at or due_at)


def _has_become_pending(alert: Alert, now: datetime) -> bool:
    """A claim ended, or somebody opened it again."""
    has_lapsed = alert.state == AlertState.HANDLING and alert.lapses_at is not None and alert.lapses_at <= now
    return has_lapsed or "unclaim" in alert.asked or "reopen" in alert.asked


def _has_mute_ended(alert: Alert, now: datetime) -> bool:
    return "unmute" in alert.asked or (alert.muted_until is not None and alert.muted_until <= now)
