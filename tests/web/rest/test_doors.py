"""What every operation of `/api/v1` has: tokens that end, limits, keys that make repetition harmless, a description."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from tests.web.people import user_with
from tests.web.rest.asking import Answer, Api, api_as, token_of
from tocsin.accounts.models import ApiToken, IdempotentAnswer, TokenRate
from tocsin.accounts.rules import Role, Scope
from tocsin.accounts.services import create_token, earlier_answer, revoke_token, set_role, take_request
from tocsin.accounts.services.idempotency import Claim
from tocsin.contacts.models import Contact
from tocsin.core.actors import SHELL

ANN = {"name": "Ann", "email": "ann@example.org"}


@pytest.mark.django_db
def test_a_token_ends_when_it_is_revoked_expires_or_its_owner_goes(now: datetime) -> None:
    owner = user_with(Role.MANAGER)
    with time_machine.travel(now, tick=False) as clock:
        token, secret = create_token(
            by=SHELL, now=now, name="ci", role=Role.MANAGER, owner=owner, expires_at=now + timedelta(days=1)
        )
        _other, lasting = create_token(by=SHELL, now=now, name="other", role=Role.MANAGER, owner=owner)
        statuses = [Api(secret)("GET", "/contacts").status]
        clock.shift(timedelta(days=1))
        statuses += [Api(secret)("GET", "/contacts").status, Api(lasting)("GET", "/contacts").status]
        set_role(by=SHELL, now=now, user_id=owner.pk, role=Role.VIEWER)
        statuses += [Api(lasting)("GET", "/contacts").status, Api(lasting)("POST", "/contacts", ANN).status]
        owner.refresh_from_db()
        type(owner).objects.filter(pk=owner.pk).update(is_active=False)
        statuses += [Api(lasting)("GET", "/contacts").status]
        revoke_token(by=SHELL, now=now, token_id=token.pk)

    assert statuses == [200, 401, 200, 200, 403, 401]


@pytest.mark.django_db
def test_a_token_that_asks_too_often_is_told_when_it_may(now: datetime, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 12  # a burst of 2, then one every 5 seconds
    api = api_as(Role.VIEWER)
    with time_machine.travel(now, tick=False) as clock:
        first = [api("GET", "/contacts") for _number in range(3)]
        clock.shift(5)
        later = [api("GET", "/contacts").status for _number in range(2)]
        other = api_as(Role.VIEWER)("GET", "/contacts").status

    assert [answer.status for answer in first] == [200, 200, 429]
    assert (first[2].headers["Retry-After"], first[2].body["type"]) == ("5", "urn:tocsin:problem:limited")
    assert later == [200, 429]
    assert other == 200


@pytest.mark.django_db
def test_a_quiet_token_has_its_whole_burst_again_and_no_more(now: datetime) -> None:
    token = ApiToken.objects.get(name=ApiToken.objects.create(name="x", digest="x", role="viewer", created_at=now).name)

    def asks(at: datetime) -> bool:
        return take_request(token_id=token.pk, now=at, per_minute=60, burst=3) is None

    assert [asks(now) for _number in range(4)] == [True, True, True, False]
    assert [asks(now + timedelta(hours=1)) for _number in range(4)] == [True, True, True, False]
    assert TokenRate.objects.get().whole_at == now + timedelta(hours=1, seconds=3)


@pytest.mark.django_db
def test_a_repeated_creation_is_answered_as_before_and_makes_nothing(now: datetime) -> None:
    api = api_as(Role.MANAGER)

    first = api("POST", "/contacts", ANN, Idempotency_Key="k1")
    again = api("POST", "/contacts", ANN, Idempotency_Key="k1")

    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert [answer.headers.get("Idempotency-Replayed") for answer in (first, again)] == [None, "true"]
    assert again.headers["Location"] == first.headers["Location"]
    assert Contact.objects.count() == 1
    assert "ann@" not in IdempotentAnswer.objects.get().sealed


@pytest.mark.django_db
def test_a_key_serves_one_body_and_one_token_for_a_day(now: datetime) -> None:
    api = api_as(Role.MANAGER)
    with time_machine.travel(now, tick=False) as clock:
        api("POST", "/contacts", ANN, Idempotency_Key="k1")
        other = api("POST", "/contacts", {"name": "Bob", "email": "bob@example.org"}, Idempotency_Key="k1")
        of_another = api_as(Role.MANAGER)("POST", "/contacts", ANN, Idempotency_Key="k1")
        clock.shift(timedelta(days=1))
        next_day = api("POST", "/contacts", {"name": "Bob", "email": "bob@example.org"}, Idempotency_Key="k1")

    assert (other.status, other.wrong) == (422, ["Idempotency-Key"])
    assert of_another.status == 409
    assert next_day.status == 201


@pytest.mark.django_db
def test_a_key_serves_one_address_and_one_precondition() -> None:
    api = api_as(Role.MANAGER)
    pk = api("POST", "/contacts", ANN).body["id"]
    api("POST", f"/contacts/{pk}/chatbot/remove", If_Match='"1"', Idempotency_Key="k1")

    of_another_version = api("POST", f"/contacts/{pk}/chatbot/remove", If_Match='"9"', Idempotency_Key="k1")
    of_another_query = api("POST", f"/contacts/{pk}/chatbot/remove?x=1", If_Match='"1"', Idempotency_Key="k1")
    again = api("POST", f"/contacts/{pk}/chatbot/remove", If_Match='"1"', Idempotency_Key="k1")

    assert (of_another_version.status, of_another_query.status) == (422, 422)
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.django_db
def test_a_refused_creation_may_be_tried_again_with_its_key() -> None:
    api = api_as(Role.MANAGER)

    refused = api("POST", "/contacts", {"name": "Ann"}, Idempotency_Key="k1")
    made = api("POST", "/contacts", ANN, Idempotency_Key="k1")

    assert (refused.status, made.status) == (422, 201)
    assert api("POST", "/contacts", ANN, Idempotency_Key="").status == 422


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_with_one_key_at_once_one_works_and_the_other_hears_of_it(now: datetime) -> None:
    api = api_as(Role.MANAGER)
    token = ApiToken.objects.get()
    held, ended = threading.Event(), threading.Event()

    def hold() -> None:
        from django.db import transaction

        with transaction.atomic():
            earlier_answer(Claim(token.pk, "k1", "digest", now))
            held.set()
            ended.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    meanwhile = api("POST", "/contacts", ANN, Idempotency_Key="k1")
    other_key = api("POST", "/contacts", {"name": "Bob", "email": "bob@example.org"}, Idempotency_Key="k2")
    ended.set()
    thread.join()
    later = api("POST", "/contacts", ANN, Idempotency_Key="k1")

    assert (meanwhile.status, other_key.status, later.status) == (409, 201, 201)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_with_one_key_make_one_contact() -> None:
    api = api_as(Role.MANAGER)
    start, answers = threading.Barrier(4), list[Answer]()

    def post() -> None:
        start.wait(60)
        answers.append(api("POST", "/contacts", ANN, Idempotency_Key="k1"))
        connection.close()

    threads = [threading.Thread(target=post) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Contact.objects.count() == 1
    assert {answer.status for answer in answers} <= {201, 409}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[" * 100_000, b'{"name": "a\\u0000b"}', b'{"name": "\\ud800"}', b"7"]
)
def test_a_body_that_cannot_be_read_or_kept_is_a_problem(body: bytes) -> None:
    reply = Client().post(
        "/api/v1/contacts",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token_of(Role.MANAGER)}"},
    )

    assert reply.status_code in (400, 422)
    assert reply.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_a_program_needs_no_csrf_token_and_a_large_body_is_refused() -> None:
    headers = {"Authorization": f"Bearer {token_of(Role.MANAGER, [Scope.CONTACTS_WRITE])}"}
    client = Client(enforce_csrf_checks=True)

    made = client.post("/api/v1/contacts", ANN, content_type="application/json", headers=headers)
    large = client.post("/api/v1/contacts", b" " * 3_000_000, content_type="application/json", headers=headers)

    assert (made.status_code, large.status_code) == (201, 413)


@pytest.mark.parametrize("if_match", ["3", '"x"', 'W/"1"', '"2"', '"1", "2", "3"'])
@pytest.mark.django_db
def test_a_precondition_that_does_not_hold_changes_nothing(if_match: str) -> None:
    api = api_as(Role.MANAGER)
    pk = api("POST", "/contacts", ANN).body["id"]

    assert api("PATCH", f"/contacts/{pk}", {"name": "Eve"}, If_Match=if_match).status in (412, 422)
    assert Contact.objects.get().name == "Ann"
    assert api("PATCH", f"/contacts/{pk}", {"name": "Eve"}, If_Match="*").status == 200


def test_the_description_is_there_for_everybody_and_named_by_its_content() -> None:
    first = Client().get("/api/v1/openapi.json")

    assert first.json()["openapi"] == "3.1.0"
    assert Client().get("/api/v1/openapi.json", headers={"If-None-Match": first["ETag"]}).status_code == 304
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200
    assert "unsafe-eval" not in page["Content-Security-Policy"]
    assert "https://" not in page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        (b'{"name": "a\\u0000b", "email": "a@example.org"}', 422, ["name"]),
        (b'{"name": "Ann", "group_ids": [1, "\\ud800"]}', 422, ["group_ids.1"]),
        (b'"x"', 422, [""]),
        (b"true", 422, [""]),
        (b"", 422, [""]),
        (b"{", 400, []),
    ],
)
def test_a_body_that_is_no_contact_names_what_is_wrong_in_the_readers_language(
    body: bytes, status: int, fields: list[str]
) -> None:
    headers = {"Authorization": f"Bearer {token_of(Role.MANAGER)}", "Accept-Language": "zh-hans"}

    reply = Client().post("/api/v1/contacts", body, content_type="application/json", headers=headers)

    assert (reply.status_code, [error["field"] for error in reply.json()["errors"]]) == (status, fields)
    assert not reply.json()["detail"].startswith(":")
    assert re.search("[\u4e00-\u9fff]", reply.json()["detail"]), reply.json()["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/contacts?limit=0", None), ("/contacts?limit=500", None), ("/contacts?limit=x", None),
        ("/contacts?reach=xx", None), ("/contacts?reveal=perhaps", None), (f"/contacts/{2**70}", None),
        ("/contacts", {"name": None}), ("/contacts", {"nope": 1}), ("/contacts", {"name": "a" * 300}),
        ("/contacts", {"name": "A", "group_ids": "1"}), ("/contacts", {"name": "A", "group_ids": ["x"]}),
        ("/contacts/bulk", {"contacts": []}), ("/contacts/bulk", {"contacts": [{}] * 1001}),
        ("/contacts/bulk", {"contacts": [{"name": "A"}], "create_groups": 7}),
        ("/silences", {"name": "S", "rules": [], "effect": "x"}), ("/silences", {"name": "S", "starts_at": "noon"}),
    ],
)  # fmt: skip
def test_every_wrong_value_is_told_in_the_readers_language(path: str, body: object) -> None:
    ask = api_as(Role.ADMIN)

    answer = ask("POST" if body else "GET", path, body, Accept_Language="zh-hans")

    assert answer.status == 422
    for error in answer.body["errors"]:
        assert re.search("[\u4e00-\u9fff]", error["detail"]), error


@pytest.mark.django_db
def test_what_can_be_read_can_be_asked_about() -> None:
    ask = api_as(Role.MANAGER)
    made = ask("POST", "/contacts", {"name": "Ann", "email": "ann@example.org"}).body["id"]

    head, read = ask("HEAD", f"/contacts/{made}"), ask("GET", f"/contacts/{made}")

    assert (head.status, head.body, head.headers["ETag"]) == (200, None, read.headers["ETag"])
    assert ask("HEAD", "/contacts/999999999").status == 404
    assert ask("HEAD", "/contacts/bulk").status == 405
    assert ask("PUT", f"/contacts/{made}").headers["Allow"] == "DELETE, GET, HEAD, PATCH"
    assert Api("")("HEAD", f"/contacts/{made}").status == 401
