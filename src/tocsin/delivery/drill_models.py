"""Fire drills: who was asked to confirm that a message arrives, and who did."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tocsin.contacts.models import Contact


class Drill(models.Model):
    """`about`: the names of what was asked, as they were. Until `deadline_at` a confirmation is in time."""

    about = models.CharField(_("who"), max_length=200)
    channels = models.JSONField(_("channels"), default=list)
    started_at = models.DateTimeField(_("started"))
    deadline_at = models.DateTimeField(_("deadline"))
    started_by = models.CharField(_("started by"), max_length=150)

    class Meta:
        verbose_name = _("fire drill")
        verbose_name_plural = _("fire drills")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.about


class DrillMember(models.Model):
    """One person who was asked. `channel` is that of the message by which the person confirmed."""

    drill = models.ForeignKey(Drill, models.CASCADE, related_name="members")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="drills")
    name = models.CharField(max_length=64)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_via = models.CharField(max_length=8, blank=True)
    """"link" or "key"."""
    channel = models.CharField(max_length=16, blank=True)

    class Meta:
        verbose_name = _("member of a fire drill")
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["drill", "contact"], name="drill_member_once")]

    def __str__(self) -> str:
        return f"{self.drill_id}/{self.name}"


class DrillMessage(models.Model):
    """Which member a delivery asks."""

    delivery = models.OneToOneField("delivery.Delivery", models.CASCADE, primary_key=True, related_name="drill")
    member = models.ForeignKey(DrillMember, models.CASCADE, related_name="messages")

    def __str__(self) -> str:
        return f"of {self.delivery_id}"
