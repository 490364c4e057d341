"""A story: people, policies and events on real PostgreSQL, simulated vendors, and a clock that the story moves.

Every message that goes out must be expected; one that is not fails the test when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Self

from tocsin.alerts.models import Alert
from tocsin.channels.base import Receipt, ReceiptStatus
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import add_account, ensure_outbox_accounts
from tocsin.contacts.models import Contact, ContactGroup, Robot, Webhook
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import create_contact, create_group, create_robot, create_webhook
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.ids import to_base36
from tocsin.delivery.models import Attempt, Delivery, Posting
from tocsin.delivery.pipeline import accept
from tocsin.delivery.services import record_receipts
from tocsin.delivery.timeline import TimelineEntry, timeline
from tocsin.delivery.worker import run_due
from tocsin.events.models import Event, Integration
from tocsin.events.queries import key_of
from tocsin.events.rules import Report
from tocsin.events.services import create_integration
from tocsin.oncall.models import Schedule
from tocsin.oncall.queries import next_due_at as next_handover_at
from tocsin.oncall.services import create_schedule
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.queries.silences import next_turn_at
from tocsin.policies.services import create_policy

ADMIN = Actor(ActorKind.USER, "Ada Admin")
_numbers = count(5_000_001)  # far from the numbers that tests write out, however many contacts a run makes


@dataclass
class SentMessage:
    """A message that left: what the person heard or read, and what became of it."""

    story: Story
    delivery_id: int

    @property
    def delivery(self) -> Delivery:
        return Delivery.objects.select_related("content", "account").get(pk=self.delivery_id)

    @property
    def text(self) -> str:
        content = self.delivery.content
        return f"{content.subject}\n{content.text}" if content else ""

    def answer(self) -> Self:
        return self._receipt(ReceiptStatus.ANSWERED)

    def press(self, key: str) -> Self:
        self._receipt(ReceiptStatus.ANSWERED)
        return self._receipt(ReceiptStatus.KEY_PRESSED, key)

    def refuse(self) -> Self:
        return self._receipt(ReceiptStatus.REJECTED)

    def is_busy(self) -> Self:
        return self._receipt(ReceiptStatus.BUSY)

    def arrive(self) -> Self:
        return self._receipt(ReceiptStatus.DELIVERED)

    def fail(self) -> Self:
        return self._receipt(ReceiptStatus.FAILED)

    def ring_out(self) -> Self:
        return self._receipt(ReceiptStatus.NO_ANSWER)

    def _receipt(self, status: ReceiptStatus, key: str = "") -> Self:
        delivery = self.delivery
        assert delivery.account is not None
        receipt = Receipt(status, reference=to_base36(delivery.pk), key=key)
        record_receipts(account=delivery.account, receipts=[receipt], now=self.story.now)
        run_due(self.story.now)
        return self


@dataclass
class Story:
    """`now` is the story's clock; `passes` moves it and does all that falls due on the way."""

    now: datetime
    expected: set[int] = field(default_factory=set)
    _integration: Integration | None = None

    # people

    def contact(self, name: str = "", *, phone: str | None = "", email: str | None = "", verified: bool = True,
                fallback: Fallback = Fallback.DEFAULT, **fields: Any) -> Contact:  # fmt: skip
        """A contact with a number and an address of its own; None leaves one out."""
        number = next(_numbers)
        contact = create_contact(
            by=ADMIN,
            now=self.now,
            name=name or f"Person {number}",
            phone="" if phone is None else phone or f"+86138{number:08d}",
            email="" if email is None else email or f"person{number}@example.org",
            fallback=fallback,
            **fields,
        )
        if verified and contact.phone:
            Contact.objects.filter(pk=contact.pk).update(phone_verified_at=self.now)
            contact.refresh_from_db()
        return contact

    def group(self, *members: Contact, name: str = "") -> ContactGroup:
        return create_group(
            by=ADMIN, now=self.now, name=name or f"Group {next(_numbers)}", contact_ids=[m.pk for m in members]
        )

    def schedule(
        self, people: Sequence[Contact], *, name: str = "", zone: str = "UTC", starts_on: str = "2026-11-01",
        handover_time: str = "09:00", restrictions: Sequence[Any] = (), unit: str = "days", **fields: Any,
    ) -> Schedule:  # fmt: skip
        """One layer of people who change every day."""
        layer = {"people": [person.pk for person in people], "unit": unit, "every": 1, "starts_on": starts_on,
                 "handover_time": handover_time, "restrictions": list(restrictions)}  # fmt: skip
        return create_schedule(by=ADMIN, now=self.now, name=name or f"Schedule {next(_numbers)}", time_zone=zone,
                               layers=[layer], **fields)  # fmt: skip

    def robot(self, url: str = "", *, name: str = "", platform: str = Channel.DINGTALK, **fields: Any) -> Robot:
        name = name or f"Robot {next(_numbers)}"
        return create_robot(by=ADMIN, now=self.now, name=name, platform=platform, url=url, **fields)

    def webhook(self, url: str, *, name: str = "", **fields: Any) -> Webhook:
        return create_webhook(by=ADMIN, now=self.now, name=name or f"Webhook {next(_numbers)}", url=url, **fields)

    def policy(
        self,
        targets: Mapping[Contact | ContactGroup | Robot | Webhook | Schedule, Sequence[str]] | None = None,
        *,
        rules: Iterable[Any] = (),
        group_wait: int = 5,
        group_interval: int = 30,
        **fields: Any,
    ) -> NotificationPolicy:
        """By default: every event, grouped by alertname."""
        return create_policy(
            by=ADMIN,
            now=self.now,
            name=fields.pop("name", f"Policy {next(_numbers)}"),
            rules=list(rules),
            group_wait=timedelta(seconds=group_wait),
            group_interval=timedelta(seconds=group_interval),
            targets=[(item.pk, list(channels)) for item, channels in (targets or {}).items()],
            **fields,
        )

    def account(self, provider: str, priority: int = 100, **config: str) -> ProviderAccount:
        return add_account(
            by=ADMIN, now=self.now, name=f"{provider} {next(_numbers)}", provider=provider, config=config,
            priority=priority,
        )  # fmt: skip

    # events

    @property
    def integration(self) -> Integration:
        if self._integration is None:
            self._integration, _token = create_integration(by=ADMIN, now=self.now, name=f"Source {next(_numbers)}")
        self._integration.refresh_from_db()
        return self._integration

    def fires(self, alertname: str, *, summary: str = "", **labels: str) -> Event:
        """An alert rule reports a condition that holds, now and until it says otherwise."""
        return self._report(alertname, labels, summary, ends_at=self.now + timedelta(days=30))

    def recovers(self, alertname: str, **labels: str) -> Event:
        return self._report(alertname, labels, "", ends_at=self.now)

    def _report(self, alertname: str, labels: Mapping[str, str], summary: str, *, ends_at: datetime) -> Event:
        every = {"alertname": alertname, **labels}
        annotations = {"summary": summary} if summary else {}
        report = Report(labels=every, annotations=annotations, starts_at=min(self.now, ends_at), ends_at=ends_at)
        accept(key_of(self.integration), [report], self.now)
        return Event.objects.get(integration=self.integration, labels=every)

    # time

    def passes(self, seconds: float = 0) -> None:
        """Moves the clock, stopping at each moment at which something is due."""
        until = self.now + timedelta(seconds=seconds)
        run_due(self.now)
        while (at := self._next_due()) is not None and at <= until:
            self.now = max(self.now, at)
            run_due(self.now)
        self.now = until
        run_due(self.now)

    def _next_due(self) -> datetime | None:
        alert = Alert.objects.filter(due_at__gt=self.now).order_by("due_at").values_list("due_at", flat=True).first()
        queue = Delivery.objects.filter(next_at__gt=self.now).order_by("next_at")
        waiting = Delivery.objects.filter(deadline_at__gt=self.now).order_by("deadline_at")
        asking = Delivery.objects.filter(ask_at__gt=self.now).order_by("ask_at")
        sweep = Event.objects.filter(sweep_at__gt=self.now).order_by("sweep_at")
        daily = Robot.objects.filter(daily_due_at__gt=self.now).order_by("daily_due_at")
        heartbeat = Integration.objects.filter(heartbeat_due_at__gt=self.now).order_by("heartbeat_due_at")
        posting = Posting.objects.filter(due_at__gt=self.now).order_by("due_at")
        moments = [
            next_turn_at(),
            posting.values_list("due_at", flat=True).first(),
            heartbeat.values_list("heartbeat_due_at", flat=True).first(),
            alert,
            daily.values_list("daily_due_at", flat=True).first(),
            queue.values_list("next_at", flat=True).first(),
            waiting.values_list("deadline_at", flat=True).first(),
            asking.values_list("ask_at", flat=True).first(),
            sweep.values_list("sweep_at", flat=True).first(),
            handover if (handover := next_handover_at()) and handover > self.now else None,
        ]
        return min((moment for moment in moments if moment is not None), default=None)

    # what people got

    def expect(self, who: Contact | Robot | Webhook, channel: str, *words: str) -> SentMessage:
        """Exactly the next unexpected message to this person or robot over this channel, holding these words."""
        out = self._out().filter(delivery__recipient_id=who.pk, delivery__channel=channel)
        message = out.exclude(pk__in=self.expected).order_by("pk").first()
        assert message is not None, f"{who} got nothing over {channel}; what went out: {self._all_out()}"
        self.expected.add(message.pk)
        sent = SentMessage(self, message.delivery_id)
        for word in words:
            assert word in sent.text, f"{word!r} is not in {sent.text!r}"
        return sent

    def expect_call(self, who: Contact, *words: str) -> SentMessage:
        return self.expect(who, "phone", *words)

    def expect_text(self, who: Contact, *words: str) -> SentMessage:
        return self.expect(who, "sms", *words)

    def expect_mail(self, who: Contact, *words: str) -> SentMessage:
        return self.expect(who, "email", *words)

    def expect_group_message(self, who: Robot | Contact, *words: str) -> SentMessage:
        return self.expect(who, who.platform if isinstance(who, Robot) else "dingtalk", *words)

    def expect_webhook(self, who: Webhook, *words: str) -> SentMessage:
        return self.expect(who, "webhook", *words)

    def expect_many(self, count: int) -> None:
        """So many messages have gone out that were not expected one by one."""
        found = {item.pk for item in self._out().exclude(pk__in=self.expected)}
        assert len(found) == count
        self.expected |= found

    def expect_silence(self) -> None:
        """Nothing has gone out that was not expected."""
        unexpected = [str(item) for item in self._out().exclude(pk__in=self.expected)]
        assert not unexpected, f"unexpected messages: {unexpected}"

    def _out(self) -> Any:
        return Attempt.objects.filter(outcome__in=["accepted", "ambiguous"]).select_related("delivery")

    def _all_out(self) -> list[str]:
        return [f"{item.delivery} ({item.delivery.state})" for item in self._out()]

    # what is to be seen

    def alert(self) -> Alert:
        """The only alert, or the newest."""
        alert = Alert.objects.order_by("-pk").first()
        assert alert is not None, "there is no alert"
        return alert

    def timeline(self) -> list[TimelineEntry]:
        return timeline(self.alert().pk)

    def delivery(self, who: Contact | Robot | Webhook, channel: str) -> Delivery:
        """The newest one."""
        return Delivery.objects.filter(recipient_id=who.pk, channel=channel).latest("pk")


def begin(now: datetime) -> Story:
    """A story with the outbox as the only provider of text messages, calls and mail."""
    ensure_outbox_accounts(now=now)
    return Story(now)
