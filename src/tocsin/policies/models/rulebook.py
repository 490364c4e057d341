"""One row that says whether the policies are still those that somebody read."""

from __future__ import annotations

from django.db import models


class Rulebook(models.Model):
    """`stamp` is another one after every write of a policy, whoever writes: a trigger sees to it.

    Read it under the policies' reading lock, in a statement of its own: as long as it is the same, so are the policies.
    """

    stamp = models.UUIDField()

    def __str__(self) -> str:
        return str(self.stamp)
