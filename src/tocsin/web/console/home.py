"""The front page: what is open, what nobody was told of, what did not arrive."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest

from tocsin.accounts.rules import Permission
from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.channels.kinds import Channel
from tocsin.channels.queries import accounts_by_channel
from tocsin.channels.registry import PROVIDERS
from tocsin.delivery.coverage import count_dead_ends
from tocsin.delivery.queries import count_not_arrived
from tocsin.events.models import Event
from tocsin.events.queries import count_unmatched
from tocsin.events.rules import EventState
from tocsin.web.console.actors import may
from tocsin.web.console.first_run import Accounts, checklist_for
from tocsin.web.console.words import CHANNELS

_DAY = timedelta(hours=24)
_SHOWN = 8


def context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Sixteen statements at the most, whatever the size of the installation."""
    accounts = accounts_by_channel()
    simulated = simulated_channels(accounts)
    alerts = Alert.objects.filter(resolved_at__isnull=True, is_shadow=False).aggregate(
        pending=Count("pk", filter=Q(state=AlertState.PENDING)),
        handling=Count("pk", filter=Q(state=AlertState.HANDLING)),
    )
    events = Event.objects.filter(state=EventState.ACTIVE).aggregate(
        active=Count("pk"), unmatched=Count("pk", filter=Q(matched_policies=0))
    )
    return {
        "now": now,
        "alerts": alerts,
        "events": events,
        "deliveries": count_not_arrived(now - _DAY),
        "open_alerts": list(
            Alert.objects.filter(resolved_at__isnull=True, is_shadow=False)
            .select_related("policy")
            .order_by("severity", "-opened_at")[:_SHOWN]
        ),
        "simulated": [str(CHANNELS[channel]) for channel in simulated],
        "may_add_account": may(request, Permission.ADMINISTER),
        "unmatched_lately": count_unmatched(now - _DAY),
        "dead_ends": count_dead_ends(now),
        "checklist": checklist_for(request, accounts),
    }


def simulated_channels(carried: Accounts | None = None) -> list[Channel]:
    """Channels whose messages leave nowhere, because only the outbox carries them."""
    return [
        channel
        for channel, accounts in (accounts_by_channel() if carried is None else carried).items()
        if all(PROVIDERS[account.provider].capabilities.is_simulated for account in accounts)
    ]
