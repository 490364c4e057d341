"""A second factor: asked for at every door, counted, kept encrypted, changed only by who proves to be there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry
from django.test import Client

from tests.web.people import PASSWORD, signed_in, user_with
from tests.web.ways_in import code_of, factors, give_app, give_recovery_codes, is_inside, send_password
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.accounts.services import set_role
from tocsin.core.actors import SHELL

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(now: datetime) -> Iterator[Any]:
    with time_machine.travel(now, tick=False) as clock:
        yield clock


@pytest.fixture
def ann(clock: Any) -> User:
    return user_with(Role.MANAGER)


def prove(client: Client, code: str) -> Any:
    return client.post("/console/login/second-factor/", {"code": code})


def problems(reply: Any) -> str:
    return " ".join(reply.context["form"].errors.get("code", []))


def test_the_password_alone_opens_nothing_once_an_app_is_set_up(ann: User) -> None:
    secret = give_app(ann)
    client = Client()

    reply = send_password(client, ann)

    assert reply["Location"] == "/console/login/second-factor/"
    assert not is_inside(client)
    for path in ("/console/account/", "/console/account/app/remove/", "/console/login/again/"):
        assert client.get(path)["Location"].startswith("/console/login/"), path
    assert prove(client, code_of(secret)).status_code == 302
    assert is_inside(client)


def test_where_somebody_wanted_to_go_is_remembered_through_both_steps(ann: User) -> None:
    secret = give_app(ann)
    client = Client()

    send_password(client, ann, next="/console/explain/")

    assert prove(client, code_of(secret))["Location"] == "/console/explain/"


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example/", "https:evil.example"])
def test_nobody_is_led_to_another_site(ann: User, place: str) -> None:
    assert send_password(Client(), ann, next=place)["Location"] == "/console/"


def test_a_code_opens_once_from_wherever_it_comes(ann: User) -> None:
    secret = give_app(ann)
    first, second = Client(), Client()
    send_password(first, ann)
    send_password(second, ann)
    code = code_of(secret)

    assert prove(first, code).status_code == 302
    reply = prove(second, code[:3] + " " + code[3:])

    assert "code" in problems(reply)
    assert not is_inside(second)


def test_ten_wrong_codes_make_the_address_wait_also_with_the_right_one(ann: User, clock: Any) -> None:
    secret = give_app(ann)
    client = Client()
    send_password(client, ann)
    for _attempt in range(10):
        assert problems(prove(client, "000000")) == "That code is not right."

    assert "Too many failed attempts" in problems(prove(client, code_of(secret)))
    clock.shift(timedelta(minutes=15))
    send_password(client, ann)
    assert prove(client, code_of(secret)).status_code == 302


def test_fifty_wrong_codes_from_many_addresses_make_everybody_wait_for_this_user(ann: User) -> None:
    secret = give_app(ann)
    for number in range(50):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        send_password(client, ann)
        prove(client, "000000")

    client = Client(REMOTE_ADDR="198.51.100.7")
    send_password(client, ann)

    assert "Too many failed attempts" in problems(prove(client, code_of(secret)))


def test_a_recovery_code_opens_once(ann: User) -> None:
    give_app(ann)
    code = give_recovery_codes(ann)[0]
    first, second = Client(), Client()
    send_password(first, ann)
    send_password(second, ann)

    assert prove(first, code).status_code == 302
    assert problems(prove(second, code)) == "That code is not right."


def test_an_app_is_set_up_by_showing_a_code_and_gives_recovery_codes_that_are_shown_once(ann: User) -> None:
    client = Client()
    send_password(client, ann)
    page = client.get("/console/account/app/")
    secret = page.context["form"].secret

    assert "data:image/svg+xml;base64," in page.content.decode()
    wrong = client.post("/console/account/app/", {"code": "000000"})
    assert wrong.status_code == 200
    done = client.post("/console/account/app/", {"code": code_of(secret)}, follow=True)

    assert factors(ann) == ["recovery_codes", "totp"]
    shown = done.content.decode()
    codes = done.context["codes"]
    assert len(codes) == 10
    assert all(code in shown for code in codes)
    again = client.get("/console/account/codes/").content.decode()
    assert not any(code in again for code in codes)
    entry = LogEntry.objects.filter(object_pk=str(ann.pk)).latest("pk")
    assert entry.changes == {"authenticator app": ["off", "on"]}


def test_what_proves_is_encrypted_at_rest(ann: User) -> None:
    secret = give_app(ann)
    give_recovery_codes(ann)

    kept = {each.type: each.data for each in Authenticator.objects.all()}

    assert kept["totp"]["secret"].startswith("v1:")
    assert kept["recovery_codes"]["seed"].startswith("v1:")
    assert secret not in json.dumps(kept)


def test_a_secret_that_waits_to_be_confirmed_is_encrypted_too(ann: User) -> None:
    client = Client()
    send_password(client, ann)
    secret = client.get("/console/account/app/").context["form"].secret

    kept = client.session["mfa.totp.secret"]
    session = client.session
    session["mfa.totp.secret"] = "of an earlier version"
    session.save()
    late = client.post("/console/account/app/", {"code": code_of(secret)})

    assert kept.startswith("v1:")
    assert secret not in json.dumps(dict(client.session.items()))
    assert late.status_code == 200
    assert factors(ann) == []


def test_who_has_been_inside_for_a_while_proves_it_again_before_something_sensitive(ann: User, clock: Any) -> None:
    client = Client()
    send_password(client, ann)
    clock.shift(timedelta(minutes=6))

    asked = client.get("/console/account/app/")
    assert asked["Location"] == "/console/login/again/?next=%2Fconsole%2Faccount%2Fapp%2F"
    wrong = client.post(asked["Location"], {"password": "wrong", "next": "/console/account/app/"})
    assert wrong.status_code == 200
    right = client.post(asked["Location"], {"password": PASSWORD, "next": "/console/account/app/"})

    assert right["Location"] == "/console/account/app/"
    assert client.get("/console/account/app/").status_code == 200


def test_an_app_is_removed_with_what_stands_in_for_it(ann: User, clock: Any) -> None:
    secret = give_app(ann)
    give_recovery_codes(ann)
    client = Client()
    send_password(client, ann)
    prove(client, code_of(secret))

    assert client.get("/console/account/app/remove/").status_code == 200
    client.post("/console/account/app/remove/")

    assert factors(ann) == []
    assert LogEntry.objects.latest("pk").changes == {"authenticator app": ["on", "off"]}


def test_an_administrator_resets_a_second_factor_and_it_is_in_the_audit_log(ann: User) -> None:
    give_app(ann)
    give_recovery_codes(ann)
    admin = signed_in(Role.ADMIN)
    url = f"/console/accounts/user/{ann.pk}/reset-second-factor/"

    asked = admin.get(url)
    assert "Make sure that it is really they who ask" in asked.content.decode()
    assert factors(ann) != []
    admin.post(url)

    assert factors(ann) == []
    entry = LogEntry.objects.latest("pk")
    assert (entry.actor.username, entry.changes) == ("admin", {"second factor": ["recovery_codes, totp", ""]})
    assert send_password(Client(), ann)["Location"] == "/console/"


@pytest.mark.parametrize(
    ("least", "stopped"),
    [(None, set()), (Role.MANAGER, {Role.MANAGER, Role.ADMIN}), (Role.VIEWER, set(Role))],
)
def test_roles_that_need_a_second_factor_set_it_up_before_anything_else(
    clock: Any, settings: Any, least: Role | None, stopped: set[Role]
) -> None:
    settings.SECOND_FACTOR_FROM = least

    for role in Role:
        client = signed_in(role)
        reply = client.get("/console/alerts/alert/")
        assert (reply.status_code == 302) == (role in stopped), role
        if role in stopped:
            assert reply["Location"] == "/console/account/"
            assert "First set up a second factor." in client.get("/console/account/").content.decode()
            assert client.post("/console/explain/").status_code == 302
            give_app(user_with(role))
            assert client.get("/console/alerts/alert/").status_code == 200


def test_a_role_that_goes_away_leads_to_the_sign_in_and_not_in_circles(ann: User) -> None:
    client = Client()
    send_password(client, ann)
    ann.groups.clear()

    reply = client.get("/console/", follow=True)

    assert reply.redirect_chain == [("/console/login/?next=/console/", 302)]
    assert reply.status_code == 200


def test_a_lower_role_counts_at_once(ann: User) -> None:
    client = Client()
    send_password(client, ann)
    assert client.get("/console/contacts/contact/add/").status_code == 200

    set_role(by=SHELL, now=datetime.fromisoformat("2026-11-23T12:00:00+00:00"), user_id=ann.pk, role=Role.VIEWER)

    assert client.get("/console/contacts/contact/add/").status_code == 403


def test_the_disabled_are_refused_in_the_words_of_a_wrong_password(ann: User) -> None:
    User.objects.filter(pk=ann.pk).update(is_active=False)

    right, wrong = send_password(Client(), ann), send_password(Client(), ann, "wrong")

    assert right.context["form"].non_field_errors() == wrong.context["form"].non_field_errors()
    assert right.status_code == wrong.status_code == 200


def test_an_email_address_signs_in_as_a_name_does(ann: User) -> None:
    User.objects.filter(pk=ann.pk).update(email="ann@example.org")
    client = Client()

    client.post("/console/login/", {"login": "ANN@example.org", "password": PASSWORD})

    assert is_inside(client)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "1",
        '{"id": 1}',
        '{"response": 1}',
        "[" * 2000,
        '{"id": "AAAA", "rawId": "AAAA", "response": {}}',
    ],
)
def test_what_is_no_answer_of_a_passkey_is_refused_like_a_wrong_one(ann: User, answer: str) -> None:
    client, inside = Client(), signed_in(Role.RESPONDER)
    client.get("/console/login/passkey/", headers={"accept": "application/json"})
    inside.get("/console/account/passkeys/add/")

    instead_of_a_password = client.post("/console/login/passkey/", {"credential": answer})
    after_the_password = send_password(client, ann) and client.post(
        "/console/login/second-factor/", {"credential": answer}
    )
    added = inside.post("/console/account/passkeys/add/", {"credential": answer, "passwordless": "on"})
    again = inside.post("/console/login/again/passkey/", {"credential": answer})

    replies = (instead_of_a_password, after_the_password, added, again)
    assert all(reply.status_code in (200, 302) for reply in replies)
    assert Authenticator.objects.count() == 0
