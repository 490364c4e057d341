"""What is not told because something larger fires."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tocsin.events.models import Event


class Inhibition(models.Model):
    """While an event that matches `source_rules` fires, those that match `target_rules` and have the same values of the
    labels in `equal` are quiet.
    """

    name = models.CharField(_("name"), max_length=64)
    source_rules = models.JSONField(_("while this fires"), default=list)
    target_rules = models.JSONField(_("this is quiet"), default=list)
    equal = models.JSONField(_("equal labels"), default=list)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_by = models.CharField(_("created by"), max_length=150, editable=False)
    created_at = models.DateTimeField(_("created"), editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("inhibition")
        verbose_name_plural = _("inhibitions")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class InhibitionMember(models.Model):
    """An event that has not resolved and that is source, target or both. `key` stands for its values of `equal`."""

    inhibition = models.ForeignKey(Inhibition, models.CASCADE, db_index=False, related_name="members")
    event = models.ForeignKey(Event, models.CASCADE, related_name="+")
    key = models.UUIDField()
    is_source = models.BooleanField()
    is_target = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["inhibition", "event"], name="inhibition_member_once")]
        indexes = [
            models.Index(fields=["inhibition", "key"], name="inhibition_source", condition=Q(is_source=True)),
            models.Index(fields=["inhibition", "key", "event"], name="inhibition_target", condition=Q(is_target=True)),
        ]

    def __str__(self) -> str:
        return f"{self.inhibition_id}/{self.event_id}"
