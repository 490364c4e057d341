"""What follows when nobody reacts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tocsin.contacts.models import NotificationObject
from tocsin.policies.rules.escalations import Until


class EscalationPolicy(models.Model):
    """A chain of steps that notification policies choose. What is saved acts at once, also on open alerts."""

    name = models.CharField(_("name"), max_length=64)
    rounds = models.PositiveSmallIntegerField(_("repeat the chain"), default=1)
    """How often the chain begins again after its end."""
    claim_minutes = models.PositiveSmallIntegerField(_("a claim lapses after (minutes)"), default=0)
    """Unless who claims says otherwise; 0: it does not."""
    created_at = models.DateTimeField(_("created"), editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("escalation policy")
        verbose_name_plural = _("escalation policies")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], name="escalation_name_unique", condition=Q(deleted_at__isnull=True)
            ),
            models.CheckConstraint(name="escalation_rounds", condition=Q(rounds__lte=9)),
        ]

    def __str__(self) -> str:
        return self.name


class EscalationStep(models.Model):
    """Not claimed, or not resolved, for some minutes: tell the targets. Times of day are in `time_zone`."""

    policy = models.ForeignKey(EscalationPolicy, models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField()
    until = models.CharField(max_length=8, choices=[(item.value, item.value) for item in Until])
    after_minutes = models.PositiveSmallIntegerField()
    repetitions = models.PositiveSmallIntegerField(default=0)
    every_minutes = models.PositiveSmallIntegerField(default=5)
    begins = models.TimeField(null=True, blank=True)
    ends = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("escalation step")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="escalation_step_number"),
            models.CheckConstraint(
                name="escalation_step_times",
                condition=Q(after_minutes__range=(1, 90), repetitions__lte=9, every_minutes__range=(1, 90)),
            ),
            models.CheckConstraint(
                name="escalation_step_period",
                condition=Q(begins__isnull=True, ends__isnull=True) | Q(begins__isnull=False, ends__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy_id}/{self.number}"


class EscalationTarget(models.Model):
    """A notification object of a step and the channels it is told over (for robots and webhooks: none are named)."""

    step = models.ForeignKey(EscalationStep, models.CASCADE, related_name="targets")
    object = models.ForeignKey(NotificationObject, models.CASCADE, related_name="escalation_targets")
    channels = models.JSONField(default=list)

    class Meta:
        verbose_name = _("notification object of an escalation step")
        constraints = [models.UniqueConstraint(fields=["step", "object"], name="escalation_target_once")]

    def __str__(self) -> str:
        return f"{self.step_id} -> {self.object_id}"
