"""Every address and every action, asked by everybody. Who may what, and how to add to it, stands in roles_table.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any, NamedTuple

import pytest
import time_machine
from auditlog.models import LogEntry
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from tests.stories.harness import ADMIN as BY
from tests.stories.harness import Story, begin
from tests.web.people import signed_in, user_with
from tests.web.roles_table import ACTIONS, ADDRESSES, ANYBODY, ARGUMENTS, NOBODY, TABLES, Door, Who
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_access_key, create_token
from tocsin.delivery.lifecycle import subscribe
from tocsin.delivery.models import Delivery
from tocsin.policies.services.inhibitions import create_inhibition
from tocsin.policies.services.silences import create_silence
from tocsin.web.console.pages import console
from tocsin.web.rest.api import operations

VISITOR = "visitor"
ADMINS = {f"{model._meta.app_label}/{model._meta.model_name}": admin for model, admin in console._registry.items()}
WHERE = "tests/web/roles_table.py"


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield re.sub(r"(?<=\(\?P<app_label>)[\w|]+", "{apps}", route)


OPERATIONS = {f"api/v1/{pattern.pattern}" for pattern in operations}
"""Of the REST API: they go by tokens, and rest/test_operations.py asks them."""
ROUTES = sorted(set(routes(get_resolver())) - OPERATIONS)
DOORS: dict[str, Door] = {
    **{route: door for name, table in TABLES.items() for route, door in table.doors(f"console/{name}/").items()},
    **ADDRESSES,
}


def is_allowed(who: str, least: Who) -> bool:
    ranks = [VISITOR, *Role]
    return least != NOBODY and (least == ANYBODY or ranks.index(who) >= ranks.index(least))


def path_of(route: str, door: Door) -> str:
    if door.at:
        return f"/{door.at}"
    table = "/".join(route.split("/")[1:3])

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name == "object_id":
            admin = ADMINS.get(table)
            return str(admin.model.objects.values_list("pk", flat=True).first()) if admin else "1"
        assert name in ARGUMENTS, f"{route}: say in ARGUMENTS of {WHERE} what may stand for <{name}>"
        return str(ARGUMENTS[name]())

    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", value, route)


def test_every_address_stands_in_the_table_and_every_row_of_it_exists() -> None:
    missing = [route for route in ROUTES if route not in DOORS]
    gone = [route for route in DOORS if route not in ROUTES]

    assert not missing, f"Who may open and post to these? Say so in ADDRESSES (or TABLES) of {WHERE}: {missing}"
    assert not gone, f"These addresses are no more; take their rows out of {WHERE}: {gone}"


def test_every_table_stands_in_the_table() -> None:
    assert set(TABLES) == set(ADMINS), f"Who may look at, add, change, delete its rows? Say so in TABLES of {WHERE}"
    assert set(ACTIONS) <= set(ADMINS)


@pytest.fixture
def story(now: datetime, db: None, settings: Any) -> Iterator[Story]:
    """Every table has a row, and what can be switched on is."""
    settings.ATTESTED_PHONES = True
    with time_machine.travel(now + timedelta(minutes=2), tick=False):
        story = begin(now)
        wei = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
        robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
        hook = story.webhook("https://127.0.0.1:9/hook")
        subscribe(by=BY, now=now, webhook_id=hook.pk, kinds=["commented"])
        story.schedule([wei], name="Database on call", tells_by=[])
        story.policy({story.group(wei): ["phone"], robot: []}, name="Databases")
        create_token(by=BY, now=now, name="ci", role=Role.VIEWER)
        create_access_key(by=BY, now=now, user_id=user_with(Role.VIEWER).pk, name="sync", role=Role.VIEWER)
        rule = [[{"key": "team", "operator": "eq", "value": "web"}]]
        create_inhibition(by=BY, now=now, name="Down", source_rules=rule, target_rules=rule)
        create_silence(by=BY, now=now, name="Nights", rules=[[{"key": "team", "operator": "eq", "value": "batch"}]])
        story.fires("DiskFull", severity="critical", instance="db-7")
        story.passes(6)
        yield story
        story.expect_call(wei)


class Answer(NamedTuple):
    """To one request. Nothing that it did stays."""

    fault: str
    """What is wrong with it, or ""."""
    page: str


def ask(who: str, door: Door, method: str, path: str, cookies: Any) -> Answer:
    client = Client(raise_request_exception=False)
    client.cookies.update(cookies)
    with transaction.atomic():
        entries = LogEntry.objects.count()
        reply = client.get(path) if method == "GET" else client.post(path)
        page = b"".join(reply) if reply.streaming else reply.content
        wrote = LogEntry.objects.count() != entries
        transaction.set_rollback(True)
    leads_to_sign_in = reply.status_code == 302 and reply["Location"].split("?")[0] == "/console/login/"
    got = "302 to sign in" if leads_to_sign_in else str(reply.status_code)
    if is_allowed(who, door.least(method)):
        wanted = " or ".join(map(str, door.status))
        is_right = leads_to_sign_in <= door.to_sign_in and reply.status_code in door.status
    else:
        wanted = "302 to sign in" if who == VISITOR else "403"
        is_right = got in (wanted, "405") and not wrote
    fault = "" if is_right else f"{method} {path} as {who}: {got}{', and it wrote' if wrote else ''}; wanted {wanted}"
    return Answer(fault, unescape(page.decode(errors="replace")) if reply.status_code == 200 else "")


WHOLE = re.compile(r"0{0,4}138\W?0000\W?1234|wei@example\.org")
"""What only those see who may see whole numbers and addresses."""


@pytest.mark.parametrize("who", [VISITOR, *Role])
def test_each_address_lets_in_whom_the_table_names_and_leads_nobody_where_they_may_not_go(
    story: Story, who: str
) -> None:
    cookies = signed_in(Role(who)).cookies if who != VISITOR else Client().cookies
    paths = {path_of(route, DOORS[route]): DOORS[route] for route in ROUTES if route in DOORS}

    shown = {path: ask(who, door, "GET", path, cookies) for path, door in paths.items()}
    posted = [ask(who, door, "POST", path, cookies) for path, door in paths.items()]

    faults = [answer.fault for answer in (*shown.values(), *posted) if answer.fault]
    assert not faults, f"Not as in {WHERE}:\n" + "\n".join(faults)
    inside = {path: answer.page for path, answer in shown.items() if path.startswith("/console/") and answer.page}
    told = [path for path, page in inside.items() if "/reveal" not in path and WHOLE.search(page)]
    assert who in (Role.MANAGER, Role.ADMIN) or told == [], f"A {who} reads whole numbers or addresses there"
    links = {
        link.split("#")[0].split("?")[0]: (link, path)
        for path, page in inside.items()
        for link in re.findall(r'href="(/console/[^"]*)"', page)
    }
    assert who == VISITOR or len(links) > 20
    client = Client(raise_request_exception=False)
    client.cookies.update(cookies)
    refused = {
        link: path
        for where, (link, path) in links.items()
        if where not in inside and client.get(link).status_code in (403, 404, 500)
    }
    assert refused == {}, f"A {who} is led there (page beside it) and refused; show the link to those who may"


@pytest.mark.parametrize("who", Role)
def test_each_list_offers_the_actions_that_the_table_names(story: Story, who: Role) -> None:
    request = RequestFactory().get("/console/")
    request.user = user_with(who)

    offered = {table: set(admin.get_actions(request)) for table, admin in ADMINS.items()}

    wanted = {
        table: {name for name, least in ACTIONS.get(table, {}).items() if is_allowed(who, least)} for table in ADMINS
    }
    assert offered == wanted, f"Who may do it? Say so in ACTIONS of {WHERE}"


@pytest.mark.parametrize("who", Role)
def test_an_action_that_is_not_offered_does_nothing_when_it_is_sent_all_the_same(story: Story, who: Role) -> None:
    client = signed_in(who)
    refused = [
        (table, name) for table, names in ACTIONS.items() for name, least in names.items() if not is_allowed(who, least)
    ]
    before = (LogEntry.objects.count(), Delivery.objects.count())

    for table, name in refused:
        row = ADMINS[table].model.objects.values_list("pk", flat=True).first()
        client.post(f"/console/{table}/", {"action": name, ACTION_CHECKBOX_NAME: [row], "index": "0", "post": "yes"})

    assert (LogEntry.objects.count(), Delivery.objects.count()) == before


def test_a_failure_names_the_address_the_role_and_what_was_wanted(story: Story) -> None:
    cookies = signed_in(Role.VIEWER).cookies

    told = ask("viewer", Door(NOBODY), "GET", "/console/explain/", cookies)

    assert told.fault == "GET /console/explain/ as viewer: 200; wanted 403"
