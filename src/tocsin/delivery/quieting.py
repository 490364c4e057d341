"""The silence step of the pipeline: which of these events are kept quiet, and what changes with that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.alerts.quieting import forget_told, tell_silenced
from tocsin.delivery.doorbell import ring_due
from tocsin.events.rules import ChangedEvent, EventState, Quiet
from tocsin.events.services import quieten_events, wake_events
from tocsin.policies.inhibiting import enabled_inhibitions, settle_inhibitions
from tocsin.policies.queries.silences import silences_in_force
from tocsin.policies.services.silences import note_hidden


@dataclass(frozen=True, slots=True)
class Heard:
    """`loud` events go on to the policies. `quietened`: event id -> what has just begun to keep it quiet."""

    loud: list[ChangedEvent] = field(default_factory=list)
    quietened: Mapping[int, str] = field(default_factory=dict)
    woken: list[int] = field(default_factory=list)

    @property
    def turned(self) -> list[int]:
        """Ids of events whose alerts have to be decided anew."""
        return [*self.quietened, *self.woken]


def hear(events: Sequence[ChangedEvent], now: datetime, ended: Sequence[int] = ()) -> Heard:
    """Records which of these events, none of them resolved, are silenced, and which no longer are.

    `ended`: ids of events that have resolved; what they inhibited is looked at again, before the next plan. Inside the
    caller's transaction, which holds the events and, where some fire, shared, the policies' lock.
    """
    quiet, names = _quiet(events, ended, now)
    note_hidden(quieten_events(quiet, now), now)
    quietened = {
        event.id: names[event.id] for event in events if event.id in quiet and event.state is EventState.ACTIVE
    }
    woken = [event.id for event in events if event.id not in quiet and event.state is EventState.SILENCED]
    wake_events(woken, now)
    return Heard([event for event in events if event.id not in quiet], quietened, woken)


def tell_heard(heard: Heard, now: datetime) -> None:
    """On the timelines, once `link_events` has locked the alerts; what was woken is news again."""
    tell_silenced(heard.quietened, now)
    forget_told(heard.woken, now)


def _quiet(
    events: Sequence[ChangedEvent], ended: Sequence[int], now: datetime
) -> tuple[dict[int, Quiet], dict[int, str]]:
    """By event id: what keeps it quiet, and what that is called: silences come before inhibitions."""
    silences, inhibitions = (silences_in_force(now), enabled_inhibitions()) if events else ([], {})
    labels = {event.id: event.match_labels for event in events} if silences or inhibitions else {}
    inhibited, is_asked = settle_inhibitions(inhibitions, labels, ended)
    if is_asked:
        ring_due()
    quiet = {pk: Quiet(None, inhibition) for pk, inhibition in inhibited.items()}
    names = {pk: inhibitions[inhibition][0] for pk, inhibition in inhibited.items()}
    for pk, seen in labels.items() if silences else ():
        silence = next((silence for silence in silences if silence.hides(seen, now)), None)
        if silence is not None:
            quiet[pk], names[pk] = Quiet(silence.id, inhibited.get(pk)), silence.name
    return quiet, names
