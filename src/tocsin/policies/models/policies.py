"""Who is to be told of what."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tocsin.contacts.models import NotificationObject
from tocsin.policies.models.escalations import EscalationPolicy

LAST_POSITION = 1_000_000
"""The position of what says none: behind all that were put in order."""


class NotificationPolicy(models.Model):
    """What an administrator edits. Its content is in the current `PolicyVersion`; enabling acts at once.

    Enabled, in shadow (it plans and records everything and sends nothing) or neither. `position`: events are offered
    to policies in this order, those that share one by their ids.
    """

    name = models.CharField(_("name"), max_length=64)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_shadow = models.BooleanField(_("in shadow"), default=False, db_default=False)
    position = models.PositiveIntegerField(_("order"), default=LAST_POSITION, db_default=LAST_POSITION, editable=False)
    current = models.OneToOneField(
        "PolicyVersion", models.PROTECT, null=True, related_name="current_of", editable=False
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("notification policy")
        verbose_name_plural = _("notification policies")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], name="policy_name_unique", condition=models.Q(deleted_at__isnull=True)
            ),
            models.CheckConstraint(
                name="policy_enabled_or_shadow", condition=~models.Q(is_enabled=True, is_shadow=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """A policy's content as it was saved once; never changed. An alert keeps the version it began with.

    `rules`: list of rules, each a list of {"key", "operator", "value"}; [] matches every event.
    `group_by`: label names; [] puts everything into one message. `sources`: ids of integrations; [] is every one.
    `stops_here`: policies after this one do not get what it takes.
    """

    policy = models.ForeignKey(NotificationPolicy, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    rules = models.JSONField(default=list)
    group_by = models.JSONField(default=list)
    group_wait_seconds = models.PositiveIntegerField(default=5)
    group_interval_seconds = models.PositiveIntegerField(default=30)
    sends_recovery = models.BooleanField(default=True)
    repeat_seconds = models.PositiveIntegerField(default=0, db_default=0)
    """Told again after this long, until it recovers or is claimed; 0: never."""
    sources = models.JSONField(default=list, db_default=[])
    stops_here = models.BooleanField(default=False, db_default=False)
    escalation = models.ForeignKey(
        EscalationPolicy, models.PROTECT, null=True, blank=True, related_name="policy_versions"
    )
    """Instead of repeating: what follows when nobody reacts, as it is at that moment."""
    severity_limits = models.JSONField(default=dict, db_default={})
    """Channel -> the mildest severity that uses it (`rules/severities.py`); others are used for all."""
    sending_window = models.JSONField(null=True, blank=True)
    """When messages may go out (`rules/windows.py`); NULL: always."""
    templates = models.JSONField(default=dict, db_default={})
    """Texts instead of the built-in ones (`rules/templating.py`)."""
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        verbose_name = _("policy version")
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number")]

    def __str__(self) -> str:
        return f"{self.policy_id} v{self.number}"


class PolicyTarget(models.Model):
    """A notification object of a version and the channels it is told over (for robots and webhooks: none are named)."""

    policy_version = models.ForeignKey(PolicyVersion, models.CASCADE, related_name="targets")
    object = models.ForeignKey(NotificationObject, models.CASCADE, related_name="policy_targets")
    channels = models.JSONField(default=list)

    class Meta:
        verbose_name = _("notification object of a policy")
        constraints = [models.UniqueConstraint(fields=["policy_version", "object"], name="policy_target_once")]

    def __str__(self) -> str:
        return f"{self.policy_version_id} -> {self.object_id}"
