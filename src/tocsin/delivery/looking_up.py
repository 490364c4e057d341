"""Which message of a vendor's is the one whose reply was lost, when several with the same words are looked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from tocsin.channels.base import AskableProvider, Finding, Question

_MOST_TRIED = 20
"""Of the vendor's messages that are others'."""
_MOST_KEPT = 10_000


@dataclass(slots=True)
class Taken:
    """The vendors' ids that were found, until their rows say so: each is one delivery's. Not for threads."""

    _owners: OrderedDict[tuple[Hashable, str], int] = field(default_factory=OrderedDict)

    def take(self, account: Hashable, provider_id: str, delivery_id: int) -> bool:
        """False when it is another delivery's already."""
        owner = self._owners.setdefault((account, provider_id), delivery_id)
        if len(self._owners) > _MOST_KEPT:
            self._owners.popitem(last=False)
        return owner == delivery_id


async def look_up(
    provider: AskableProvider, question: Question, *, delivery_id: int, account: Hashable, taken: Taken
) -> Finding:
    """The provider's answer; what is another delivery's is none, and the provider is asked for the next one."""
    for _try in range(_MOST_TRIED):
        finding = await provider.look_up(question)
        if question.provider_id or not finding.is_known or not finding.provider_id:
            return finding
        is_other = finding.provider_id in question.others
        if not is_other and taken.take(account, finding.provider_id, delivery_id):
            return finding
        if is_other:
            return Finding()  # it does not look at what it was told, so asking again says the same
        question = replace(question, others=question.others | {finding.provider_id})
    return Finding()
