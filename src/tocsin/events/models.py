"""Where events come from, and their current state."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tocsin.events.rules import INITIAL_SEVERITY_MAP, EventState


def initial_severity_map() -> dict[str, int]:
    return dict(INITIAL_SEVERITY_MAP)


class Integration(models.Model):
    """A named source with its own token. Only the token's SHA-256 is stored."""

    name = models.CharField(_("name"), max_length=64, unique=True)
    token_prefix = models.CharField(_("token"), max_length=12, editable=False)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    severity_map = models.JSONField(_("severity map"), default=initial_severity_map)
    auto_resolve_seconds = models.PositiveIntegerField(_("resolve after (seconds without a report)"), default=300)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    heartbeat_seconds = models.PositiveIntegerField(_("heartbeat every (seconds)"), default=0, db_default=0)
    """0: none is expected."""
    heartbeat_rules = models.JSONField(_("heartbeat"), null=True, blank=True)
    """What counts as one, as policies' rules; NULL or []: any event."""
    heartbeat_at = models.DateTimeField(_("last heartbeat"), null=True, blank=True, editable=False)
    heartbeat_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    heartbeat_missed_at = models.DateTimeField(null=True, blank=True, editable=False)
    mapping = models.TextField(_("mapping of plain JSON"), blank=True, default="", db_default="")
    """Which parts of a document are an event (`dialects/mapping.py`); "": the usual ones."""
    last_event_at = models.DateTimeField(_("last event"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("integration")
        verbose_name_plural = _("integrations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """One condition: its row is its current state. Repeated reports only update it (HOT: no indexed column changes).

    `sweep_at` is at or before the moment at which the event resolves itself; the sweep moves it on to `ends_at`.
    `matched_policies` is how many policies took it at its last change of state: NULL before the first look.
    `silenced_by`, `inhibited_by`: ids of the silence policy and the inhibition that keep it quiet, or kept it so when
    it resolved.
    """

    integration = models.ForeignKey(
        Integration, models.CASCADE, related_name="events", db_index=False, verbose_name=_("integration")
    )
    fingerprint = models.UUIDField(editable=False)
    labels = models.JSONField(_("labels"))
    annotations = models.JSONField(_("annotations"))
    generator_url = models.TextField(_("source"), blank=True)
    severity = models.PositiveSmallIntegerField(_("severity"))
    state = models.CharField(_("state"), max_length=8, choices=[(state.value, state.value) for state in EventState])
    prev_state = models.CharField(max_length=8, blank=True)
    count = models.PositiveIntegerField(_("reports"), default=1)
    starts_at = models.DateTimeField(_("started"))
    ends_at = models.DateTimeField(_("ends"))
    first_seen_at = models.DateTimeField(_("first report"))
    last_seen_at = models.DateTimeField(_("last report"))
    changed_at = models.DateTimeField(_("changed"))
    sweep_at = models.DateTimeField(null=True, blank=True)
    matched_policies = models.PositiveSmallIntegerField(_("policies"), null=True, blank=True)
    silenced_by = models.BigIntegerField(null=True, blank=True, editable=False)
    inhibited_by = models.BigIntegerField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [models.UniqueConstraint(fields=["integration", "fingerprint"], name="event_identity")]
        indexes = [
            models.Index(fields=["sweep_at"], name="event_sweep", condition=Q(sweep_at__isnull=False)),
            models.Index(fields=["state", "-id"], name="event_by_state"),
            models.Index(fields=["silenced_by", "-id"], name="event_by_silence", condition=Q(state="silenced")),
            # Labels never change, so a repeated report does not touch it; what is new waits in a list of its own first.
            GinIndex(
                fields=["labels"], name="event_by_label", opclasses=["jsonb_path_ops"], gin_pending_list_limit=512
            ),
        ]

    def __str__(self) -> str:
        return str(self.labels.get("alertname", f"event {self.pk}"))


class SeenReport(models.Model):
    """A report that its sender has named, so that a retry is known. Forgotten after `SEEN_FOR`."""

    integration = models.ForeignKey(Integration, models.CASCADE, related_name="+", db_index=False)
    key = models.UUIDField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "key"], name="report_seen_once")]
        indexes = [models.Index(fields=["at"], name="report_seen_at")]

    def __str__(self) -> str:
        return f"{self.integration_id}/{self.key}"


class Rematch(models.Model):
    """A wish to look at the active events again, left by the transaction that changed what they match.

    The worker goes through active events by id in batches; `cursor` is the last id done. Done rows are deleted.
    """

    requested_at = models.DateTimeField()
    because = models.CharField(max_length=128)
    cursor = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("re-match")

    def __str__(self) -> str:
        return self.because


class EventLook(models.Model):
    """A wish to look at one event again: what kept it quiet is over, or begins. Done rows are deleted."""

    event = models.ForeignKey(Event, models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return str(self.event_id)


class IngestBeat(models.Model):
    """The one row that says until when ingest was certainly up: time after it does not count towards auto-recovery."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    beat_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(name="ingest_beat_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.beat_at)
