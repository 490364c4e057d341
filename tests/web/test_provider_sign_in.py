"""Signing in through an identity provider: who is let in, as what, and what of a forged answer is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from auditlog.models import LogEntry
from django.test import Client

from tests.web.identity_provider import Provider, come_back, provider_running
from tests.web.people import PASSWORD, user_with
from tests.web.ways_in import code_of, give_app, is_inside, send_password
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.accounts.services import change_user, create_user
from tocsin.core.actors import SHELL

pytestmark = pytest.mark.django_db
ANN = {"preferred_username": "ann", "name": "Ann Lee", "email": "ann@example.org", "email_verified": True}


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider_running() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider, settings: Any) -> Provider:
    settings.IDENTITY_PROVIDER = running.settings()
    return running


def sign_in(provider: Provider, subject: str, client: Client | None = None) -> tuple[Client, Any]:
    client = client or Client()
    begun = client.get("/console/login/provider/")
    return client, come_back(client, provider.authorise(begun["Location"], subject))


def text(reply: Any) -> str:
    return reply.content.decode()


def test_the_first_sign_in_makes_a_user_with_the_role_of_the_claim(provider: Provider) -> None:
    provider.has("1", **ANN, groups=["sre", "everybody"])

    client, reply = sign_in(provider, "1")

    assert (reply.status_code, reply["Location"]) == (302, "/console/")
    assert is_inside(client)
    user = User.objects.get()
    assert (user.username, user.first_name, user.email, user.role) == (
        "ann", "Ann Lee", "ann@example.org", Role.RESPONDER,
    )  # fmt: skip
    assert not user.has_usable_password()
    entry = LogEntry.objects.get(object_pk=str(user.pk))
    assert entry.changes == {"username": ["", "ann"], "role": ["", "responder"], "identity provider": ["", "1"]}
    assert entry.additional_data["by"] == "Keys"
    assert SocialAccount.objects.get().extra_data == {}


def test_the_browser_is_sent_with_what_belongs_to_this_sign_in_alone(provider: Provider) -> None:
    first, second = (
        parse_qs(urlsplit(Client().get("/console/login/provider/")["Location"]).query) for _time in range(2)
    )

    assert first["redirect_uri"] == ["https://tocsin.example/console/login/provider/callback/"]
    assert first["code_challenge_method"] == ["S256"]
    assert set(first["scope"][0].split()) == {"openid", "profile", "email"}
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_a_forged_host_changes_nothing(provider: Provider) -> None:
    location = Client(headers={"host": "evil.example"}).get("/console/login/provider/")["Location"]

    assert "evil" not in location


def test_name_email_and_role_follow_the_provider_at_each_sign_in(provider: Provider) -> None:
    provider.has("2", **ANN, groups=["sre"])
    sign_in(provider, "2")
    provider.has("2", **{**ANN, "name": "Ann Li", "email": "li@example.org"}, groups=["sre-leads", "sre"])

    client, _reply = sign_in(provider, "2")

    user = User.objects.get()
    assert (user.first_name, user.email, user.role) == ("Ann Li", "li@example.org", Role.ADMIN)
    assert client.get("/console/accounts/user/").status_code == 200
    assert LogEntry.objects.latest("pk").changes["role"] == ["responder", "admin"]


def test_who_has_no_role_is_refused_with_whom_to_ask_and_no_user_is_made(provider: Provider) -> None:
    provider.has("3", **ANN, groups=["sales"])

    client, reply = sign_in(provider, "3")

    assert reply.status_code == 403
    assert "Keys gives you no role here. Ask whoever administers Tocsin" in text(reply)
    assert not is_inside(client)
    assert not User.objects.exists()


def test_who_lost_the_role_is_refused_and_out_everywhere(provider: Provider) -> None:
    provider.has("4", **ANN, groups=["sre"])
    before, _reply = sign_in(provider, "4")
    provider.has("4", **ANN, groups=[])

    _client, reply = sign_in(provider, "4")

    assert reply.status_code == 403
    assert not is_inside(before)
    assert User.objects.get().role is None


def test_a_default_role_is_for_who_has_no_other(provider: Provider, settings: Any) -> None:
    settings.IDENTITY_PROVIDER = provider.settings(default_role=Role.VIEWER)
    provider.has("5", **ANN)

    sign_in(provider, "5")

    assert User.objects.get().role is Role.VIEWER


def test_a_disabled_user_is_refused(provider: Provider, now: datetime) -> None:
    provider.has("6", **ANN, groups=["sre"])
    sign_in(provider, "6")
    change_user(by=SHELL, now=now, user_id=User.objects.get().pk, is_active=False)

    client, reply = sign_in(provider, "6")

    assert reply.status_code == 403
    assert "Your user is disabled." in text(reply)
    assert not is_inside(client)


def test_nobody_takes_a_local_user_over_by_name_or_email(provider: Provider, now: datetime) -> None:
    local = create_user(by=SHELL, now=now, username="Ann", email="ann@example.org", password=PASSWORD, role=Role.ADMIN)
    provider.has("7", **ANN, groups=["sre"])

    client, _reply = sign_in(provider, "7")

    assert is_inside(client)
    made = User.objects.exclude(pk=local.pk).get()
    assert (made.username, made.role) == ("ann-2", Role.RESPONDER)
    local.refresh_from_db()
    assert local.role is Role.ADMIN


def test_an_answer_to_another_state_is_refused(provider: Provider) -> None:
    provider.has("8", **ANN, groups=["sre"])
    client = Client()
    location = provider.authorise(client.get("/console/login/provider/")["Location"], "8")

    for reply in (come_back(client, location, state="forged"), come_back(Client(), location)):
        assert reply.status_code == 401
        assert "did not sign you in" in text(reply)
    assert not User.objects.exists()


def test_an_id_token_for_another_nonce_is_refused(provider: Provider) -> None:
    provider.has("9", **ANN, groups=["sre"])
    client = Client()
    begun = client.get("/console/login/provider/")

    reply = come_back(client, provider.authorise(begun["Location"], "9", nonce="of-somebody-else"))

    assert reply.status_code == 401
    assert not User.objects.exists()


def test_an_answer_is_good_once(provider: Provider) -> None:
    provider.has("10", **ANN, groups=["sre"])
    client = Client()
    location = provider.authorise(client.get("/console/login/provider/")["Location"], "10")
    come_back(client, location)
    client.post("/console/logout/")

    assert come_back(client, location).status_code == 401
    assert not is_inside(client)


def test_who_presses_cancel_there_is_told_so_here(provider: Provider) -> None:
    client = Client()
    begun = client.get("/console/login/provider/")
    state = parse_qs(urlsplit(begun["Location"]).query)["state"][0]

    reply = client.get("/console/login/provider/callback/", {"error": "access_denied", "state": state})

    assert reply.status_code == 401
    assert "Back to the sign-in" in text(reply)


def test_another_issuer_at_the_address_is_refused(provider: Provider, settings: Any) -> None:
    settings.IDENTITY_PROVIDER = provider.settings()
    other = provider.issuer.replace("localhost", "127.0.0.1")
    settings.IDENTITY_PROVIDER = type(settings.IDENTITY_PROVIDER)(
        issuer=f"{other}/realm", client_id="x", client_secret="y", name="Keys"
    )

    assert Client().get("/console/login/provider/").status_code == 502


def test_a_provider_that_is_down_is_no_fault_of_ours(provider: Provider, settings: Any) -> None:
    settings.IDENTITY_PROVIDER = type(provider.settings())(
        issuer="http://127.0.0.1:9", client_id="x", client_secret="y", name="Keys"
    )

    reply = Client().get("/console/login/provider/")

    assert reply.status_code == 502
    assert "Keys does not answer." in text(reply)


def test_a_second_factor_of_ours_is_asked_for_after_the_provider_too(provider: Provider) -> None:
    provider.has("11", **ANN, groups=["sre"])
    sign_in(provider, "11")
    secret = give_app(User.objects.get())

    client, reply = sign_in(provider, "11")

    assert reply["Location"] == "/console/login/second-factor/"
    assert not is_inside(client)
    client.post("/console/login/second-factor/", {"code": code_of(secret)})
    assert is_inside(client)


def test_who_comes_from_the_provider_need_not_set_up_a_second_factor_here(provider: Provider, settings: Any) -> None:
    settings.SECOND_FACTOR_FROM = Role.VIEWER
    provider.has("12", **ANN, groups=["sre"])

    client, _reply = sign_in(provider, "12")

    assert is_inside(client)


def test_where_the_provider_is_required_the_password_opens_only_for_administrators_of_our_own(
    provider: Provider, settings: Any
) -> None:
    settings.IDENTITY_PROVIDER = provider.settings(is_required=True)
    admin, manager = user_with(Role.ADMIN), user_with(Role.MANAGER)

    page, way_in = text(Client().get("/console/login/")), text(Client().get("/console/login/?local"))

    assert ("Sign in with Keys" in page, 'name="password"' in page) == (True, False)
    assert 'name="password"' in way_in
    client = Client()
    assert "correct username and password" in text(send_password(client, manager))
    assert not is_inside(client)
    send_password(client, admin)
    assert is_inside(client)


def test_a_local_user_connects_itself_by_signing_in_to_both(provider: Provider) -> None:
    manager = user_with(Role.MANAGER)
    provider.has("13", **ANN, groups=["sre"])
    client = Client()
    send_password(client, manager)

    page = client.post("/console/account/provider/")
    come_back(client, provider.authorise(page.context["url"], "13"))

    assert SocialAccount.objects.get().user == manager
    assert user_with(Role.MANAGER).role is Role.MANAGER
    client.post("/console/logout/")
    other, _reply = sign_in(provider, "13")
    assert is_inside(other)
    assert [(user.username, user.role) for user in User.objects.all()] == [("manager", Role.RESPONDER)]


def test_an_identity_of_somebody_else_is_not_connected(provider: Provider) -> None:
    provider.has("14", **ANN, groups=["sre"])
    sign_in(provider, "14")
    manager = user_with(Role.MANAGER)
    client = Client()
    send_password(client, manager)

    page = client.post("/console/account/provider/")
    reply = come_back(client, provider.authorise(page.context["url"], "14"))

    assert "Another user signs in with that identity." in text(client.get(reply["Location"]))
    assert SocialAccount.objects.get().user.username == "ann"


def test_nobody_connects_by_a_link_from_elsewhere(provider: Provider) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user_with(Role.MANAGER))

    assert client.get("/console/account/provider/").status_code == 405
    assert client.post("/console/account/provider/").status_code == 403
