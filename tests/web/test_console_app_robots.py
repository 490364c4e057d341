"""The console's pages of apps and their robots: the connection, the form, and what nobody gets to see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from tests.stories.harness import ADMIN, Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.channels.connections import hold_connections, note_connected, note_heard, note_lost
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import disable_account
from tocsin.contacts.models import Robot
from tocsin.core.clock import utc_now

pytestmark = pytest.mark.django_db
SECRET = "app-secret-never-shown"


@pytest.fixture
def story() -> Story:
    return begin(utc_now())


@pytest.fixture
def account(story: Story) -> ProviderAccount:
    return story.account("lark_app", app_id="cli_abc", app_secret=SECRET)


def robot_of(story: Story, account: ProviderAccount) -> Robot:
    return story.robot("", platform="lark", account_id=account.pk, chat_id="oc_ops", name="Ops")


def page(name: str, *args: Any, role: Role = Role.ADMIN) -> str:
    reply = signed_in(role).get(reverse(f"console:{name}", args=args))
    assert reply.status_code == 200
    content: str = reply.content.decode()
    assert SECRET not in content
    return content


def test_an_accounts_page_says_how_its_connection_is(story: Story, account: ProviderAccount) -> None:
    def shown() -> str:
        return page("channels_provideraccount_change", account.pk)

    assert "not connected yet: a worker connects within seconds" in shown()
    hold_connections(worker_id=1, now=story.now)
    note_connected(account_id=account.pk, worker_id=1, now=story.now)
    note_heard(account_id=account.pk, now=story.now)
    assert "last pressed button" in shown()
    note_lost(account_id=account.pk, worker_id=1, failure="The connection to open.feishu.cn was lost.", now=story.now)
    assert "The connection to open.feishu.cn was lost." in shown()
    disable_account(by=ADMIN, now=story.now, account_id=account.pk)
    assert "not connected: the account is disabled" in shown()


def test_a_connection_that_nobody_holds_any_more_does_not_stand(story: Story, account: ProviderAccount) -> None:
    long_ago = story.now - timedelta(minutes=1)
    hold_connections(worker_id=1, now=long_ago)
    note_connected(account_id=account.pk, worker_id=1, now=long_ago)

    assert "not connected yet" in page("channels_provideraccount_change", account.pk)


def test_a_robot_of_an_app_is_made_with_the_groups_id_alone(story: Story, account: ProviderAccount) -> None:
    form = page("contacts_robot_add", role=Role.MANAGER)
    typed = {"name": "Ops", "platform": f"app-{account.pk}", "chat_id": "oc_ops", "is_enabled": "on"}
    reply = signed_in(Role.MANAGER).post(reverse("console:contacts_robot_add"), typed)

    assert f'value="app-{account.pk}"' in form
    assert reply.status_code == 302
    robot = Robot.objects.get()
    assert (robot.platform, robot.provider, robot.account_id, robot.chat_id, robot.url) == (
        "lark", "lark_app", account.pk, "oc_ops", "",
    )  # fmt: skip
    assert f"Lark app: {account.name}" in page("contacts_robot_changelist", role=Role.VIEWER)


def test_a_robot_of_an_app_without_a_group_is_refused_at_its_field(story: Story, account: ProviderAccount) -> None:
    typed = {"name": "Ops", "platform": f"app-{account.pk}", "chat_id": "", "is_enabled": "on"}
    reply = signed_in(Role.MANAGER).post(reverse("console:contacts_robot_add"), typed)

    assert list(reply.context["adminform"].form.errors) == ["chat_id"]
    assert not Robot.objects.exists()


def test_an_app_that_is_gone_cannot_be_chosen(story: Story) -> None:
    typed = {"name": "Ops", "platform": "app-999", "chat_id": "oc_ops", "is_enabled": "on"}
    reply = signed_in(Role.MANAGER).post(reverse("console:contacts_robot_add"), typed)

    assert list(reply.context["adminform"].form.errors) == ["platform"]


def test_a_robot_of_an_app_moves_to_another_group(story: Story, account: ProviderAccount) -> None:
    robot = robot_of(story, account)
    form = page("contacts_robot_change", robot.pk, role=Role.MANAGER)
    typed = {"name": "Ops", "chat_id": "oc_other", "is_enabled": "on", "version": robot.version}
    reply = signed_in(Role.MANAGER).post(reverse("console:contacts_robot_change", args=[robot.pk]), typed)

    assert 'value="oc_ops"' in form
    assert "webhook URL" not in form.lower() or 'name="url"' not in form
    assert reply.status_code == 302
    robot.refresh_from_db()
    assert (robot.chat_id, robot.account_id) == ("oc_other", account.pk)


def test_the_page_says_what_an_app_carries_and_a_test_asks_for_a_group(story: Story, account: ProviderAccount) -> None:
    robot_of(story, account)

    shown = page("channels_provideraccount_change", account.pk)
    test = page("channels_provideraccount_send_test", account.pk)

    assert "carries what its robots say" in shown
    assert "Its robots say nothing: Ops." in shown
    assert "oc_a0553eda9014c201e6969b478895c230" in test
