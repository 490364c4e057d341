"""What the alert page shows, read in some fifteen statements whatever the size of the alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.utils import timezone

from tocsin.alerts.models import Alert
from tocsin.alerts.rules import ActivityKind, AlertState, reopens_after
from tocsin.delivery.foreseeing import Coming, coming
from tocsin.delivery.timeline import TimelineEntry, timeline
from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.web.console.alert_people import People, people_of
from tocsin.web.console.display import span
from tocsin.web.console.words import CHANNEL_ICONS, CHANNELS

_ENTRIES = 400
_EVENTS = 100
_ICONS = {
    ActivityKind.OPENED: "notification_important",
    ActivityKind.EVENTS_RECOVERED: "trending_down",
    ActivityKind.NOTIFIED: "campaign",
    ActivityKind.NOBODY_TOLD: "notifications_off",
    ActivityKind.NOT_TOLD: "person_off",
    ActivityKind.CLAIMED: "pan_tool",
    ActivityKind.UNCLAIMED: "undo",
    ActivityKind.COMMENTED: "chat",
    ActivityKind.RESOLVED: "check_circle",
    ActivityKind.REOPENED: "restart_alt",
    ActivityKind.SILENCED: "notifications_paused",
    ActivityKind.UNSILENCED: "notifications",
    ActivityKind.CLAIM_LAPSED: "timer_off",
    ActivityKind.ASSIGNED: "person_add",
    ActivityKind.SEVERITY_CHANGED: "priority_high",
    ActivityKind.MUTED: "notifications_paused",
    ActivityKind.UNMUTED: "notifications_active",
    ActivityKind.POLICY_APPLIED: "published_with_changes",
    ActivityKind.TEMPLATE_FAILED: "edit_off",
    ActivityKind.ASKED: "stairs",
    ActivityKind.PASSED_OVER: "schedule",
    ActivityKind.HOURS_BEGAN: "alarm",
    ActivityKind.PLANNING_FAILED: "error",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A timeline entry as the page lays it out. `after` is the time since the alert opened, "" for its first second."""

    entry: TimelineEntry
    icon: str
    channel: str
    after: str
    is_new_day: bool


@dataclass(frozen=True, slots=True)
class Story:
    """`stamp` changes when the page would look different, also as minutes go by."""

    alert: Alert
    now: datetime
    people: People
    moments: Sequence[Moment]
    events: Sequence[Event]
    coming: Sequence[Coming]
    stamp: str
    is_shortened: bool
    opens_again_after: str

    @property
    def is_open(self) -> bool:
        return self.alert.state != AlertState.RESOLVED

    @property
    def has_newer_policy(self) -> bool:
        """What it goes by was changed since; a policy that left the shadow has none for it."""
        policy = self.alert.policy
        is_other = policy.current_id is not None and policy.current_id != self.alert.policy_version_id
        return self.is_open and is_other and policy.is_shadow == self.alert.is_shadow

    @property
    def is_claimed(self) -> bool:
        return self.alert.state == AlertState.HANDLING

    @property
    def is_quiet(self) -> bool:
        """Nobody is told more of it: what fires is silenced."""
        states = {event.state for event in self.events}
        return self.is_open and EventState.SILENCED in states and EventState.ACTIVE not in states

    @property
    def is_muted(self) -> bool:
        return self.is_open and self.alert.muted_until is not None and self.alert.muted_until > self.now

    @property
    def has_escalation(self) -> bool:
        return self.is_open and not self.is_muted and self.alert.policy_version.escalation_id is not None

    @property
    def hidden_events(self) -> int:
        return max(0, self.alert.event_count - len(self.events))

    @property
    def lasted(self) -> str:
        """From opening to the end, or until now."""
        return span(((self.alert.resolved_at or self.now) - self.alert.opened_at).total_seconds())


def story_of(alert: Alert, now: datetime) -> Story:
    entries = timeline(alert.pk, limit=_ENTRIES)
    people = people_of(alert)
    ahead = coming([alert.pk], now)[alert.pk]
    events = list(
        Event.objects.filter(memberships__alert=alert)
        .select_related("integration")
        .order_by("state", "severity", "-starts_at", "id")[:_EVENTS]
    )
    facts = (
        alert.state, alert.severity, alert.claimed_by, alert.lapses_at, alert.muted_until, alert.assigned_name,
        alert.active_count, alert.event_count, entries, people, ahead,
        [(event.pk, event.state, event.count) for event in events], int(now.timestamp()) // 60,
    )  # fmt: skip
    return Story(
        alert=alert,
        now=now,
        people=people,
        moments=_moments(alert, entries),
        events=events,
        coming=ahead,
        stamp=sha256(repr(facts).encode()).hexdigest()[:16],
        is_shortened=len(entries) >= _ENTRIES,
        opens_again_after=span(reopens_after(alert.policy_version.repeat_seconds).total_seconds()),
    )


def _moments(alert: Alert, entries: Sequence[TimelineEntry]) -> list[Moment]:
    moments = []
    day = None
    for entry in entries:
        passed = (entry.at - alert.opened_at).total_seconds()
        local_day = timezone.localtime(entry.at).date()
        moments.append(
            Moment(
                entry=entry,
                icon=_icon(entry),
                channel=str(CHANNELS.get(entry.channel, entry.channel)),
                after=span(passed) if passed >= 1 else "",
                is_new_day=local_day != day,
            )
        )
        day = local_day
    return moments


def _icon(entry: TimelineEntry) -> str:
    if entry.kind == "delivery":
        return CHANNEL_ICONS.get(entry.channel, "send")
    return _ICONS[ActivityKind(entry.kind)]
