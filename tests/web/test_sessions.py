"""Where somebody is signed in: listed, ended one by one or all together, by themselves or an administrator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from auditlog.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client

from tests.web.people import PASSWORD, signed_in, user_with
from tests.web.ways_in import is_inside, send_password
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.accounts.services import change_user
from tocsin.core.actors import SHELL
from tocsin.delivery.retention import forget

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Safari/604.1"


@pytest.fixture
def clock(now: datetime) -> Iterator[Any]:
    with time_machine.travel(now, tick=False) as clock:
        yield clock


@pytest.fixture
def ann(clock: Any) -> User:
    return user_with(Role.RESPONDER)


def enter(user: User, browser: str = FIREFOX, address: str = "203.0.113.9") -> Client:
    client = Client(headers={"user-agent": browser}, REMOTE_ADDR=address)
    send_password(client, user)
    assert is_inside(client)
    return client


def test_sessions_are_listed_with_browser_address_and_time(ann: User, clock: Any) -> None:
    enter(ann, PHONE, "198.51.100.7")
    clock.shift(timedelta(minutes=30))
    client = enter(ann)

    sessions = client.get("/console/account/").context["sessions"]

    assert [(each.browser, each.address, each.is_this) for each in sessions] == [
        ("Firefox, Windows", "203.0.113.9", True),
        ("Safari, iPhone", "198.51.100.7", False),
    ]


def test_when_a_session_was_last_seen_is_noted_once_a_minute(ann: User, clock: Any, now: datetime) -> None:
    client = enter(ann)

    clock.shift(timedelta(seconds=59))
    client.get("/console/")
    assert UserSession.objects.get().last_seen_at == now
    clock.shift(timedelta(seconds=1))
    client.get("/console/")

    assert UserSession.objects.get().last_seen_at == now + timedelta(minutes=1)


def test_one_session_is_ended_from_another(ann: User) -> None:
    phone, desk = enter(ann, PHONE), enter(ann)
    other = next(each for each in desk.get("/console/account/").context["sessions"] if not each.is_this)

    asked = desk.get(f"/console/account/sessions/{other.id}/end/")
    assert "Sign out Safari, iPhone?" in asked.content.decode()
    assert is_inside(phone)
    desk.post(f"/console/account/sessions/{other.id}/end/")

    assert (is_inside(phone), is_inside(desk)) == (False, True)
    assert LogEntry.objects.latest("pk").additional_data["note"] == "sessions ended: 1"


def test_sign_out_everywhere_else_leaves_this_one(ann: User) -> None:
    others, desk = [enter(ann, PHONE), enter(ann)], enter(ann)

    desk.post("/console/account/sessions/end-others/")

    assert [is_inside(client) for client in others] == [False, False]
    assert is_inside(desk)


def test_sessions_of_somebody_else_are_not_there(ann: User) -> None:
    enter(ann)
    mine = UserSession.objects.get().pk
    bob = signed_in(Role.VIEWER)

    assert bob.get(f"/console/account/sessions/{mine}/end/").status_code == 404
    assert bob.post(f"/console/account/sessions/{mine}/end/").status_code == 404
    assert bob.get(f"/console/accounts/user/{ann.pk}/sessions/").status_code == 403


def test_an_administrator_sees_and_ends_them(ann: User) -> None:
    phone, desk = enter(ann, PHONE), enter(ann)
    admin = signed_in(Role.ADMIN)
    url = f"/console/accounts/user/{ann.pk}/sessions/"
    listed = admin.get(url).context["sessions"]

    first = next(each for each in listed if each.browser == "Safari, iPhone")
    admin.post(url, {"session": first.id})
    assert (is_inside(phone), is_inside(desk)) == (False, True)
    for garbage in ("", "first", "1.5", "²", "9" * 19):
        told = admin.post(url, {"session": garbage}, follow=True).content.decode()
        assert "There is no such session (any more)." in told
    assert is_inside(desk)
    admin.post(url)

    assert not is_inside(desk)
    assert UserSession.objects.count() == 0


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one_in_the_list(ann: User) -> None:
    phone, desk = enter(ann, PHONE), enter(ann)
    new = "another horse battery"

    wrong = desk.post("/console/account/password/", {"old": "wrong", "password": new, "again": new})
    assert "That is not your password." in wrong.content.decode()
    differs = desk.post("/console/account/password/", {"old": PASSWORD, "password": new, "again": "x" * 12})
    assert "The two passwords differ." in differs.content.decode()
    desk.post("/console/account/password/", {"old": PASSWORD, "password": new, "again": new})

    assert (is_inside(phone), is_inside(desk)) == (False, True)
    assert [each.is_this for each in desk.get("/console/account/").context["sessions"]] == [True]


def test_who_is_disabled_is_out_at_once(ann: User, now: datetime) -> None:
    client = enter(ann)

    change_user(by=SHELL, now=now, user_id=ann.pk, is_active=False)

    assert not is_inside(client)
    assert UserSession.objects.count() == 0


def test_sessions_that_are_over_are_forgotten_by_the_worker(ann: User, clock: Any, now: datetime) -> None:
    enter(ann)
    Client().get("/console/login/passkey/", headers={"accept": "application/json"})
    assert Session.objects.count() == 2
    clock.shift(timedelta(hours=11))
    client = enter(ann)

    forget(now + timedelta(hours=12))

    assert Session.objects.count() == UserSession.objects.count() == 1
    assert is_inside(client)


def test_a_profile_is_ones_own_to_change(ann: User) -> None:
    client = enter(ann)

    client.post(
        "/console/account/profile/",
        {"full_name": "Ann Lee", "email": "ann@example.org", "language": "zh-hans", "time_zone": "Asia/Shanghai"},
    )

    ann.refresh_from_db()
    assert (ann.first_name, ann.email, ann.language, ann.time_zone, ann.role) == (
        "Ann Lee", "ann@example.org", "zh-hans", "Asia/Shanghai", Role.RESPONDER,
    )  # fmt: skip
    assert "我的账号" in client.get("/console/account/").content.decode()
