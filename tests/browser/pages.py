"""Every page that there is, with something on it: for the tests that look at all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Browser, BrowserContext

from tests.browser.console import give_session
from tests.browser.windows import window
from tests.stories.harness import ADMIN, Story
from tests.web.people import user_with
from tests.web.roles_table import ARGUMENTS
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_access_key, create_token
from tocsin.contacts.services import import_contact
from tocsin.delivery.lifecycle import subscribe
from tocsin.web.console.pages import console

LONG = "A name that is as long as a name may be, which is 64 characters!"
_PUBLIC = ("/v/", "/v/" + "x" * 22, "/c/", "/c/" + "x" * 22, "/console/login/", "/console/nowhere/")


def fill(story: Story) -> None:
    """Every table has rows, also with long names; something fails, something rings."""
    wei = story.contact("王伟", phone="+8613800001234", email="wei@example.org", user_id="wei", language="zh-hans")
    story.contact(
        LONG, email="a-mailbox-with-a-rather-long-name@subdomain.of.a.long.domain.example.org", verified=False
    )
    import_contact(
        by=ADMIN, now=story.now, name="Old bot", legacy_chatbot_url="https://oapi.dingtalk.com/robot/send?x=1"
    )
    night = story.group(wei, name="Night shift")
    story.group(name="Nobody yet")
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t", name="Database group")
    story.policy({night: ["phone", "sms", "email"], robot: []}, name="Databases", group_by=["alertname"])
    story.policy({wei: ["email"]}, rules=[[{"key": "team", "operator": "in", "value": "web, shop"}]], name=LONG)
    story.schedule([wei], name="Database on call", restrictions=[{"days": [0, 1], "from": "09:00", "until": "18:00"}])
    hook = story.webhook("https://127.0.0.1:9/hook", name=LONG)
    subscribe(by=ADMIN, now=story.now, webhook_id=hook.pk)
    create_token(by=ADMIN, now=story.now, name="ci", role=Role.VIEWER)
    create_access_key(by=ADMIN, now=story.now, user_id=user_with(Role.ADMIN).pk, name=LONG, role=Role.VIEWER)
    story.account("smtp", host="127.0.0.1", port="9", **{"from": "alerts@example.org"})
    story.fires("DiskFull", summary="The disk of db-7 is full", severity="critical", instance="db-7", team="database")
    story.fires("AnAlertWithoutASpaceInItsNameThatIsLongerThanAPhoneIsWide", severity="warning", pod="x" * 120)


def pages_of_the_console(client: Client, part: int, parts: int) -> list[str]:
    """The address of every page that an administrator can open, found in the URLconf; fragments and files are none.
    Of so many parts this one."""
    found = []
    for route in sorted(set(_routes(get_resolver())))[part::parts]:
        path = _path_of(route)
        if path is None:
            continue
        reply = client.get(path)
        if reply.status_code == 200 and reply.headers["Content-Type"].startswith("text/html") and "<html" in reply.text:
            found.append(path)
    return found


def public_pages() -> tuple[str, ...]:
    return _PUBLIC


def signed_in_context(browser: Browser, address: str, *, language: str, width: int = 1300) -> BrowserContext:
    """A browser window of an administrator."""
    context = window(browser, viewport={"width": width, "height": 900}, locale=language, reduced_motion="reduce")
    give_session(context, address, user_with(Role.ADMIN))
    return context


def _routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, route)
        elif isinstance(pattern, URLPattern) and route.startswith("console/") and "(?P<" not in route:
            yield route


def _path_of(route: str) -> str | None:
    """None when there is nothing that an argument could stand for."""
    table = "/".join(route.split("/")[1:3])
    models = {f"{model._meta.app_label}/{model._meta.model_name}": model for model in console._registry}
    path = "/" + route
    for name in re.findall(r"<(?:\w+:)?(\w+)>", route):
        if name == "object_id":
            row = models[table].objects.order_by("pk").values_list("pk", flat=True).first() if table in models else 1
        else:
            row = ARGUMENTS[name]() if name in ARGUMENTS else None
        if row is None:
            return None
        path = re.sub(rf"<(?:\w+:)?{name}>", str(row), path)
    return path
