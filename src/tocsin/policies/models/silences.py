"""What is not told although it fires."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tocsin.events.models import Event
from tocsin.policies.rules.silencing import Effect


class SilencePolicy(models.Model):
    """Events that match are recorded as silenced while it is in force.

    `next_change_at`: when a worker has to look at what fires again. `turned_at`: when that was last done, or the row
    was written; accept asks whether the silence was in force then rather than before.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=64)
    comment = models.TextField(_("comment"), blank=True)
    rules = models.JSONField(_("match rules"), default=list)
    effect = models.CharField(_("in force"), max_length=8, choices=[(effect.value, effect.value) for effect in Effect])
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    windows = models.JSONField(_("times"), default=list, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_by = models.CharField(_("created by"), max_length=150, editable=False)
    created_at = models.DateTimeField(_("created"), editable=False)
    turned_at = models.DateTimeField(editable=False)
    next_change_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("silence policy")
        verbose_name_plural = _("silence policies")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_change_at"], name="silence_next_change", condition=Q(next_change_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.name


class HiddenEvent(models.Model):
    """An event that a silence policy hid, and how often. Whether it hides it now is the event's `silenced_by`."""

    silence = models.ForeignKey(SilencePolicy, models.CASCADE, related_name="hidden", db_index=False)
    event = models.ForeignKey(Event, models.CASCADE, related_name="+")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("hidden event")
        constraints = [models.UniqueConstraint(fields=["silence", "event"], name="event_hidden_once")]

    def __str__(self) -> str:
        return f"{self.silence_id}/{self.event_id}"
