"""Writers that meet: threads with connections of their own on real PostgreSQL."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import transaction

from simulators.waiting import wait_until
from tests.chaos.crowds import crowd
from tests.chaos.threads import (
    at_once,
    deadlocks,
    how_many_wait_for_a_lock,
    is_anybody_waiting_for_a_lock,
    then_close,
)
from tocsin.alerts.models import Alert
from tocsin.alerts.services import claim_alert, resolve_alert, unclaim_alert
from tocsin.channels.base import Limit, Outcome, Receipt, ReceiptStatus, SendResult
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import delete_account, ensure_outbox_accounts, update_account
from tocsin.contacts.models import Contact, ContactReach
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import add_members, create_contact, create_group, delete_contacts
from tocsin.core.actors import SHELL
from tocsin.core.errors import ConflictError
from tocsin.core.ids import to_base36
from tocsin.delivery.claiming import Claimed, claim
from tocsin.delivery.crashes import release_crashed
from tocsin.delivery.lanes import Grant, take_tokens
from tocsin.delivery.models import Attempt, Delivery, Notification
from tocsin.delivery.models import Receipt as ReceiptRow
from tocsin.delivery.pipeline import accept, look_again, rematch, sweep
from tocsin.delivery.planning import plan_due
from tocsin.delivery.recording import record
from tocsin.delivery.sending import Sent
from tocsin.delivery.services import expire_deadlines, record_receipts
from tocsin.delivery.verifications import send_verifications
from tocsin.events.queries import key_of
from tocsin.events.rules import IntegrationKey, Report
from tocsin.events.services import create_integration
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.services import create_policy, save_policy
from tocsin.policies.services.inhibitions import create_inhibition, delete_inhibition
from tocsin.policies.services.silences import create_silence, delete_silence, turn_silences

pytestmark = pytest.mark.django_db(transaction=True)

ALL = ("phone", "sms", "email")


@pytest.fixture
def source(now: datetime) -> IntegrationKey:
    ensure_outbox_accounts(now=now)
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    return key_of(integration)


def policy(now: datetime, object_id: int, *channels: str, name: str = "Team", **fields: object) -> NotificationPolicy:
    options = {"group_wait": timedelta(0), "group_interval": timedelta(seconds=1), **fields}
    return create_policy(by=SHELL, now=now, name=name, targets=[(object_id, channels)], **options)  # type: ignore[arg-type] # as given


def person(now: datetime, number: int) -> Contact:
    contact = create_contact(
        by=SHELL, now=now, name=f"Person {number}", phone=f"+86138{number:08d}", email=f"p{number}@example.org"
    )
    Contact.objects.filter(pk=contact.pk).update(phone_verified_at=now)
    return contact


def fires(now: datetime, name: str = "DiskFull", **labels: str) -> Report:
    return Report({"alertname": name, **labels}, {}, "", now, now + timedelta(days=1))


def recovers(now: datetime, name: str = "DiskFull", **labels: str) -> Report:
    return Report({"alertname": name, **labels}, {}, "", now - timedelta(days=1), now)


def outcome(claimed: Claimed, now: datetime, result: Outcome = Outcome.ACCEPTED, provider_id: str = "") -> Sent:
    """As if the provider had answered."""
    return Sent(claimed, SendResult(result, provider_id=provider_id), now)


def drain(now: datetime, worker_id: int, limit: int) -> list[int]:
    """Claims and records until nothing is due; returns what it sent. A claim may also find only what is skipped."""
    sent: list[int] = []
    is_due = Delivery.objects.filter(next_at__lte=now).exists
    while (claims := claim(now, worker_id=worker_id, limit=limit)) or is_due():
        sent += [claimed.delivery_id for claimed in claims]
        record([outcome(claimed, now) for claimed in claims], now)
    return sent


def states() -> Counter[str]:
    return Counter(Delivery.objects.values_list("state", flat=True))


def causes() -> list[str]:
    return list(Notification.objects.order_by("pk").values_list("cause", flat=True))


def test_eight_workers_send_five_thousand_messages_once_each(source: IntegrationKey, now: datetime) -> None:
    policy(now, crowd(5000, now).pk, "email")
    accept(source, [fires(now)], now)
    plan_due(now)

    sent = at_once(*(partial(drain, now, worker, 23) for worker in range(1, 9)))

    planned = set(Delivery.objects.values_list("pk", flat=True))
    assert len(planned) == 5000
    assert sorted(pk for each in sent for pk in each) == sorted(planned)
    assert states() == {"accepted": 5000}
    assert Attempt.objects.count() == 5000
    assert len([each for each in sent if each]) == 8


def test_two_workers_that_resolve_the_last_two_events_tell_the_recovery_once(
    source: IntegrationKey, now: datetime
) -> None:
    policy(now, person(now, 1).pk, "email")

    def ends(host: str, at: datetime) -> None:
        accept(source, [recovers(at, host=host)], at)
        plan_due(at)

    for turn in range(25):
        begin = now + timedelta(minutes=turn)
        end = begin + timedelta(seconds=30)
        accept(source, [fires(begin, host="a"), fires(begin, host="b")], begin)
        plan_due(begin)
        drain(begin, 1, 100)

        at_once(partial(ends, "a", end), partial(ends, "b", end))
        plan_due(end)
        drain(end, 1, 100)

        assert causes() == ["fired", "recovered"] * (turn + 1)
    assert Alert.objects.filter(state="resolved").count() == 25
    assert states() == {"accepted": 50}


def test_an_alert_that_is_due_is_decided_by_one_worker(source: IntegrationKey, now: datetime) -> None:
    policy(now, person(now, 1).pk, "email")
    for turn in range(20):
        accept(source, [fires(now, f"Alert {turn}-{number}") for number in range(5)], now)

        decided = at_once(*[partial(plan_due, now, limit=3)] * 4)

        while left := plan_due(now):
            decided.append(left)
        assert sum(decided) == 5
    assert causes() == ["fired"] * 100
    assert Delivery.objects.count() == 100


def test_receipts_and_the_sends_own_replies_may_cross(source: IntegrationKey, now: datetime) -> None:
    """The vendor's receipt, which carries only its own id, comes while the reply with that id is being recorded."""
    policy(now, person(now, 1).pk, "sms")
    account = ProviderAccount.objects.get(channel="sms")
    for turn in range(60):
        accept(source, [fires(now, f"Alert {turn}")], now)
        plan_due(now)
        (claimed,) = claim(now, worker_id=1)
        receipt = Receipt(ReceiptStatus.DELIVERED, provider_id=f"vendor-{turn}")

        at_once(
            partial(record, [outcome(claimed, now, provider_id=f"vendor-{turn}")], now),
            partial(record_receipts, account=account, receipts=[receipt], now=now),
            partial(record_receipts, account=account, receipts=[receipt], now=now),
        )

    assert states() == {"delivered": 60}
    assert set(ReceiptRow.objects.values_list("effect", "count")) == {("applied", 2)}
    assert Attempt.objects.count() == 60


def test_a_receipt_that_comes_while_the_reply_is_not_committed_yet_waits_for_it(
    source: IntegrationKey, now: datetime
) -> None:
    policy(now, person(now, 1).pk, "sms")
    account = ProviderAccount.objects.get(channel="sms")
    accept(source, [fires(now)], now)
    plan_due(now)
    (claimed,) = claim(now, worker_id=1)
    receipt = Receipt(ReceiptStatus.DELIVERED, provider_id="vendor-1")

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            record([outcome(claimed, now, provider_id="vendor-1")], now)
            receiving = pool.submit(then_close, lambda: record_receipts(account=account, receipts=[receipt], now=now))
            wait_until(is_anybody_waiting_for_a_lock)
        receiving.result(60)

    assert states() == {"delivered": 1}


def test_receipts_of_a_call_and_of_the_one_that_stands_for_it_wait_for_no_claim_that_waits_for_them(
    source: IntegrationKey, now: datetime
) -> None:
    policy(now, person(now, 1).pk, "phone")
    account, calls, at = ProviderAccount.objects.get(channel="phone"), [], now
    for turn in range(3):
        accept(source, [fires(at, f"Alert {turn}")], at)
        plan_due(at)
        if turn < 2:
            (claimed,) = claim(at, worker_id=1)
            calls.append(claimed.delivery_id)
            record([outcome(claimed, at, Outcome.TRANSIENT, f"v{turn}")], at)
            at = max(Delivery.objects.exclude(next_at=None).values_list("next_at", flat=True))
    late = [Receipt(ReceiptStatus.NO_ANSWER, provider_id=f"v{turn}") for turn in range(2)]
    before = deadlocks()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            first = Delivery.objects.select_for_update().get(pk=calls[0])
            receiving = pool.submit(then_close, partial(record_receipts, account=account, receipts=late, now=at))
            wait_until(is_anybody_waiting_for_a_lock)
            claiming = pool.submit(then_close, partial(claim, at, worker_id=2))
            wait_until(lambda: claiming.done() or how_many_wait_for_a_lock() == 2)
        receiving.result(20)
        claiming.result(20)

    assert first.merged_into_id == calls[1]
    assert deadlocks() == before


def test_what_follows_a_failed_call_waits_for_nobody_who_writes_what_the_call_stood_for(
    source: IntegrationKey, now: datetime
) -> None:
    """By then contacts are locked as well, which comes after deliveries."""
    ann = person(now, 1)
    Contact.objects.filter(pk=ann.pk).update(fallback=Fallback.CALL)
    policy(now, ann.pk, "phone", group_by=["alertname"])
    accept(source, [fires(now, "Fire"), fires(now, "Flood")], now)
    plan_due(now)
    (call,) = claim(now, worker_id=1)
    record([outcome(call, now, provider_id="v1")], now)
    merged, account = Delivery.objects.get(state="merged"), ProviderAccount.objects.get(channel="phone")
    busy = [Receipt(ReceiptStatus.BUSY, provider_id="v1")]

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Delivery.objects.select_for_update().get(pk=merged.pk)
        pool.submit(then_close, partial(record_receipts, account=account, receipts=busy, now=now)).result(20)

    again = Delivery.objects.get(fallback_of=call.delivery_id)
    assert (again.channel, again.state) == ("phone", "planned")


def test_who_has_limits_locked_waits_for_no_other_one(now: datetime) -> None:
    """Where the first account's limit is reached, that of the next is asked for as well: this would be out of order."""
    limit = Limit(1, timedelta(seconds=1))

    def after_another() -> Grant:
        with transaction.atomic():
            take_tokens({"b": (limit, 1)}, now)
            return take_tokens({"a": (limit, 1)}, now, waits=False)["a"]

    take_tokens({"a": (limit, 0)}, now)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        assert take_tokens({"a": (limit, 1)}, now)["a"].count == 1
        meanwhile = pool.submit(then_close, after_another).result(20)

    assert meanwhile == Grant(0, now + timedelta(seconds=1))
    assert take_tokens({"a": (limit, 1)}, now + timedelta(seconds=1))["a"].count == 1


def test_outcomes_recorded_twice_are_one_attempt(source: IntegrationKey, now: datetime) -> None:
    """As a worker does when the database went away while it committed."""
    policy(now, person(now, 1).pk, "email")
    accept(source, [fires(now)], now)
    plan_due(now)
    (claimed,) = claim(now, worker_id=1)

    record([outcome(claimed, now)], now)
    record([outcome(claimed, now)], now + timedelta(seconds=1))

    assert states() == {"accepted": 1}
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize("result", [Outcome.ACCEPTED, Outcome.TRANSIENT, Outcome.AMBIGUOUS])
def test_an_account_deleted_while_it_sends_leaves_an_outcome(
    source: IntegrationKey, now: datetime, result: Outcome
) -> None:
    policy(now, person(now, 1).pk, "sms")
    accept(source, [fires(now)], now)
    plan_due(now)
    (claimed,) = claim(now, worker_id=1)
    delete_account(by=SHELL, now=now, account_id=claimed.route.account_id or 0)

    record([Sent(claimed, SendResult(result, provider_id="a", part_ids=("a", "b")), now)], now)

    delivery = Delivery.objects.get()
    assert (delivery.account, delivery.state != "sending") == (None, True)
    assert Attempt.objects.get().outcome == result


def test_words_that_no_column_takes_hold_up_no_outcome(source: IntegrationKey, now: datetime) -> None:
    policy(now, person(now, 1).pk, "sms")
    accept(source, [fires(now)], now)
    plan_due(now)
    (claimed,) = claim(now, worker_id=1)
    garbled = SendResult(
        Outcome.PERMANENT_TARGET, code="5\x00", detail="bad \ud800 reply\x00", provider_id="v\x00\udfff"
    )

    record([Sent(claimed, garbled, now)], now)
    record_receipts(
        account=ProviderAccount.objects.get(channel="sms"),
        receipts=[Receipt(ReceiptStatus.FAILED, reference="zzzzzzzzzzzzz", provider_id="v\x00\udfff", detail="\x00")],
        now=now,
    )

    attempt = Attempt.objects.get()
    assert (attempt.code, attempt.detail, attempt.provider_id) == ("5", "bad ? reply", "v?")
    assert ReceiptRow.objects.get().delivery_id == attempt.delivery_id


def test_of_contacts_deleted_while_they_are_told_each_message_ends(source: IntegrationKey, now: datetime) -> None:
    group = crowd(300, now)
    policy(now, group.pk, "email")
    ids = list(Contact.objects.order_by("pk").values_list("pk", flat=True))
    accept(source, [fires(now)], now)
    plan_due(now)

    def delete() -> None:
        for start in range(0, 300, 20):
            delete_contacts(by=SHELL, now=now, ids=ids[start : start + 10])

    at_once(partial(drain, now, 1, 7), partial(drain, now, 2, 7), delete)

    ended = states()
    assert ended["accepted"] + ended["cancelled"] == 300
    assert ended["accepted"] >= 150
    assert Attempt.objects.count() == ended["accepted"]
    assert set(Delivery.objects.filter(state="cancelled").values_list("reason", flat=True)) <= {"contact_deleted"}
    assert not Delivery.objects.filter(state="cancelled", recipient__contact__isnull=False).exists()


def test_a_contact_deleted_while_its_verification_is_recorded_blocks_nobody(
    source: IntegrationKey, now: datetime
) -> None:
    contact = create_contact(by=SHELL, now=now, name="Ann", phone="+8613800000001")
    send_verifications(by=SHELL, now=now, contact_ids=[contact.pk])
    (claimed,) = claim(now, worker_id=1)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Contact.objects.select_for_update().get(pk=contact.pk)
            recording = pool.submit(then_close, lambda: record([outcome(claimed, now, Outcome.PERMANENT_TARGET)], now))
            wait_until(is_anybody_waiting_for_a_lock)
            delete_contacts(by=SHELL, now=now, ids=[contact.pk])
        recording.result(60)

    assert states() == {"failed": 1}
    assert not ContactReach.objects.exists()


def test_a_claim_at_the_moment_of_sending_lets_a_message_out_or_not_but_never_hangs(
    source: IntegrationKey, now: datetime
) -> None:
    policy(now, crowd(40, now).pk, "email")
    for turn in range(10):
        accept(source, [fires(now, f"Alert {turn}")], now)
        plan_due(now)
        alert = Alert.objects.latest("pk")

        at_once(partial(claim_alert, by=SHELL, now=now, alert_id=alert.pk), partial(drain, now, 1, 5))

        told = Counter(Delivery.objects.filter(notification__alert=alert).values_list("state", "reason"))
        assert set(told) <= {("accepted", ""), ("skipped", "claimed")}
        assert sum(told.values()) == 40


def test_policies_saved_while_alerts_are_planned_keep_the_version_that_the_alert_began_with(
    source: IntegrationKey, now: datetime
) -> None:
    ann, bob = person(now, 1), person(now, 2)
    team = policy(now, ann.pk, "email")

    def save() -> None:
        for turn in range(20):
            who = (bob, ann)[turn % 2]
            save_policy(
                by=SHELL, now=now, policy_id=team.pk, name="Team", targets=[(who.pk, ["email"])],
                group_wait=timedelta(0),
            )  # fmt: skip

    def plan() -> None:
        for _ in range(60):
            plan_due(now, limit=2)

    def fire() -> None:
        for turn in range(40):
            accept(source, [fires(now, f"Alert {turn}")], now)

    at_once(save, plan, fire)
    while plan_due(now):
        pass

    assert Alert.objects.count() == Notification.objects.count() == 40
    told = Delivery.objects.values_list("recipient_id", "notification__alert__policy_version__targets__object_id")
    assert len(told) == 40
    assert all(recipient == target for recipient, target in told)


@dataclass
class Everything:
    """All kinds of writers on the same few rows; each step is one transaction, at a moment after the last one's."""

    source: IntegrationKey
    begin: datetime
    people: list[int] = field(default_factory=list)
    sent: list[tuple[str, int]] = field(default_factory=list)
    ticks: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: int = 0
    unfinished: int = 0

    def __post_init__(self) -> None:
        self.people = [self.newcomer() for _ in range(6)]
        self.group = create_group(by=SHELL, now=self.begin, name="Team", contact_ids=self.people)
        self.policies = [
            policy(self.begin, self.group.pk, *ALL, name=f"Policy {number}", group_by=["group"]) for number in range(2)
        ]

    def now(self) -> datetime:
        with self.lock:
            self.ticks += 1
            return self.begin + timedelta(seconds=self.ticks)

    def newcomer(self) -> int:
        with self.lock:
            self.numbers += 1
        return person(self.begin, self.numbers).pk

    def accept(self, chance: random.Random) -> None:
        at = self.now()
        hosts = chance.sample(range(8), 4)
        reports = [chance.choice([fires, recovers])(at, host=str(host), group=str(host % 3)) for host in hosts]
        accept(self.source, reports, at)

    def send(self, chance: random.Random) -> None:
        now = self.now()
        claims = claim(now, worker_id=chance.randrange(1, 1000), limit=20)
        with self.lock:
            self.sent += [(claimed.channel, claimed.delivery_id) for claimed in claims]
        outcomes = [*Outcome, Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.ACCEPTED]
        record(
            [outcome(claimed, now, chance.choice(outcomes), f"v{claimed.delivery_id}") for claimed in claims],
            self.now(),
        )

    def receive(self, chance: random.Random) -> None:
        with self.lock:
            some = self.sent[-12:]
        for channel, statuses in (
            ("phone", [ReceiptStatus.KEY_PRESSED, ReceiptStatus.ANSWERED, ReceiptStatus.NO_ANSWER]),
            ("sms", [ReceiptStatus.DELIVERED, ReceiptStatus.FAILED]),
        ):
            receipts = [
                self.receipt(pk, chance.choice(statuses), chance) for carried_by, pk in some if carried_by == channel
            ]
            chance.shuffle(receipts)
            account = ProviderAccount.objects.get(channel=channel)
            record_receipts(account=account, receipts=receipts, now=self.now())

    def receipt(self, pk: int, status: ReceiptStatus, chance: random.Random) -> Receipt:
        known = {"reference": to_base36(pk)} if chance.random() < 0.5 else {"provider_id": f"v{pk}"}
        return Receipt(status, key="1" if status is ReceiptStatus.KEY_PRESSED else "", **known)

    def act_on_alerts(self, chance: random.Random) -> None:
        ids = list(Alert.objects.order_by("-pk").values_list("pk", flat=True)[:4])
        act: Callable[..., Alert] = chance.choice([claim_alert, unclaim_alert, resolve_alert])
        for pk in ids[:1]:
            try:
                act(by=SHELL, now=self.now(), alert_id=pk)
            except ConflictError:
                continue

    def change_people(self, chance: random.Random) -> None:
        with self.lock:
            gone = [self.people.pop(chance.randrange(len(self.people))) for _ in range(2)]
        delete_contacts(by=SHELL, now=self.now(), ids=gone)
        new = [self.newcomer(), self.newcomer()]
        add_members(by=SHELL, now=self.now(), group_id=self.group.pk, contact_ids=new)
        with self.lock:
            self.people += new

    def verify(self, _chance: random.Random) -> None:
        with self.lock:
            some = self.people[:2]
        Contact.objects.filter(pk__in=some).update(phone_verified_at=None)
        send_verifications(by=SHELL, now=self.now(), contact_ids=some)

    def change_policy(self, chance: random.Random) -> None:
        save_policy(
            by=SHELL, now=self.now(), policy_id=self.policies[0].pk, name="Policy 0", group_by=["group"],
            targets=[(self.group.pk, ALL)], group_wait=timedelta(0),
            group_interval=timedelta(seconds=chance.randrange(1, 9)),
        )  # fmt: skip

    def change_quiet(self, chance: random.Random) -> None:
        """Silences and an inhibition come, turn and go."""
        now = self.now()
        host = [[{"key": "host", "operator": "eq", "value": str(chance.randrange(8))}]]
        ends_at = now + timedelta(seconds=chance.randrange(1, 40))
        silence = create_silence(by=SHELL, now=now, name="Some host", rules=host, effect="period", ends_at=ends_at)
        if chance.random() < 0.3:
            delete_silence(by=SHELL, now=self.now(), silence_id=silence.pk)
        turn_silences(self.now())
        target = [[{"key": "group", "operator": "re", "value": ".*"}]]
        inhibition = create_inhibition(
            by=SHELL, now=self.now(), name="Host", source_rules=host, target_rules=target, equal=["group"]
        )
        if chance.random() < 0.7:
            delete_inhibition(by=SHELL, now=self.now(), inhibition_id=inhibition.pk)

    def change_account(self, chance: random.Random) -> None:
        account = ProviderAccount.objects.get(channel="sms")
        update_account(by=SHELL, now=self.now(), account_id=account.pk, priority=chance.randrange(1000))

    def run(self, step: Callable[[random.Random], object], seed: int, turns: int) -> None:
        """At least so many turns, and until everybody has had theirs: each pair of writers meets."""
        chance, turn = random.Random(seed), 0
        while turn < turns or self.unfinished:
            step(chance)
            turn += 1
            if turn == turns:
                with self.lock:
                    self.unfinished -= 1

    def steps(self) -> Sequence[Callable[[random.Random], object]]:
        return [
            self.accept, self.accept, self.send, self.send, self.receive, self.receive, self.act_on_alerts,
            self.change_people, self.verify, self.change_policy, self.change_account,
            lambda _: plan_due(self.now()), lambda _: plan_due(self.now()), lambda _: sweep(self.now()),
            lambda _: rematch(self.now(), 5), lambda _: expire_deadlines(self.now()),
            lambda _: release_crashed(self.now()), self.change_quiet, lambda _: look_again(self.now(), 5),
        ]  # fmt: skip


@pytest.mark.parametrize("seed", [1, *(pytest.param(more, marks=pytest.mark.thorough) for more in (2, 3))])
def test_every_pair_of_writers_keeps_the_order_of_locks(source: IntegrationKey, now: datetime, seed: int) -> None:
    """All at once, again and again: nobody ever fails, and nobody had to begin again."""
    everything = Everything(source, now)
    before = deadlocks()

    steps = everything.steps()
    everything.unfinished = len(steps)
    at_once(*(partial(everything.run, step, seed * 100 + at, 30) for at, step in enumerate(steps)))

    assert deadlocks() == before
    assert len(everything.sent) > 20
