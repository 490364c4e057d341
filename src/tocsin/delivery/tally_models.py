"""Numbers that only grow, for /metrics."""

from __future__ import annotations

from django.db import models


class Tally(models.Model):
    """One counter's part: the whole is the sum over its shards, which keep writers apart. `labels` is JSON, sorted."""

    name = models.CharField(max_length=64)
    labels = models.CharField(max_length=1000)
    shard = models.SmallIntegerField()
    value = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "labels", "shard"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.name}{self.labels}"
