"""The parts that a vendor made of one message, where each has an id and a receipt of its own."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tocsin.channels.models import ProviderAccount


class Part(models.Model):
    """Of a message of more than one. `first_id`: the vendor's id of the first part of the same send."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, db_index=False, related_name="+")
    provider_id = models.CharField(max_length=128)
    delivery = models.ForeignKey("delivery.Delivery", models.CASCADE, related_name="parts")
    first_id = models.CharField(max_length=128)

    class Meta:
        verbose_name = _("part of a message")
        constraints = [models.UniqueConstraint(fields=["account", "provider_id"], name="part_once")]

    def __str__(self) -> str:
        return f"{self.provider_id} of {self.delivery_id}"
