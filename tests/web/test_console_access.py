"""Who may enter the console, and what each role may open."""

from __future__ import annotations

from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from tests.stories.harness import ADMIN
from tests.web.people import PASSWORD, signed_in, user_with
from tocsin.accounts.rules import Role
from tocsin.contacts.services import create_contact
from tocsin.core.clock import utc_now
from tocsin.web.console.pages import console

pytestmark = pytest.mark.django_db


def test_the_front_door_leads_to_the_console_and_the_console_to_sign_in() -> None:
    client = Client()

    front, inside = client.get("/"), client.get("/console/")

    assert (front.status_code, front["Location"]) == (302, "/console/")
    assert (inside.status_code, inside["Location"]) == (302, "/console/login/?next=/console/")


@pytest.mark.parametrize("role", Role)
def test_every_role_signs_in_with_its_password(role: Role) -> None:
    user = user_with(role)
    client = Client()

    reply = client.post("/console/login/", {"login": user.username, "password": PASSWORD})

    assert reply.status_code == 302
    assert client.get("/console/").status_code == 200


def test_a_user_without_a_role_does_not_enter() -> None:
    user = user_with(Role.VIEWER)
    user.groups.clear()
    client = Client()

    reply = client.post("/console/login/", {"login": user.username, "password": PASSWORD})

    assert reply.status_code == 200
    assert client.get("/console/").status_code == 302


def test_pages_name_no_foreign_origin_and_say_so_to_the_browser() -> None:
    reply = signed_in(Role.ADMIN).get("/console/")

    policy = reply["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "//" not in reply.content.decode().replace("http://www.w3.org", "").replace("://testserver", "")


def test_static_files_are_served_without_debug(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = False
    client = Client()

    for path in ("unfold/css/styles.css", "unfold/js/alpine/alpine.js", "console/console.css", "console/tocsin.svg"):
        reply = client.get(f"/static/{path}")
        assert reply.status_code == 200, path
        assert len(b"".join(reply)) > 100
        reply.close()
    assert client.get("/static/../settings.py").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER, Role.MANAGER])
def test_no_other_method_than_a_browsers_shows_a_page_or_a_number(role: Role) -> None:
    contact = create_contact(by=ADMIN, now=utc_now(), name="Ann", phone="+8613800138000", email="ann@example.org")
    client = signed_in(role)

    for page in ("contacts_contact_change", "contacts_contact_overview"):
        url = reverse(f"console:{page}", args=[contact.pk])
        for method in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "X"):
            reply = client.generic(method, url)
            assert (reply.status_code, reply["Allow"]) == (405, "GET, HEAD, POST"), (method, page)
            assert b"138" not in reply.content
    assert not LogEntry.objects.filter(action=LogEntry.Action.ACCESS).exists()


def test_looking_at_the_head_of_a_form_leaves_the_entry_of_whoever_opens_it() -> None:
    contact = create_contact(by=ADMIN, now=utc_now(), name="Ann", phone="+8613800138000")

    signed_in(Role.MANAGER).head(reverse("console:contacts_contact_change", args=[contact.pk]))

    assert LogEntry.objects.get(action=LogEntry.Action.ACCESS).object_repr == "Ann"


LISTS = sorted(f"{model._meta.app_label}_{model._meta.model_name}_changelist" for model in console._registry)
ADMINS_ONLY = {
    "accounts_user_changelist",
    "accounts_apitoken_changelist",
    "accounts_accesskey_changelist",
    "channels_provideraccount_changelist",
}
MANAGERS = {"auditlog_logentry_changelist"}


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_its_lists_and_no_others(role: Role) -> None:
    client = signed_in(role)

    for name in LISTS:
        allowed = role is Role.ADMIN or (name not in ADMINS_ONLY and (name not in MANAGERS or role is Role.MANAGER))
        assert client.get(reverse(f"console:{name}")).status_code == (200 if allowed else 403), name


@pytest.mark.parametrize("role", Role)
def test_the_sidebar_and_the_tabs_show_what_the_role_may_open(role: Role) -> None:
    client = signed_in(role)
    with_tabs = ("/console/", "/console/contacts/contact/", "/console/policies/silencepolicy/")
    page = "".join(client.get(url).content.decode() for url in with_tabs)

    for name in LISTS:
        url = reverse(f"console:{name}")
        may_open = role is Role.ADMIN or (name not in ADMINS_ONLY and (name not in MANAGERS or role is Role.MANAGER))
        assert (f'href="{url}"' in page) == may_open, url
