"""Which language the console speaks, and that it speaks the whole of it."""

from __future__ import annotations

from datetime import datetime

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise

from tests.stories.harness import begin
from tests.web.people import signed_in, user_with
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.channels.base import Outcome
from tocsin.delivery.models import Delivery
from tocsin.web.console.pages import console
from tocsin.web.shared.words import said

pytestmark = pytest.mark.django_db
CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN,zh;q=0.9,en;q=0.8"}


def test_a_failure_behind_a_code_is_read_in_chinese_too() -> None:
    with translation.override("zh-hans"):
        told = [said("connect: 127.0.0.1 could not be connected to."), said("connect: ein Fehler"), said("ein Fehler")]

    assert told == ["connect：无法连接 127.0.0.1。", "connect：ein Fehler", "ein Fehler"]


def choose(client: Client, language: str, following: str = "/console/") -> str:
    reply = client.post(reverse("console:language"), {"language": language, "next": following}, **CHINESE)
    return reply.headers["Location"]


def test_a_visitor_reads_the_browsers_language_until_another_is_chosen() -> None:
    client = Client(**CHINESE)
    before = client.get("/console/login/")

    choose(client, "en", "/console/login/")
    after = client.get("/console/login/")

    assert ('lang="zh-hans"' in before.text, before.headers["Content-Language"]) == (True, "zh-hans")
    assert ('lang="en"' in after.text, after.headers["Content-Language"]) == (True, "en")
    assert '<button name="language" value="zh-hans" lang="zh-hans"' in after.text


def test_a_users_own_language_wins_over_the_browsers_and_is_kept() -> None:
    client = signed_in(Role.VIEWER)

    assert choose(client, "en") == "/console/"

    reply = client.get("/console/", **CHINESE)
    assert ('lang="en"' in reply.text, reply.headers["Content-Language"]) == (True, "en")
    assert User.objects.get(username="viewer").language == "en"
    assert LogEntry.objects.latest("pk").changes_dict == {"language": ["", "en"]}


def test_the_switch_leads_nowhere_else_and_takes_no_other_language() -> None:
    client = signed_in(Role.VIEWER)

    for following in ("https://evil.example/", "//evil.example/", "/v/", "javascript:alert(1)"):
        assert choose(client, "zh-hans", following) == "/console/"
    assert client.post(reverse("console:language"), {"language": "fr"}).status_code == 400
    assert client.get(reverse("console:language")).status_code == 405


def test_what_a_rule_refuses_is_said_in_the_readers_language() -> None:
    client = signed_in(Role.MANAGER)
    labels = ",".join(f"label{number}" for number in range(17))

    reply = client.post(
        reverse("console:policies_notificationpolicy_add"),
        {"name": "Databases", "group_by": labels, "group_wait": "1", "group_interval": "60"},
        **CHINESE,
    )

    assert "最多按 16 个标签分组。" in reply.text


def test_what_a_provider_said_last_week_is_read_in_chinese(now: datetime) -> None:
    story = begin(now)
    wei = story.contact("Wei")
    story.policy({wei: ["email"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_mail(wei)
    delivery = Delivery.objects.get()
    Delivery.objects.update(state="failed", reason="refused", detail="The mail server took it.")
    delivery.attempts.update(outcome=Outcome.TRANSIENT, detail="mail.example could not be connected to in time.")

    page = signed_in(Role.VIEWER).get(reverse("console:delivery_delivery_change", args=[delivery.pk]), **CHINESE).text

    assert "被彻底拒绝，详情中有原因: 邮件服务器已接收。" in page
    assert "连接 mail.example 超时。" in page
    assert user_with(Role.VIEWER).language == ""


def test_every_column_and_field_that_the_console_shows_has_a_name_to_translate() -> None:
    untranslated = []
    for model, admin in console._registry.items():
        rows = [name for _title, options in admin.fieldsets or () for name in options["fields"]]
        named = (*admin.list_display, *rows, *admin.readonly_fields, *admin.list_filter)
        shown = {name for name in named if isinstance(name, str)}
        fields = {field.name: field for field in model._meta.get_fields() if hasattr(field, "verbose_name")}
        untranslated += [
            f"{model.__name__}.{name}"
            for name in shown & fields.keys()
            if not hasattr(admin, name) and not isinstance(fields[name].verbose_name, Promise)
        ]

    assert untranslated == [], "Give the field a verbose_name, or the page a label"
