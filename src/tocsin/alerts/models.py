"""What people act on, and its timeline."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tocsin.alerts.rules import ActivityKind, AlertState
from tocsin.contacts.models import Contact
from tocsin.events.models import Event
from tocsin.policies.models import NotificationPolicy, PolicyVersion


def activity_kinds() -> list[tuple[str, str]]:
    """A callable, so that a new kind needs no migration."""
    return [(kind.value, kind.value) for kind in ActivityKind]


class Alert(models.Model):
    """One group of events of one policy. `due_at` is the queue: NULL when nothing is to be decided.

    Open while `resolved_at` is NULL; at most one open alert per (policy, group_key).
    """

    policy = models.ForeignKey(NotificationPolicy, models.PROTECT, related_name="alerts", verbose_name=_("policy"))
    policy_version = models.ForeignKey(PolicyVersion, models.PROTECT, related_name="alerts")
    is_shadow = models.BooleanField(_("in shadow"), default=False, db_default=False, editable=False)
    """Of a policy in shadow: planned and recorded, and nothing is sent, whatever becomes of the policy."""
    group_key = models.UUIDField(editable=False)
    group_labels = models.JSONField(_("grouped by"))
    title = models.CharField(_("title"), max_length=200)
    severity = models.PositiveSmallIntegerField(_("severity"))
    state = models.CharField(
        _("state"),
        max_length=8,
        choices=[(state.value, state.value) for state in AlertState],
        default=AlertState.PENDING,
    )
    opened_at = models.DateTimeField(_("opened"))
    due_at = models.DateTimeField(null=True, blank=True)
    notified_at = models.DateTimeField(_("last notified"), null=True, blank=True)
    active_count = models.PositiveIntegerField(_("active events"), default=0)
    event_count = models.PositiveIntegerField(_("events"), default=0)
    claimed_at = models.DateTimeField(_("claimed"), null=True, blank=True)
    claimed_by = models.CharField(_("claimed by"), max_length=150, blank=True)
    handler = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolved_by = models.CharField(_("resolved by"), max_length=150, blank=True)
    reasons = models.JSONField(default=list, blank=True)
    """Who was not told and why, as last recorded; a new activity is written only when it changes."""
    lapses_at = models.DateTimeField(_("claim lapses"), null=True, blank=True)
    muted_until = models.DateTimeField(_("muted until"), null=True, blank=True)
    chosen_severity = models.PositiveSmallIntegerField(null=True, blank=True)
    """What somebody made it; the severity of its events counts no more."""
    assigned_to = models.ForeignKey(
        Contact, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="+"
    )
    """Keeps its id after the contact is deleted: whoever deletes one locks no alert."""
    assigned_name = models.CharField(_("assigned to"), max_length=64, blank=True, db_default="")
    escalation = models.JSONField(default=dict, db_default={}, blank=True)
    """The clocks of `rules.escalating`; {} while nothing has begun."""
    asked = models.JSONField(default=dict, db_default={}, blank=True)
    """What people want told at the next decision: "escalate", "assign", "unclaim", "unmute" and "reopen", each with the
    name of who asked.
    """
    escalated_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    """How often its escalation went on, by one step or by several of one moment: it names the step that comes next."""

    changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    """Since when messages that were posted of it may show what it is no more; NULL when they need not be looked at."""

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "group_key"], name="alert_open_once", condition=Q(resolved_at__isnull=True)
            ),
            models.CheckConstraint(
                name="alert_resolved_has_time",
                condition=Q(state="resolved", resolved_at__isnull=False)
                | (~Q(state="resolved") & Q(resolved_at__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="alert_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["state", "-id"], name="alert_by_state"),
            models.Index(fields=["id"], name="alert_changed", condition=Q(changed_at__isnull=False)),
            models.Index(
                fields=["policy"], name="alert_open_shadow", condition=Q(is_shadow=True, resolved_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def asker(self, what: str) -> str:
        """Who wants "escalate" or "assign" told and waits for it; "" when nobody does."""
        return str(self.asked.get(what, {}).get("by", ""))


class AlertEvent(models.Model):
    """An event's membership in an alert. `told_state` is what people were last told of it ("" before the first)."""

    alert = models.ForeignKey(Alert, models.CASCADE, db_index=False, related_name="memberships")
    event = models.ForeignKey(Event, models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField()
    told_state = models.CharField(max_length=8, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "event"], name="event_once_in_alert")]

    def __str__(self) -> str:
        return f"{self.alert_id}/{self.event_id}"


class Activity(models.Model):
    """One entry of a timeline. `data` holds what the kind needs to be told in the reader's language."""

    alert = models.ForeignKey(Alert, models.CASCADE, db_index=False, related_name="activities")
    kind = models.CharField(max_length=24, choices=activity_kinds)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150, blank=True)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["alert", "at", "id"], name="activity_timeline")]

    def __str__(self) -> str:
        return f"{self.kind} {self.alert_id}"
