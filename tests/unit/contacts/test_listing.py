"""Who the list of contacts shows, and what it says of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.stories.harness import ADMIN
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.queries.contact_pages import contact_page
from tocsin.contacts.queries.listing import (
    NumberState,
    Order,
    Reachability,
    Wanted,
    contact_facts,
    contacts_found,
    group_counts,
    ids_found,
    in_chunks,
)
from tocsin.contacts.rules import ContactReason, Fallback
from tocsin.contacts.services import (
    ReachEntry,
    attest_phone,
    create_contact,
    create_group,
    record_reach,
    update_contact,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(now: datetime, settings: Any) -> dict[str, Contact]:
    """Ann has everything, 王伟 an unverified number only, Zoë an address only."""
    settings.ATTESTED_PHONES = True
    ann = create_contact(by=ADMIN, now=now, name="Ann Smith", phone="+8613800001234", email="Ann.Smith@Example.org")
    attest_phone(by=ADMIN, now=now, contact_id=ann.pk, source="HR")
    wang = create_contact(by=ADMIN, now=now, name="王伟", phone="+8613900005678", fallback="call")
    zoe = create_contact(by=ADMIN, now=now, name="Zoë 100%_\\", email="zoe@example.com")
    record_reach(entries=[ReachEntry(ann.pk, Channel.EMAIL, delivered_at=now)])
    return {"ann": ann, "wang": wang, "zoe": zoe}


def found(wanted: Wanted, *, sees_addresses: bool = True) -> list[str]:
    return [contact.name for contact in contacts_found(wanted, sees_addresses=sees_addresses)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["Ann Smith", "Zoë 100%_\\", "王伟"]),
        ("  ann ", ["Ann Smith"]),
        ("N sMi", ["Ann Smith"]),
        ("王", ["王伟"]),
        ("伟", ["王伟"]),
        ("王伟", ["王伟"]),
        ("ZOË", ["Zoë 100%_\\"]),
        ("example", ["Ann Smith", "Zoë 100%_\\"]),
        ("smith@example.ORG", ["Ann Smith"]),
        ("+86 138 0000 1234", ["Ann Smith"]),
        ("0086-13900005678", ["王伟"]),
        ("13900005678", ["王伟"]),
        ("5678", ["王伟"]),
        ("678", ["王伟"]),
        ("+86", ["Ann Smith", "王伟"]),
        ("+1380", []),
        ("%", ["Zoë 100%_\\"]),
        ("100%_\\", ["Zoë 100%_\\"]),
        ("_s", []),
        ("z", ["Zoë 100%_\\"]),
        ("nobody", []),
        ("a\x00", []),
        ("x" * 300, []),
    ],
)
def test_a_part_of_the_name_the_address_or_the_number_finds(
    people: dict[str, Contact], text: str, names: list[str]
) -> None:
    assert found(Wanted(text=text)) == names


@pytest.mark.parametrize("text", ["example", "5678", "+86", "13900005678"])
def test_who_may_not_see_addresses_does_not_find_by_them(people: dict[str, Contact], text: str) -> None:
    assert found(Wanted(text=text), sees_addresses=False) == []
    assert found(Wanted(text="伟"), sees_addresses=False) == ["王伟"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(number=NumberState.VERIFIED), ["Ann Smith"]),
        (Wanted(number=NumberState.UNVERIFIED), ["王伟"]),
        (Wanted(number=NumberState.NONE), ["Zoë 100%_\\"]),
        (Wanted(fallback=Fallback.CALL), ["王伟"]),
        (Wanted(fallback=Fallback.DEFAULT), ["Ann Smith", "Zoë 100%_\\"]),
        (Wanted(reach=Reachability.PHONE), ["Ann Smith"]),
        (Wanted(reach=Reachability.EMAIL), ["Ann Smith", "Zoë 100%_\\"]),
        (Wanted(reach=Reachability.NOTHING), ["王伟"]),
        (Wanted(reach=Reachability.UNPROVED), ["Zoë 100%_\\", "王伟"]),
        (Wanted(order=Order.NAME_BACKWARDS), ["王伟", "Zoë 100%_\\", "Ann Smith"]),
        (Wanted(order=Order.NEWEST), ["Zoë 100%_\\", "王伟", "Ann Smith"]),
        (Wanted(text="example", number=NumberState.VERIFIED), ["Ann Smith"]),
        (Wanted(text="example", reach=Reachability.NOTHING), []),
    ],
)
def test_filters_narrow_together(people: dict[str, Contact], wanted: Wanted, names: list[str]) -> None:
    assert found(wanted) == names


def test_a_group_is_a_filter(people: dict[str, Contact], now: datetime) -> None:
    group = create_group(by=ADMIN, now=now, name="On call", contact_ids=[people["ann"].pk, people["wang"].pk])

    assert found(Wanted(group_id=group.pk)) == ["Ann Smith", "王伟"]
    assert found(Wanted(group_id=group.pk, text="smith")) == ["Ann Smith"]
    assert found(Wanted(group_id=group.pk + 1)) == []


def test_who_was_proved_by_an_address_that_changed_was_never_proved(people: dict[str, Contact], now: datetime) -> None:
    unproved = Wanted(reach=Reachability.UNPROVED)
    before = found(unproved)

    update_contact(by=ADMIN, now=now, contact_id=people["ann"].pk, version=None, email="ann@example.org")

    assert (before, found(unproved)) == (["Zoë 100%_\\", "王伟"], ["Ann Smith", "Zoë 100%_\\", "王伟"])
    assert not Contact.objects.filter(is_proved=True).exists()


def test_the_groups_beside_the_list_are_counted_and_searched(people: dict[str, Contact], now: datetime) -> None:
    for name, members in {"Ops": ["ann", "wang"], "数据库": ["ann"], "Zebra ops": []}.items():
        create_group(by=ADMIN, now=now, name=name, contact_ids=[people[member].pk for member in members])

    page = group_counts()

    assert [(group.name, group.member_count) for group in page.groups] == [("Ops", 2), ("Zebra ops", 0), ("数据库", 1)]
    assert not page.has_more
    assert [group.name for group in group_counts("OPS").groups] == ["Ops", "Zebra ops"]
    assert [group.name for group in group_counts("据").groups] == ["数据库"]
    first, second = group_counts(limit=2), group_counts(first=2, limit=2)
    assert (len(first.groups), first.has_more) == (2, True)
    assert ([group.name for group in second.groups], second.has_more) == (["数据库"], False)
    assert group_counts("\x00").groups == ()


def test_the_facts_of_a_page_take_one_statement(
    people: dict[str, Contact], now: datetime, django_assert_num_queries: Any
) -> None:
    ann, wang = people["ann"].pk, people["wang"].pk
    groups = [create_group(by=ADMIN, now=now, name=f"G{number}", contact_ids=[ann]) for number in range(7)]
    later = now + timedelta(hours=1)
    record_reach(entries=[ReachEntry(ann, Channel.SMS, delivered_at=later, failed_at=now, failure="busy")])

    with django_assert_num_queries(1):
        facts = contact_facts([ann, wang, wang + 1000])

    assert facts.keys() == {ann, wang}
    assert facts[ann].groups == tuple((group.pk, group.name) for group in groups[:3])
    assert (facts[ann].group_count, facts[wang].group_count, facts[wang].groups) == (7, 0, ())
    assert (facts[ann].last_proved_at, facts[wang].last_proved_at) == (later, None)
    assert facts[ann].ready[Channel.SMS].delivered_at == later
    assert facts[ann].ready[Channel.SMS].failure == "busy"
    assert facts[ann].ready[Channel.PHONE].is_ready
    assert facts[wang].ready[Channel.PHONE].reason is ContactReason.UNVERIFIED_PHONE
    assert facts[wang].ready[Channel.EMAIL].reason is ContactReason.NO_EMAIL


def test_everybody_found_is_named_up_to_a_bound(people: dict[str, Contact]) -> None:
    everybody = contacts_found(Wanted(), sees_addresses=False)

    ids = ids_found(everybody)

    assert ids == [people["ann"].pk, people["zoe"].pk, people["wang"].pk]
    assert ids_found(everybody, most=1) == ids[:2]
    assert [list(chunk) for chunk in in_chunks(ids, 2)] == [ids[:2], ids[2:]]


def pages(wanted: Wanted, size: int) -> list[tuple[list[str], int]]:
    """Names and total of the first four pages."""
    found = (contact_page(wanted, number=number, size=size, sees_addresses=True) for number in range(1, 5))
    return [([contact.name for contact in page.contacts], page.total) for page in found]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(text="person"),
        Wanted(reach=Reachability.EMAIL),
        Wanted(text="example", fallback=Fallback.DEFAULT),
    ],
    ids=str,
)
def test_pages_follow_each_other_without_gaps_and_know_how_many_there_are(now: datetime, wanted: Wanted) -> None:
    for number in range(7):
        create_contact(by=ADMIN, now=now, name=f"Person {number}", email=f"p{number}@example.org")

    found = pages(wanted, 3)

    names = [f"Person {number}" for number in range(7)]
    assert found == [(names[:3], 7), (names[3:6], 7), (names[6:], 7), ([], 7)]


def test_pages_of_a_group_count_its_members_alone(now: datetime) -> None:
    ids = [create_contact(by=ADMIN, now=now, name=f"Person {n}", email=f"p{n}@example.org").pk for n in range(7)]
    group = create_group(by=ADMIN, now=now, name="Even", contact_ids=ids[::2])

    forwards, backwards, searched = (
        pages(Wanted(group_id=group.pk, order=order, text=text), 3)
        for order, text in ((Order.NAME, ""), (Order.NAME_BACKWARDS, ""), (Order.NAME, "4"))
    )

    assert forwards[:3] == [(["Person 0", "Person 2", "Person 4"], 4), (["Person 6"], 4), ([], 4)]
    assert backwards[:2] == [(["Person 6", "Person 4", "Person 2"], 4), (["Person 0"], 4)]
    assert searched[:2] == [(["Person 4"], 1), ([], 1)]


def test_a_page_of_nothing_that_can_be_is_empty(now: datetime) -> None:
    nobody = Wanted(number=NumberState.NONE, reach=Reachability.PHONE)

    assert pages(nobody, 3) == [([], 0)] * 4
    assert contact_page(Wanted(), number=10**6, size=50, sees_addresses=True).contacts == ()
