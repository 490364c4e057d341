"""What a personal link is worth, and what many who press at once come to."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.contacts.writers import Writer
from tocsin.channels.kinds import Channel
from tocsin.channels.services import ensure_outbox_accounts
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.contacts.queries import personal_token_of
from tocsin.contacts.rules import (
    LinkOutcome,
    PersonalLinkView,
    outcome_of_personal_link,
    personal_link_token,
    why_no_link,
)
from tocsin.contacts.services import create_contact, open_personal_link
from tocsin.core.actors import SHELL
from tocsin.delivery.personal_links import LinkSendOutcome, send_links

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LINK = PersonalLinkView(
    id=1, contact_id=2, contact_name="Ann", contact_address="ann@example.org", language="", time_zone="",
    channel=Channel.EMAIL, address="Ann@example.org", expires_at=NOON + timedelta(hours=24), replaced_at=None,
    opened_at=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("link", "outcome"),
    [
        (LINK, LinkOutcome.OPEN),
        (replace(LINK, expires_at=NOON), LinkOutcome.EXPIRED),
        (replace(LINK, replaced_at=NOON), LinkOutcome.REPLACED),
        (replace(LINK, opened_at=NOON), LinkOutcome.USED),
        (replace(LINK, contact_address="other@example.org"), LinkOutcome.UNKNOWN),
        (replace(LINK, contact_address="", address=""), LinkOutcome.UNKNOWN),
        (replace(LINK, contact_address="other@example.org", replaced_at=NOON), LinkOutcome.UNKNOWN),
    ],
)
def test_what_a_link_is_worth(link: PersonalLinkView, outcome: LinkOutcome) -> None:
    assert outcome_of_personal_link(link, NOON) is outcome


@pytest.mark.parametrize(
    ("address", "sent_ago", "outcome", "retry_in"),
    [
        ("", [], LinkOutcome.NO_ADDRESS, None),
        ("a@example.org", [], LinkOutcome.ISSUED, None),
        ("a@example.org", [timedelta(minutes=1)], LinkOutcome.ISSUED, None),
        ("a@example.org", [timedelta(seconds=40)], LinkOutcome.LIMITED, timedelta(seconds=20)),
        ("a@example.org", [timedelta(minutes=10 * n) for n in range(1, 6)], LinkOutcome.LIMITED, timedelta(minutes=10)),
    ],
)
def test_an_address_gets_a_few_links(
    address: str, sent_ago: list[timedelta], outcome: LinkOutcome, retry_in: timedelta | None
) -> None:
    found = why_no_link(address, [NOON - ago for ago in sent_ago], NOON)

    assert found == (outcome, NOON + retry_in if retry_in else None)


def test_a_token_has_131_bits_and_depends_on_key_row_and_nonce() -> None:
    tokens = {personal_link_token(*parts) for parts in [("k", 1, "n"), ("k", 1, "m"), ("k", 2, "n"), ("l", 1, "n")]}

    assert len(tokens) == 4
    assert {len(token) for token in tokens} == {22}


@pytest.fixture
def ann(transactional_db: None) -> Contact:
    ensure_outbox_accounts(now=NOON)
    return create_contact(by=SHELL, now=NOON, name="Ann", email="ann@example.org")


def test_of_many_who_press_at_once_one_gets_in(ann: Contact) -> None:
    send_links(by=SHELL, now=NOON, contact_ids=[ann.pk], channels=[Channel.EMAIL])
    token = personal_token_of(PersonalLink.objects.get())
    barrier = threading.Barrier(5)

    def press() -> LinkOutcome:
        barrier.wait()
        return open_personal_link(token=token, address="", now=NOON).outcome

    outcomes = [writer.finish() for writer in [Writer(press) for _ in range(5)]]

    assert sorted(outcomes) == [LinkOutcome.OPEN, *[LinkOutcome.USED] * 4]


def test_of_many_who_ask_at_once_one_is_sent_a_link(ann: Contact) -> None:
    barrier = threading.Barrier(5)

    def ask() -> LinkSendOutcome:
        barrier.wait()
        (result,) = send_links(by=SHELL, now=NOON, contact_ids=[ann.pk], channels=[Channel.EMAIL])
        return result.outcome

    outcomes = [writer.finish() for writer in [Writer(ask) for _ in range(5)]]

    assert sorted(outcomes) == [*[LinkSendOutcome.LIMITED] * 4, LinkSendOutcome.SENT]
    assert PersonalLink.objects.count() == 1
