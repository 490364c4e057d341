"""What messages about hand-overs need at the moment of sending: whether they still hold, and the link to check in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.base import CallKey
from tocsin.delivery.handover_texts import CHECK_IN_LINK
from tocsin.delivery.models import HandoverNotice
from tocsin.delivery.rules import Reason
from tocsin.oncall.models import Handover
from tocsin.oncall.queries import check_in_token_of

CHECK_IN_KEY = "1"


@dataclass(frozen=True, slots=True)
class HandoverState:
    """`why_not`: what made the message needless since it was planned. `asks`: it wants a check-in."""

    why_not: Reason | None
    asks: bool
    token: str = field(default="", repr=False)

    def filled(self, text: str, language: str, *, carries_links: bool = True) -> str:
        """The text with the link in its place, or without both."""
        said = ""
        if self.token and settings.PUBLIC_URL and carries_links:
            with translation.override(language or settings.DEFAULT_LANGUAGE):
                said = _("Check in: %(url)s") % {"url": f"{settings.PUBLIC_URL}/h/{self.token}"}
        return text.replace(CHECK_IN_LINK, said).strip()

    def keys(self, language: str) -> dict[str, CallKey]:
        if not self.asks:
            return {}
        with translation.override(language or settings.DEFAULT_LANGUAGE):
            return {CHECK_IN_KEY: CallKey(_("Thank you. You are on duty. Goodbye."))}


def handover_states(delivery_ids: Collection[int]) -> dict[int, HandoverState]:
    """By delivery id; one statement."""
    later = Handover.objects.filter(
        schedule_id=OuterRef("handover__schedule_id"), at__gt=OuterRef("handover__at"), is_missed=False
    )
    notices = HandoverNotice.objects.filter(delivery_id__in=delivery_ids).select_related("handover")
    return {notice.delivery_id: _state(notice) for notice in notices.annotate(is_over=Exists(later))}


def _state(notice: HandoverNotice) -> HandoverState:
    row = notice.handover
    if row.checked_in_at is not None:
        return HandoverState(Reason.CHECKED_IN, asks=False)
    if notice.is_over:  # type: ignore[attr-defined]
        return HandoverState(Reason.NOT_ON_DUTY, asks=False)
    asks = row.awaits_check_in and not notice.is_silence
    return HandoverState(None, asks, check_in_token_of(row) if asks else "")
