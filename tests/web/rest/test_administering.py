"""What administrators do over `/api/v1`: users, access keys, caps; and the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.stories.harness import ADMIN, Story, begin
from tests.web.people import PASSWORD, user_with
from tests.web.rest.asking import Api, api_as
from tocsin.accounts.models import AccessKey, User
from tocsin.accounts.rules import Role, Scope
from tocsin.contacts.services import update_contact
from tocsin.core.clock import utc_now

pytestmark = pytest.mark.django_db
NEW = {"username": "zhang.wei", "password": "a long enough one", "role": "responder", "email": "wei@example.org"}


@pytest.fixture
def api() -> Api:
    return api_as(Role.ADMIN)


def test_a_user_is_made_changed_and_disabled(api: Api) -> None:
    made = api("POST", "/users", NEW)
    path = f"/users/{made.body['id']}"
    changed = api("PATCH", path, {"role": "manager", "full_name": "Zhang Wei", "email": None}, If_Match='"1"')
    client = Client()
    signed_in = client.login(username="zhang.wei", password=NEW["password"])
    disabled = api("PATCH", path, {"enabled": False}, If_Match=changed.headers["ETag"])
    stale = api("PATCH", path, {"enabled": True}, If_Match='"1"')

    assert (made.status, made.headers["ETag"], made.body["role"]) == (201, '"1"', "responder")
    assert "password" not in str([made.body, changed.body])
    assert (changed.body["role"], changed.body["full_name"], changed.body["email"]) == ("manager", "Zhang Wei", "")
    assert signed_in
    assert (disabled.body["enabled"], disabled.body["role"]) == (False, None)
    assert client.get("/console/").status_code == 302
    assert stale.status == 412
    assert [each["username"] for each in api("GET", "/users?text=WEI").body["items"]] == ["zhang.wei"]


def test_what_is_wrong_with_a_user_is_named_and_the_last_administrator_stays(api: Api) -> None:
    last = user_with(Role.ADMIN)
    api("POST", "/users", NEW)

    assert api("POST", "/users", NEW).wrong == ["username"]
    assert api("POST", "/users", {**NEW, "username": "x", "password": "short"}).wrong == ["password"]
    assert api("POST", "/users", {**NEW, "username": "x", "email": "nobody"}).wrong == ["email"]
    assert api("PATCH", f"/users/{last.pk}", {"role": "viewer"}).status == 409
    assert api("PATCH", f"/users/{last.pk}", {"full_name": "Ada", "enabled": False}).status == 409
    assert User.objects.get(pk=last.pk).first_name == ""


def test_a_token_that_was_made_for_less_opens_no_door_to_all(api: Api) -> None:
    narrow = api_as(Role.ADMIN, [Scope.ADMIN_WRITE])
    pk = api("POST", "/users", NEW).body["id"]

    refused = [
        narrow("POST", "/users", {**NEW, "username": "other"}),
        narrow("PATCH", f"/users/{pk}", {"role": "admin"}),
        narrow("POST", "/access-keys", {"name": "sync", "user_id": pk, "role": "viewer"}),
    ]

    assert [(each.status, each.body["type"]) for each in refused] == [(403, "urn:tocsin:problem:out-of-scope")] * 3
    assert narrow("PATCH", f"/users/{pk}", {"enabled": False}).status == 200
    assert narrow("GET", "/users").status == 200


def test_a_user_is_one_contact_at_most(api: Api, now: datetime) -> None:
    ann, bob = (Story(now).contact(name).pk for name in ("Ann", "Bob"))
    path = f"/users/{user_with(Role.VIEWER).pk}"

    first = api("PUT", f"{path}/contact", {"contact_id": ann}).body
    second = api("PUT", f"{path}/contact", {"contact_id": bob}).body
    nobody = api("PUT", f"{path}/contact", {"contact_id": None}).body

    assert [each["contact_id"] for each in (first, second, nobody)] == [ann, bob, None]
    assert api("PUT", f"{path}/contact", {"contact_id": 999_999}).wrong == ["contact_id"]


def test_an_access_key_is_shown_once_and_switched_off(api: Api) -> None:
    user = user_with(Role.MANAGER)

    made = api("POST", "/access-keys", {"name": "terraform", "user_id": user.pk, "role": "manager"})
    path = f"/access-keys/{made.body['id']}"
    off, on = api("POST", f"{path}/disable").body, api("POST", f"{path}/enable").body

    assert (made.status, made.body["user"], made.body["key_id"]) == (201, "manager", AccessKey.objects.get().key_id)
    assert made.body["secret"] not in str(api("GET", "/access-keys").body)
    assert (off["disabled_at"] is None, on["disabled_at"]) == (False, None)
    above = {"name": "more", "user_id": user.pk, "role": "admin"}
    assert api("POST", "/access-keys", above).wrong == ["role"]
    assert api("POST", "/access-keys", {**above, "user_id": 999_999}).wrong == ["user_id"]


def test_caps_are_chosen_and_given_back_to_the_environment(api: Api, settings: Any) -> None:
    settings.CALLS_PER_HOUR = 12

    chosen = api("PATCH", "/person-caps", {"calls_per_hour": 3, "texts_per_hour": 0})
    back = api("PATCH", "/person-caps", {"calls_per_hour": None}, If_Match=chosen.headers["ETag"])

    assert (chosen.body["calls_in_force"], chosen.body["texts_in_force"]) == (3, 0)
    assert (back.body["calls_per_hour"], back.body["calls_in_force"], back.body["texts_per_hour"]) == (None, 12, 0)
    assert api("PATCH", "/person-caps", {}, If_Match=chosen.headers["ETag"]).status == 412
    assert api("PATCH", "/person-caps", {"calls_per_hour": -1}).wrong == ["calls_per_hour"]


def test_the_audit_log_is_read_by_managers_from_the_newest_on() -> None:
    story = begin(utc_now())
    ann = story.contact("Ann", phone="+8613800001234")
    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=None, name="Anna")
    user_with(Role.ADMIN)
    api = api_as(Role.MANAGER, [Scope.ADMIN_READ])

    def read(query: str) -> list[tuple[str, str]]:
        return [(entry["action"], entry["name"]) for entry in api("GET", f"/audit-log?{query}").body["items"]]

    [changed, made] = api("GET", f"/audit-log?kind=contacts.contact&object_id={ann.pk}").body["items"]
    assert (changed["action"], changed["by"], changed["changes"]["name"]) == ("changed", "Ada Admin", ["Ann", "Anna"])
    assert (made["action"], made["kind"], made["object_id"]) == ("created", "contacts.contact", str(ann.pk))
    assert api("GET", f"/audit-log/{made['id']}").body == made
    assert read("action=changed") == [("changed", "Anna")]
    assert read("text=anna&kind=contacts.contact") == [("changed", "Anna")]
    assert {name for _action, name in read("text=ada adm")} >= {"Anna", "Ann"}
    hour = timedelta(hours=1)
    assert read(f"until={(utc_now() - hour).strftime('%Y-%m-%dT%H:%M:%SZ')}") == []
    assert len(read(f"since={(utc_now() - hour).strftime('%Y-%m-%dT%H:%M:%SZ')}")) > 2
    first = api("GET", "/audit-log?limit=1").body
    assert api("GET", f"/audit-log?limit=1&cursor={first['next']}").body["items"][0]["id"] < first["items"][0]["id"]
    assert PASSWORD not in str(api("GET", "/audit-log").body)
    assert api("GET", "/audit-log?kind=contacts.nothing").wrong == ["kind"]
    assert api_as(Role.RESPONDER)("GET", "/audit-log").status == 403
