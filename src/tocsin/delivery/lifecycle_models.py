"""Who hears of the life of alerts, and what is still to be said."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tocsin.alerts.models import Activity, Alert
from tocsin.contacts.models import Webhook
from tocsin.delivery.rules.lifecycle import NoticeState, SubscriptionState


class LifecycleSubscription(models.Model):
    """A webhook that hears what happens to alerts. `kinds`: of LifecycleKind; [] is all of them."""

    webhook = models.OneToOneField(Webhook, models.CASCADE, related_name="lifecycle", verbose_name=_("webhook"))
    kinds = models.JSONField(default=list, db_default=[])
    state = models.CharField(
        max_length=8, default=SubscriptionState.ACTIVE.value, db_default=SubscriptionState.ACTIVE.value
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When a notice of its own was last taken; the webhook's messages do not count."""
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    failure = models.CharField(max_length=300, blank=True, default="", db_default="", editable=False)
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)

    class Meta:
        verbose_name = _("life-cycle subscription")
        verbose_name_plural = _("life-cycle subscriptions")
        constraints = [
            models.CheckConstraint(
                name="lifecycle_state_known", condition=Q(state__in=[state.value for state in SubscriptionState])
            )
        ]

    def __str__(self) -> str:
        return str(self.webhook)


class LifecycleNotice(models.Model):
    """One activity for one subscription: written by a trigger in the activity's own transaction. `next_at` is the
    queue; of one alert only the oldest that waits is said.
    """

    subscription = models.ForeignKey(LifecycleSubscription, models.CASCADE, db_index=False, related_name="notices")
    alert = models.ForeignKey(Alert, models.CASCADE, db_index=False, related_name="+")
    activity = models.ForeignKey(Activity, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=24)
    at = models.DateTimeField()
    state = models.CharField(max_length=10, default=NoticeState.WAITING.value, db_default=NoticeState.WAITING.value)
    tries = models.PositiveIntegerField(default=0, db_default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True, db_default="")
    """What the receiver said last."""

    class Meta:
        verbose_name = _("life-cycle notice")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["next_at"], name="lifecycle_due", condition=Q(next_at__isnull=False)),
            models.Index(fields=["alert", "subscription", "id"], name="lifecycle_in_order"),
            models.Index(fields=["subscription", "-id"], name="lifecycle_of_one"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.alert_id}"
