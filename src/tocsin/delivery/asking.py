"""What became of messages whose receipts are late: the vendors that can be asked are, before the deadlines pass."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from django.conf import settings

from tocsin.channels.base import AskableProvider, Finding, Question, Receipt
from tocsin.channels.http import HttpClient
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import capabilities_of, config_of, kind_of
from tocsin.core.ids import to_base36
from tocsin.core.storable import storable
from tocsin.delivery.contents import read_contents
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.link_texts import is_address_of
from tocsin.delivery.looking_up import Taken, look_up
from tocsin.delivery.models import Delivery
from tocsin.delivery.queue_rows import ids_of_others
from tocsin.delivery.rules import DeliveryState
from tocsin.delivery.rules.sending import MAX_CALL_TRIES
from tocsin.delivery.services import record_receipts
from tocsin.events.retrying import retried
from tocsin.events.statements import execute

logger = logging.getLogger(__name__)

_AT_ONCE = 16
_LONGEST = 15.0
"""Seconds for one answer."""

# Asked again halfway to the deadline, until little of the whole time is left.
_TAKE = """
UPDATE delivery_delivery d
SET asked_count = d.asked_count + CASE WHEN due.is_open THEN 1 ELSE 0 END,
    ask_at = CASE WHEN due.is_open AND d.deadline_at - %(now)s > (d.deadline_at - d.started_at) / 8
                  THEN %(now)s + (d.deadline_at - %(now)s) / 2 END
FROM (SELECT id, state IN ('accepted', 'ambiguous') AND deadline_at > %(now)s AND account_id IS NOT NULL AS is_open
      FROM delivery_delivery WHERE ask_at <= %(now)s ORDER BY ask_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
     ) due
WHERE d.id = due.id
RETURNING d.id, due.is_open, d.account_id, d.provider_id, d.content_id, d.started_at, d.state,
          coalesce((SELECT c.phone FROM contacts_contact c WHERE c.id = d.recipient_id), ''), d.address_digest
"""
_IDENTIFY = """
UPDATE delivery_delivery d
SET provider_id = u.provider_id, state = 'accepted', reason = '', detail = '', accepted_at = %(now)s
FROM (SELECT * FROM unnest(%(ids)s::bigint[], %(provider_ids)s::text[]) AS x(id, provider_id) ORDER BY id) u
WHERE d.id = u.id AND d.state = 'ambiguous' AND NOT EXISTS (
    SELECT FROM delivery_delivery o
    WHERE o.account_id = d.account_id AND o.provider_id = u.provider_id AND o.provider_id <> '' AND o.id <> d.id)
RETURNING d.id
"""
# The vendor never got it: it may be sent, and nobody hears it twice.
_SEND = """
UPDATE delivery_delivery d SET next_at = %(now)s, deadline_at = NULL, ask_at = NULL
FROM (SELECT id FROM delivery_delivery WHERE id = ANY(%(ids)s) AND state = 'ambiguous' AND attempt_count < %(most)s
      ORDER BY id FOR NO KEY UPDATE) u
WHERE d.id = u.id RETURNING d.id
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    delivery_id: int
    account: ProviderAccount
    question: Question
    is_ambiguous: bool
    finding: Finding = field(default_factory=Finding)


def ask_due(now: datetime, *, limit: int = 100) -> int:
    """Asks for what is due to be asked for and records the answers. Returns how many rows it looked at."""
    rows = _take(now, limit)
    asked = _questions(rows)
    if asked:
        _record(asyncio.run(_ask_all(asked)), now)
    return len(rows)


def next_question_at() -> datetime | None:
    queue = Delivery.objects.filter(ask_at__isnull=False).order_by("ask_at")
    return queue.values_list("ask_at", flat=True).first()


@retried
def _take(now: datetime, limit: int) -> list[tuple[object, ...]]:
    """What is over by now is taken out of the queue and not asked for."""
    return [tuple(row) for row in execute(_TAKE, {"now": now, "limit": limit})]


def _questions(rows: Sequence[tuple[object, ...]]) -> list[_Asked]:
    open_rows = [row for row in rows if row[1]]
    accounts = ProviderAccount.objects.in_bulk({cast(int, row[2]) for row in open_rows})
    able = {pk: account for pk, account in accounts.items() if capabilities_of(account).can_be_asked}
    contents = read_contents({cast(int, row[4]) for row in open_rows if row[4]})
    others = ids_of_others([cast(int, row[0]) for row in open_rows if not row[3]])
    return [
        _Asked(
            delivery_id,
            able[account_id],
            Question(
                to_base36(delivery_id), phone, started_at, provider_id,
                text=contents[content_id].text if content_id in contents else "",
                others=others.get(delivery_id, frozenset()),
            ),
            is_ambiguous=state == DeliveryState.AMBIGUOUS,
        )
        for delivery_id, _is_open, account_id, provider_id, content_id, started_at, state, phone, digest in cast(
            list[tuple[int, bool, int, str, int, datetime, str, str, bytes | None]], open_rows
        )
        if account_id in able and (provider_id or _went_to(phone, digest))
    ]  # fmt: skip


def _went_to(phone: str, digest: bytes | None) -> bool:
    """Without the vendor's id it is looked for by its number, which its contact may have changed since."""
    return bool(phone) and (digest is None or is_address_of(bytes(digest), phone))


async def _ask_all(asked: Sequence[_Asked]) -> list[_Asked]:
    """One account is opened once; no answer holds up the others for long."""
    http = HttpClient(allow=settings.OUTGOING_ALLOW)
    slots = asyncio.Semaphore(_AT_ONCE)
    opened: dict[int, AskableProvider] = {}
    taken = Taken()

    def provider_of(account: ProviderAccount) -> AskableProvider:
        if account.pk not in opened:
            opened[account.pk] = cast(AskableProvider, kind_of(account).open(config_of(account), http))
        return opened[account.pk]

    try:
        return await asyncio.gather(*(_ask(item, provider_of, slots, taken) for item in asked))
    finally:
        await asyncio.gather(*(provider.aclose() for provider in opened.values()), return_exceptions=True)
        await http.aclose()


async def _ask(
    item: _Asked, provider_of: Callable[[ProviderAccount], AskableProvider], slots: asyncio.Semaphore, taken: Taken
) -> _Asked:
    """Never raises: an account that cannot be opened, either, has told nothing."""
    account = item.account
    try:
        async with slots, asyncio.timeout(_LONGEST):
            provider = provider_of(account)
            finding = await look_up(
                provider, item.question, delivery_id=item.delivery_id, account=account.pk, taken=taken
            )
    except TimeoutError:
        finding = Finding()
    except Exception:
        logger.exception("provider %s could not be asked", item.account.provider)
        finding = Finding()
    return _Asked(item.delivery_id, item.account, item.question, item.is_ambiguous, finding)


def _record(asked: Sequence[_Asked], now: datetime) -> None:
    doubtful = [item for item in asked if item.is_ambiguous]
    known = [item for item in doubtful if item.finding.is_known]
    never_got = [item.delivery_id for item in doubtful if item.finding.is_known is False]
    identified = _settle(known, never_got, now)
    by_account: defaultdict[int, list[Receipt]] = defaultdict(list)
    accounts: Mapping[int, ProviderAccount] = {item.account.pk: item.account for item in asked}
    for item in asked:
        if not item.is_ambiguous or item.delivery_id in identified:
            by_account[item.account.pk] += item.finding.receipts
    for account_id, receipts in sorted(by_account.items()):
        if receipts:
            record_receipts(account=accounts[account_id], receipts=receipts, now=now)


@retried
def _settle(known: Sequence[_Asked], never_got: Sequence[int], now: datetime) -> set[int]:
    """Returns which were found: what another delivery has already is not theirs."""
    identified = set()
    if known:
        ids = [item.delivery_id for item in known]
        provider_ids = [storable(item.finding.provider_id, 128) for item in known]
        rows = execute(_IDENTIFY, {"ids": ids, "provider_ids": provider_ids, "now": now})
        identified = {pk for (pk,) in rows}
    if never_got and execute(_SEND, {"ids": list(never_got), "now": now, "most": MAX_CALL_TRIES}):
        ring_send()
    return identified
