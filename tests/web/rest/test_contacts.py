"""`/api/v1/contacts`."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

import pytest
from auditlog.models import LogEntry

from tests.stories.harness import Story
from tests.web.rest.asking import Api, api_as
from tocsin.accounts.rules import Role, Scope
from tocsin.contacts.models import Contact

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return api_as(Role.MANAGER, [Scope.CONTACTS_WRITE])


def test_a_contact_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api("POST", "/contacts", {"name": "Zhang Wei", "phone": "13800005678", "external_id": "hr-1"})

    assert made.status == 201
    pk = made.body["id"]
    assert (made.headers["Location"], made.headers["ETag"]) == (f"/api/v1/contacts/{pk}", '"1"')
    assert (made.body["phone"], made.body["reach"]["sms"]["reason"]) == ("+86 138 **** 5678", "unverified_phone")
    changed = api("PATCH", f"/contacts/{pk}", {"email": "wei@example.org", "phone": None}, If_Match='"1"')
    assert (changed.status, changed.body["phone"], changed.body["email"]) == (200, None, "w***@example.org")
    assert api("GET", f"/contacts/{pk}").headers["ETag"] == '"2"'
    assert api("DELETE", f"/contacts/{pk}").body["names"] == ["Zhang Wei"]
    assert api("GET", f"/contacts/{pk}").status == 404


def test_a_changed_number_names_what_calls_it_no_more(api: Api, now: datetime) -> None:
    story = Story(now)
    wei = story.contact("Wei", phone="+8613800001234")
    policy = story.policy({wei: ["sms"]}, name="Databases")

    changed = api("PATCH", f"/contacts/{wei.pk}", {"phone": "13800005678"})

    assert changed.body["phone_verified_at"] is None
    assert changed.body["not_called_by"] == [{"id": policy.pk, "name": "Databases"}]


def test_a_change_over_a_newer_one_is_refused(api: Api) -> None:
    pk = api("POST", "/contacts", {"name": "Ann", "email": "ann@example.org"}).body["id"]
    api("PATCH", f"/contacts/{pk}", {"name": "Anna"}, If_Match='"1"')

    refused = api("PATCH", f"/contacts/{pk}", {"name": "Anne"}, If_Match='"1"')

    assert (refused.status, refused.body["type"]) == (412, "urn:tocsin:problem:changed")
    assert Contact.objects.get().name == "Anna"


def test_every_wrong_field_is_named(api: Api) -> None:
    refused = api("POST", "/contacts", {"name": "", "phone": "12", "time_zone": "Mars", "nick": "x", "group_ids": [0]})
    refused_by_rules = api("POST", "/contacts", {"name": "", "phone": "12", "time_zone": "Mars"})

    assert refused.status == refused_by_rules.status == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert sorted(refused.wrong) == ["group_ids.0", "nick"]
    assert sorted(refused_by_rules.wrong) == ["name", "phone", "time_zone"]


def test_a_value_of_somebody_else_names_them(api: Api) -> None:
    ann = api("POST", "/contacts", {"name": "Ann", "email": "ann@example.org"}).body["id"]

    refused = api("POST", "/contacts", {"name": "Bob", "email": "ANN@example.org"})

    assert (refused.status, refused.body["type"]) == (409, "urn:tocsin:problem:duplicate")
    assert [(error["field"], error["taken_by"]) for error in refused.body["errors"]] == [("email", ann)]


def test_numbers_are_shown_whole_to_managers_who_ask_and_that_is_audited(api: Api) -> None:
    pk = api("POST", "/contacts", {"name": "Ann", "phone": "13800005678"}).body["id"]

    assert api("GET", f"/contacts/{pk}?reveal=true").body["phone"] == "+8613800005678"
    assert (
        LogEntry.objects.get_for_object(Contact.objects.get()).first().additional_data["note"] == "shown: phone, email"
    )  # type: ignore[union-attr]
    assert api_as(Role.RESPONDER)("GET", f"/contacts/{pk}?reveal=true").status == 403
    assert api_as(Role.RESPONDER)("GET", f"/contacts/{pk}").body["phone"] == "+86 138 **** 5678"


def test_an_hr_sync_may_be_repeated(api: Api) -> None:
    wei = {"name": "Zhang Wei", "phone": "13800005678", "groups": ["Databases"]}

    made = api("PUT", "/contacts/by-external-id/hr-1?create_groups=true", wei)
    again = api("PUT", "/contacts/by-external-id/hr-1?create_groups=true", wei)
    changed = api("PUT", "/contacts/by-external-id/hr-1", {"phone": None, "email": "wei@example.org"})

    assert (made.status, again.status, changed.status) == (201, 200, 200)
    assert made.body["version"] == again.body["version"]
    assert (changed.body["name"], changed.body["phone"]) == ("Zhang Wei", None)
    assert [group["name"] for group in changed.body["groups"]] == ["Databases"]


def test_whoever_has_the_number_already_gets_the_external_id(api: Api) -> None:
    pk = api("POST", "/contacts", {"name": "Wei", "phone": "13800005678"}).body["id"]

    put = api("PUT", "/contacts/by-external-id/hr-1", {"name": "Zhang Wei", "phone": "+86 138 0000 5678"})

    assert (put.status, put.body["id"], put.body["external_id"]) == (200, pk, "hr-1")


def test_a_thousand_contacts_are_synced_in_one_request_and_each_has_its_fate(api: Api) -> None:
    people = [{"external_id": f"hr-{n}", "name": f"P {n}", "email": f"p{n}@example.org"} for n in range(50)]
    api("POST", "/contacts/bulk", {"contacts": people})
    people[0]["name"] = "Renamed"
    people[1] = {"external_id": "hr-1", "name": "P 1", "email": "no address"}

    done = api("POST", "/contacts/bulk", {"contacts": [*people, {"external_id": "hr-new", "name": "New"}]})

    assert done.body["counts"] == {"changed": 1, "unchanged": 48, "refused": 2}
    assert done.body["results"][0]["changed"] == ["name"]
    assert [item["errors"][0]["field"] for item in done.body["results"] if item["errors"]] == ["email", ""]


def test_two_contacts_exchange_number_and_address_in_one_request_and_neither_number_counts_as_proved(
    api: Api, now: datetime
) -> None:
    people = [{"external_id": "hr-1", "name": "Ann", "phone": "13800000001", "email": "shared@example.org"},
              {"external_id": "hr-2", "name": "Bob", "phone": "13800000002"}]  # fmt: skip
    api("POST", "/contacts/bulk", {"contacts": people})
    Contact.objects.update(phone_verified_at=now)

    done = api("POST", "/contacts/bulk", {"contacts": [
        {"external_id": "hr-1", "phone": "13800000002", "email": None},
        {"external_id": "hr-2", "phone": "13800000001", "email": "shared@example.org"},
    ]})  # fmt: skip

    assert done.body["counts"] == {"changed": 2}
    assert list(Contact.objects.order_by("name").values_list("name", "phone", "email", "phone_verified_at")) == [
        ("Ann", "+8613800000002", None, None), ("Bob", "+8613800000001", "shared@example.org", None)
    ]  # fmt: skip


def test_all_or_nothing_writes_nothing_when_one_is_refused(api: Api) -> None:
    good, bad = {"name": "Ann", "email": "ann@example.org"}, {"name": "Bob"}

    done = api("POST", "/contacts/bulk", {"contacts": [good, bad], "all_or_nothing": True})

    assert (done.body["is_written"], done.body["counts"]) == (False, {"created": 1, "refused": 1})
    assert Contact.objects.count() == 0


@pytest.mark.parametrize("order", ["oldest", "newest", "name", "-name"])
def test_pages_show_everybody_once_while_others_are_added(api: Api, order: str) -> None:
    for number in range(7):
        api("POST", "/contacts", {"name": f"Person {number % 3}", "email": f"p{number}@example.org"})
    there = set(Contact.objects.values_list("pk", flat=True))

    seen, cursor = [], ""
    while True:
        page = api("GET", f"/contacts?limit=2&order={order}&cursor={cursor}").body
        seen += [item["id"] for item in page["items"]]
        api("POST", "/contacts", {"name": f"Person {len(seen) % 3}", "email": f"new{len(seen)}@example.org"})
        cursor = page["next"]
        if cursor is None or len(seen) > 20:
            break

    assert there <= set(seen)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJvYmplY3RfaWQiLCAiYSJd", "WyJuYW1lIiwgMV0", "%00"])
def test_a_cursor_that_is_none_is_refused(api: Api, cursor: str) -> None:
    assert api("GET", f"/contacts?cursor={cursor}").status == 422


def test_filters_narrow_the_list(api: Api) -> None:
    api("POST", "/contacts", {"name": "Ann", "phone": "13800005678", "external_id": "hr-1"})
    api("POST", "/contacts", {"name": "Bob", "email": "bob@example.org", "fallback": "call"})

    def names(query: str, asker: Api = api) -> list[str]:
        return [item["name"] for item in asker("GET", f"/contacts?{query}").body["items"]]

    assert names("") == ["Ann", "Bob"]
    assert names("text=bo") == names("fallback=call") == names("number=none") == names("reach=email") == ["Bob"]
    assert names("external_id=hr-1") == names("number=unverified") == names("text=5678") == ["Ann"]
    assert names("text=5678", api_as(Role.VIEWER)) == []
    assert api("GET", "/contacts?order=up").status == api("GET", "/contacts?limit=0").status == 422


@pytest.mark.parametrize("external_id", ["cn/beijing/1042", "张伟 & co?", "a%2Fb"])
def test_an_external_id_may_hold_what_a_directory_writes(api: Api, external_id: str) -> None:
    address = f"/contacts/by-external-id/{quote(external_id, safe='')}"

    made = api("PUT", address, {"name": "Zhang Wei", "email": "wei@example.org"})
    again = api("PUT", address, {"name": "Zhang Wei"})

    assert (made.status, again.status, again.body["external_id"]) == (201, 200, external_id)
