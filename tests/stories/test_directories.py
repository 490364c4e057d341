"""User IDs out of a directory: looked up, seen, and filled in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from auditlog.models import LogEntry

from simulators.lark_app import LarkAppSimulator, Person
from tests.stories.harness import ADMIN, Story
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import AddressCount, Contact
from tocsin.contacts.services import Known, LookUp, fill_in_user_ids, look_up_user_ids, update_contact
from tocsin.core.errors import InvalidInputError, NotFoundError


@pytest.fixture
def lark() -> Iterator[LarkAppSimulator]:
    people = {"Ann": Person("ou_ann", mobile="+8613800000001"), "Bob": Person("ou_bob", email="bob@example.org")}
    with LarkAppSimulator(people=people) as simulator:
        yield simulator


@pytest.fixture
def account(story: Story, lark: LarkAppSimulator) -> ProviderAccount:
    return story.account("lark_app", **lark.config)


def look_up(story: Story, account: ProviderAccount, *contacts: Contact) -> LookUp:
    ids = [contact.pk for contact in contacts]
    return look_up_user_ids(by=ADMIN, now=story.now, account_id=account.pk, contact_ids=ids)


def found_in(result: LookUp) -> dict[int, tuple[int, str]]:
    return {item.contact_id: (item.version, item.user_id) for item in result.results if item.user_id}


def test_what_a_directory_says_is_seen_before_it_is_filled_in(story: Story, account: ProviderAccount) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    bob = story.contact("Bob", email="bob@example.org", lark_user_id="ou_old")
    cho = story.contact("Cho")

    seen = look_up(story, account, ann, bob, cho)
    ann.refresh_from_db()
    before = ann.lark_user_id
    filled = fill_in_user_ids(by=ADMIN, now=story.now, platform=Channel.LARK, found=found_in(seen))

    assert [(item.name, item.known, item.user_id) for item in seen.results] == [
        ("Ann", Known.FOUND, "ou_ann"), ("Bob", Known.DIFFERS, "ou_bob"), ("Cho", Known.UNKNOWN, ""),
    ]  # fmt: skip
    assert before == ""
    assert [(item.name, item.known) for item in filled] == [("Ann", Known.FILLED_IN), ("Bob", Known.DIFFERS)]
    stored = dict(Contact.objects.values_list("name", "lark_user_id"))
    assert stored == {"Ann": "ou_ann", "Bob": "ou_old", "Cho": ""}
    notes = [entry.additional_data.get("note", "") for entry in LogEntry.objects.order_by("pk")]
    assert "asked the directory for 3 contacts" in notes
    assert notes[-1] == "from the directory"


def test_an_id_that_differs_gives_way_when_one_says_so(story: Story, account: ProviderAccount) -> None:
    bob = story.contact("Bob", email="bob@example.org", lark_user_id="ou_old")
    seen = look_up(story, account, bob)

    fill_in_user_ids(by=ADMIN, now=story.now, platform=Channel.LARK, found=found_in(seen), replaces=True)

    bob.refresh_from_db()
    assert bob.lark_user_id == "ou_bob"
    assert look_up(story, account, bob).results[0].known == Known.SAME


def test_who_was_changed_meanwhile_stays_as_they_are(story: Story, account: ProviderAccount) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    seen = look_up(story, account, ann)
    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=None, phone="+8613800000009")

    filled = fill_in_user_ids(by=ADMIN, now=story.now, platform=Channel.LARK, found=found_in(seen))

    ann.refresh_from_db()
    assert ([item.known for item in filled], ann.lark_user_id) == ([Known.CHANGED], "")


def test_a_directory_that_refuses_says_why_and_who_was_not_asked_for(
    story: Story, lark: LarkAppSimulator, account: ProviderAccount
) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    lark.answer_next(99991672, "no permission for +8613800000001", status=400)

    seen = look_up(story, account, ann)

    assert [item.known for item in seen.results] == [Known.UNASKED]
    assert "The app lacks a permission" in seen.problem
    assert "13800000001" not in seen.problem


def test_a_person_who_asks_too_often_waits(story: Story, account: ProviderAccount) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    look_up(story, account, ann)
    AddressCount.objects.filter(key__startswith="directory").update(count=30)

    with pytest.raises(InvalidInputError, match="too often"):
        look_up(story, account, ann)


def test_only_an_app_with_a_directory_is_asked_and_only_for_so_many(story: Story, account: ProviderAccount) -> None:
    other = story.account("dingtalk_ding_phone", client_id="ding1234", client_secret="abcd")

    with pytest.raises(NotFoundError):
        look_up(story, other)
    with pytest.raises(InvalidInputError, match="200"):
        look_up_user_ids(by=ADMIN, now=story.now, account_id=account.pk, contact_ids=range(1, 300))


def test_nothing_but_an_id_that_the_form_would_take_is_filled_in(story: Story) -> None:
    ann = story.contact("Ann")

    filled = fill_in_user_ids(by=ADMIN, now=story.now, platform=Channel.LARK, found={ann.pk: (ann.version, "<all>")})

    assert [item.known for item in filled] == [Known.CHANGED]
