"""The most calls and texts to one person in an hour, as this installation has chosen them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class PersonCaps(models.Model):
    """The one row. NULL: what the environment says; 0: no cap."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    calls_per_hour = models.PositiveIntegerField(_("calls in an hour"), null=True, blank=True)
    texts_per_hour = models.PositiveIntegerField(_("text messages in an hour"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("caps per person")
        constraints = [models.CheckConstraint(name="person_caps_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.calls_per_hour}/{self.texts_per_hour}"
