"""Forms of the console: what services refuse stands at its field, and what they take is stored."""

from __future__ import annotations

import re
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from tests.stories.harness import Story
from tests.web.forms import errors, post
from tests.web.people import PASSWORD, signed_in, user_with
from tocsin.accounts.models import AccessKey, ApiToken, User
from tocsin.accounts.queries import find_signing_key, role_of
from tocsin.accounts.rules import Role
from tocsin.accounts.services import authenticate_token
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import config_of
from tocsin.contacts.models import ContactGroup, Robot
from tocsin.events.models import Integration
from tocsin.events.queries import integration_for_token
from tocsin.policies.models import NotificationPolicy

pytestmark = pytest.mark.django_db
POLICY = {
    "name": "All", "rules": "", "group_by": "alertname", "group_wait": "5", "group_interval": "30",
    "sends_recovery": "on",
}  # fmt: skip


# groups and robots


def test_a_group_gets_its_members(story: Story) -> None:
    wei, bob = story.contact("Wei"), story.contact("Bob")

    post(signed_in(Role.MANAGER), "contacts_contactgroup_add", {"name": "Ops", "members": [wei.pk]})
    group = ContactGroup.objects.get()
    changed = {"name": "Ops", "members": [bob.pk], "version": "1"}
    post(signed_in(Role.MANAGER), "contacts_contactgroup_change", changed, group.pk)

    assert list(group.members.all()) == [bob]
    assert "name" in errors(post(signed_in(Role.MANAGER), "contacts_contactgroup_add", {"name": "Ops"}))


def test_a_robots_address_is_written_and_never_shown(story: Story) -> None:
    url, client = "https://oapi.dingtalk.com/robot/send?access_token=verysecret", signed_in(Role.MANAGER)
    typed = {"name": "Ops", "platform": "dingtalk", "url": url, "secret": "SECx", "is_enabled": "on"}

    post(client, "contacts_robot_add", typed)
    robot = Robot.objects.get()
    page = client.get(reverse("console:contacts_robot_change", args=[robot.pk])).content.decode()
    kept = {"name": "Ops 2", "url": "", "secret": "", "is_enabled": "on", "version": "1"}
    post(client, "contacts_robot_change", kept, robot.pk)

    assert "verysecret" not in page
    assert "SECx" not in page
    robot.refresh_from_db()
    assert (robot.name, robot.url, robot.secret) == ("Ops 2", url, "SECx")


def test_a_robots_bad_address_stands_at_its_field(story: Story) -> None:
    typed = {"name": "Ops", "platform": "dingtalk", "url": "nowhere", "is_enabled": "on"}

    assert "url" in errors(post(signed_in(Role.MANAGER), "contacts_robot_add", typed))


# policies


def test_a_policy_is_written_as_lines_and_rows(story: Story) -> None:
    wei, robot = story.contact("Wei"), story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    typed = {
        **POLICY,
        "is_enabled": "on",
        "rules": "severity in critical, error\nservice =~ db-.*\n\nalertname = DiskFull",
        "targets-object": [f"contact:{wei.pk}", f"robot:{robot.pk}", ""],
        "targets-phone": ["0", "1"],
        "targets-email": ["0", "2"],
    }

    reply = post(signed_in(Role.MANAGER), "policies_notificationpolicy_add", typed)

    assert reply.status_code == 302
    current = NotificationPolicy.objects.get().current
    assert current is not None
    assert current.rules == [
        [
            {"key": "severity", "operator": "in", "value": "critical, error"},
            {"key": "service", "operator": "re", "value": "db-.*"},
        ],
        [{"key": "alertname", "operator": "eq", "value": "DiskFull"}],
    ]
    assert list(current.targets.order_by("pk").values_list("object_id", "channels")) == [
        (wei.pk, ["phone", "email"]),
        (robot.pk, []),
    ]


def test_an_opened_policy_saves_as_it_was(story: Story) -> None:
    rules = [[{"key": "a b", "operator": "neq", "value": ' "x" '}, {"key": "c", "operator": "nin", "value": "d,e"}]]
    policy = story.policy({story.contact(): ["sms"]}, rules=rules, name="Kept")
    client, url = signed_in(Role.MANAGER), reverse("console:policies_notificationpolicy_change", args=[policy.pk])
    form = client.get(url).context["adminform"].form
    typed = {name: form[name].value() for name in ("name", "rules", "group_by", "group_wait", "group_interval")}
    rows = form["targets"].value()

    reply = client.post(
        url,
        {
            **typed, "version": "1", "is_enabled": "on", "sends_recovery": "on",
            "targets-object": [row.choice for row in rows], "targets-sms": ["0"],
        },
    )  # fmt: skip

    assert reply.status_code == 302
    policy.refresh_from_db()
    assert (policy.version, policy.versions.count()) == (1, 1)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("rules", {"rules": "severity"}),
        ("rules", {"rules": "severity =~ ("}),
        ("targets", {"is_enabled": "on"}),
        ("group_interval", {"group_interval": "0"}),
        ("name", {"name": ""}),
        ("targets", {"targets-object": ["contact:999999"], "targets-phone": ["0"]}),
        ("targets", {"targets-object": ["contact:x"]}),
    ],
)
def test_what_is_wrong_with_a_policy_stands_at_its_field(story: Story, field: str, typed: dict[str, Any]) -> None:
    reply = post(signed_in(Role.MANAGER), "policies_notificationpolicy_add", {**POLICY, **typed})

    assert list(errors(reply)) == [field]
    assert not NotificationPolicy.objects.exists()


def test_a_policy_is_switched_off_and_emptied_in_one_save(story: Story) -> None:
    policy = story.policy({story.contact(): ["email"]}, name="All")

    reply = post(signed_in(Role.MANAGER), "policies_notificationpolicy_change", {**POLICY, "version": "1"}, policy.pk)

    assert reply.status_code == 302
    policy.refresh_from_db()
    assert not policy.is_enabled
    assert policy.current is not None
    assert not policy.current.targets.exists()


# integrations


def test_an_integrations_token_is_shown_once(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    typed = {"name": "Prometheus", "is_enabled": "on", "auto_resolve_seconds": "300", "severity_map": "Fatal = P1"}

    created = client.post(reverse("console:events_integration_add"), typed)
    first, second = (client.get(created["Location"]).content.decode() for _ in range(2))

    found = re.search(r'id="shown-once">(tci_\w+)<', first)
    assert found
    assert found[1] in first.split("alertmanagers:")[1]
    assert found[1] not in second
    key = integration_for_token(found[1])
    assert key is not None
    assert key.severity_map == {"fatal": 1}


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("severity_map", {"severity_map": "fatal"}),
        ("severity_map", {"severity_map": "fatal = P9"}),
        ("auto_resolve_seconds", {"auto_resolve_seconds": "1"}),
        ("name", {"name": ""}),
    ],
)
def test_what_is_wrong_with_an_integration_stands_at_its_field(story: Story, field: str, typed: dict[str, str]) -> None:
    good = {"name": "P", "is_enabled": "on", "auto_resolve_seconds": "300", "severity_map": ""}

    reply = post(signed_in(Role.MANAGER), "events_integration_add", {**good, **typed})

    assert list(errors(reply)) == [field]


def test_a_new_token_replaces_the_old_one(story: Story) -> None:
    client, integration = signed_in(Role.MANAGER), story.integration
    url = reverse("console:events_integration_rotate", args=[integration.pk])

    assert client.get(url).status_code == 200
    page = client.post(url, {"sure": "1"}, follow=True).content.decode()

    assert re.search(r'id="shown-once">tci_\w+<', page)
    assert Integration.objects.get().token_digest != integration.token_digest


def test_an_integration_with_active_events_says_why_it_stays(story: Story) -> None:
    story.fires("DiskFull")

    reply = signed_in(Role.MANAGER).post(
        reverse("console:events_integration_delete", args=[story.integration.pk]), {"post": "yes"}, follow=True
    )

    assert any("still active" in str(message) for message in reply.context["messages"])
    assert Integration.objects.exists()


# provider accounts


def test_an_account_has_its_providers_fields_and_keeps_its_secret(story: Story) -> None:
    client = signed_in(Role.ADMIN)
    url = reverse("console:channels_provideraccount_add")
    assert b"provider=smtp" in client.get(url).content
    typed = {
        "name": "Mail", "priority": "10", "is_enabled": "on", "config.host": "mail.example.org",
        "config.from": "a@example.org", "config.username": "u", "config.password": "geheim",
    }  # fmt: skip

    reply = client.post(f"{url}?provider=smtp", typed)
    assert reply.status_code == 302
    account = ProviderAccount.objects.get(name="Mail")
    change = reverse("console:channels_provideraccount_change", args=[account.pk])
    page = client.get(change).content.decode()
    client.post(change, {**typed, "config.password": "", "priority": "20", "version": "1"})

    assert "geheim" not in page
    account.refresh_from_db()
    assert (account.priority, config_of(account)["password"]) == (20, "geheim")


def test_what_is_wrong_with_an_account_stands_at_its_field(story: Story) -> None:
    url = reverse("console:channels_provideraccount_add") + "?provider=smtp"

    reply = signed_in(Role.ADMIN).post(url, {"name": "Mail", "priority": "10", "config.host": "mail.example.org"})

    assert "config.from" in errors(reply)


# users and tokens


def test_an_administrator_creates_a_user_and_changes_the_role(story: Story) -> None:
    client = signed_in(Role.ADMIN)
    typed = {"username": "ann", "password": PASSWORD, "role": "viewer", "email": "", "full_name": "Ann"}

    post(client, "accounts_user_add", typed)
    ann = User.objects.get(username="ann")
    changed = {"full_name": "Ann", "email": "", "role": "manager", "is_active": "on", "version": "1"}
    post(client, "accounts_user_change", changed, ann.pk)

    assert ann.check_password(PASSWORD)
    assert role_of(User.objects.get(pk=ann.pk)) is Role.MANAGER


def test_a_weak_password_stands_at_its_field(story: Story) -> None:
    reply = post(signed_in(Role.ADMIN), "accounts_user_add", {"username": "ann", "password": "short", "role": "viewer"})

    assert list(errors(reply)) == ["password"]


def test_the_only_administrator_stays_one(story: Story) -> None:
    admin = user_with(Role.ADMIN)

    reply = post(
        signed_in(Role.ADMIN), "accounts_user_change", {"role": "viewer", "is_active": "on", "version": "1"}, admin.pk
    )

    assert "only administrator" in errors(reply)["__all__"][0]


def test_everybody_changes_their_own_password_through_the_service(story: Story) -> None:
    viewer = user_with(Role.VIEWER)
    client = signed_in(Role.VIEWER)
    typed = {"old": PASSWORD, "password": "a new long sentence", "again": "a new long sentence"}

    asked = client.get("/console/password_change/")
    reply = client.post(asked["Location"], typed)

    assert reply.status_code == 302
    assert client.get("/console/").status_code == 200
    assert User.objects.get(username="viewer").check_password("a new long sentence")
    newest = LogEntry.objects.get_for_object(viewer).latest("pk")
    assert newest.changes_dict == {"password": ["***", "***"]}


def test_an_api_token_is_shown_once_and_revoked(story: Story) -> None:
    client = signed_in(Role.ADMIN)

    page = client.post(
        reverse("console:accounts_apitoken_add"),
        {"name": "ci", "role": "viewer", "scopes": ["alerts:read"]},
        follow=True,
    ).content.decode()
    found = re.search(r'id="shown-once">(tct_\w+)<', page)
    assert found
    token = ApiToken.objects.get()
    assert authenticate_token(secret=found[1], now=story.now) == token
    client.post(reverse("console:accounts_apitoken_revoke", args=[token.pk]), {"sure": "1"})

    assert authenticate_token(secret=found[1], now=story.now) is None


def test_an_access_keys_secret_is_shown_once_and_the_key_is_disabled_and_enabled(story: Story) -> None:
    client = signed_in(Role.ADMIN)
    owner = user_with(Role.MANAGER)
    address = reverse("console:accounts_accesskey_add")

    refused = client.post(address, {"user": owner.pk, "name": "sync", "role": "admin"})
    page = client.post(address, {"user": owner.pk, "name": "sync", "role": "manager"}, follow=True).content.decode()

    assert refused.status_code == 200
    key = AccessKey.objects.get()
    signing = find_signing_key(key.key_id)
    assert signing is not None
    assert (signing.role, signing.secret in page, key.key_id in page) == (Role.MANAGER, True, True)
    assert signing.secret not in client.get(reverse("console:accounts_accesskey_change", args=[key.pk])).text
    client.post(reverse("console:accounts_accesskey_disable", args=[key.pk]), {"sure": "1"})
    assert AccessKey.objects.get().disabled_at is not None
    client.post(reverse("console:accounts_accesskey_enable", args=[key.pk]), {"sure": "1"})
    assert AccessKey.objects.get().disabled_at is None
