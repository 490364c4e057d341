"""Everything of `/api/v1` that is set up once: groups, robots, webhooks, integrations, accounts, tokens, defaults."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.stories.harness import Story
from tests.web.people import user_with
from tests.web.rest.asking import Api, api_as, token_of
from tocsin.accounts.rules import Role, Scope
from tocsin.accounts.services import create_token
from tocsin.contacts.models import Robot, Webhook
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.events.queries import integration_for_token

pytestmark = pytest.mark.django_db
HOOK = "https://oapi.dingtalk.com/robot/send?access_token=secret-of-the-robot"


@pytest.fixture
def api() -> Api:
    return api_as(Role.ADMIN)


def test_a_group_has_members_who_come_and_go(api: Api, now: datetime) -> None:
    ann, bob = (Story(now).contact(name).pk for name in ("Ann", "Bob"))

    group = api("POST", "/contact-groups", {"name": "Databases", "contact_ids": [ann], "external_id": "g-1"}).body
    added = api("POST", f"/contact-groups/{group['id']}/members/add", {"contact_ids": [ann, bob]})
    first = api("GET", f"/contact-groups/{group['id']}/members?limit=1").body
    rest = api("GET", f"/contact-groups/{group['id']}/members?limit=1&cursor={first['next']}").body
    gone = api("POST", f"/contact-groups/{group['id']}/members/remove", {"contact_ids": [ann]})
    renamed = api("PATCH", f"/contact-groups/{group['id']}", {"name": "Data"}, If_Match=f'"{gone.body["version"]}"')

    assert (group["member_count"], added.body["count"], gone.body["count"]) == (1, 1, 1)
    assert [[each["name"] for each in page["items"]] for page in (first, rest)] == [["Ann"], ["Bob"]]
    assert (renamed.body["name"], renamed.body["member_count"]) == ("Data", 1)
    assert [each["name"] for each in api("GET", "/contact-groups?text=dat").body["items"]] == ["Data"]
    assert api("DELETE", f"/contact-groups/{group['id']}").body["names"] == ["Data"]
    assert api("POST", "/contact-groups", {"name": "X", "contact_ids": [999]}).wrong == ["contact_ids"]


def test_who_joined_a_group_meanwhile_is_not_taken_out_of_it_unseen(api: Api, now: datetime) -> None:
    ann = Story(now).contact("Ann", phone="+8613800001234").pk
    one, two = (api("POST", "/contact-groups", {"name": name}).body["id"] for name in ("One", "Two"))
    tags = [api("GET", f"/contacts/{ann}").headers["ETag"]]

    api("POST", f"/contact-groups/{one}/members/add", {"contact_ids": [ann]})
    tags.append(api("GET", f"/contacts/{ann}").headers["ETag"])
    api("PATCH", f"/contact-groups/{one}", {"contact_ids": []})
    tags.append(api("GET", f"/contacts/{ann}").headers["ETag"])
    api("POST", "/contacts/bulk", {"contacts": [{"name": "Ann", "phone": "+8613800001234", "groups": ["One"]}]})
    refused = [api("PATCH", f"/contacts/{ann}", {"group_ids": [two]}, If_Match=tag).status for tag in tags]

    assert refused == [412, 412, 412]
    assert [group["name"] for group in api("GET", f"/contacts/{ann}").body["groups"]] == ["One"]


_KINDS: dict[str, dict[str, Any]] = {
    "/contacts": {"name": "Ann", "email": "ann@example.org"},
    "/contact-groups": {"name": "Databases"},
    "/robots": {"name": "Ops", "platform": "dingtalk", "url": HOOK},
    "/webhooks": {"name": "Tickets", "url": "https://tickets.example.org/hook"},
    "/schedules": {"name": "Rota"},
}


def test_what_changed_meanwhile_is_not_deleted_unseen(api: Api, now: datetime) -> None:
    pks = {kind: api("POST", kind, body).body["id"] for kind, body in _KINDS.items()}
    for kind, pk in pks.items():
        assert api("PATCH", f"{kind}/{pk}", {"name": "Changed"}).status == 200
    rota, ann = f"/schedules/{pks['/schedules']}", pks["/contacts"]
    api("POST", f"{rota}/feed")
    hour = {"starts_at": now.isoformat(), "ends_at": (utc_now() + timedelta(hours=2)).isoformat()}
    stands_in = api("POST", f"{rota}/substitutes", {"contact_id": ann, **hour}).body["id"]
    parts = [f"{rota}/substitutes/{stands_in}", f"{rota}/feed"]
    paths = [*parts, *(f"{kind}/{pk}" for kind, pk in reversed(pks.items()))]

    assert [api("DELETE", path, If_Match='"1"').status for path in paths] == [412] * 7
    assert [api("DELETE", path, If_Match='"3"').status for path in parts[:1]] == [204]
    assert [api("DELETE", path, If_Match='"4"').status for path in (*parts[1:], rota)] == [204, 200]
    assert [api("DELETE", path, If_Match='"2"').status for path in paths[3:]] == [200] * 4


def test_a_robots_address_is_taken_and_never_shown(api: Api) -> None:
    made = api("POST", "/robots", {"name": "Ops", "platform": "dingtalk", "url": HOOK, "secret": "SECabc"})
    pk = made.body["id"]
    changed = api("PATCH", f"/robots/{pk}", {"secret": None, "keyword": "alert"}, If_Match='"1"')
    listed = api("GET", "/robots")

    assert (made.status, made.body["has_secret"], changed.body["has_secret"]) == (201, True, False)
    assert Robot.objects.get().url == HOOK
    assert "secret-of-the-robot" not in str([made.body, changed.body, listed.body])
    assert api("POST", f"/robots/{pk}/test").status == 202
    assert api("POST", "/robots", {"name": "Ops", "platform": "dingtalk", "url": HOOK}).status == 409
    assert api("DELETE", f"/robots/{pk}").body["names"] == ["Ops"]


def test_of_a_webhook_only_the_names_of_headers_are_shown(api: Api) -> None:
    made = api(
        "POST", "/webhooks", {"name": "Tickets", "url": "https://t.example/x?key=k1", "headers": {"X-Key": "k2"}}
    )
    pk = made.body["id"]
    changed = api("PATCH", f"/webhooks/{pk}", {"headers": {"X-Key": "***", "X-Other": "k3"}})

    assert (made.status, changed.body["header_names"]) == (201, ["X-Key", "X-Other"])
    assert "k2" in Webhook.objects.get().headers
    assert not {"k1", "k2", "k3"} & set(str([made.body, changed.body]).replace("'", " ").split())
    assert api("POST", f"/webhooks/{pk}/test").body["delivery_id"] > 0


def test_an_integrations_token_is_shown_once_and_made_anew(api: Api) -> None:
    made = api("POST", "/integrations", {"name": "Prometheus"}).body
    anew = api("POST", f"/integrations/{made['id']}/token").body
    rules = [[{"key": "alertname", "operator": "eq", "value": "Watchdog"}]]
    changed = api("PATCH", f"/integrations/{made['id']}", {"heartbeat_seconds": 300, "heartbeat_rules": rules})

    assert integration_for_token(made["token"]) is None
    assert integration_for_token(anew["token"]) is not None
    assert (changed.status, changed.body["heartbeat_rules"]) == (200, rules)
    assert "token" not in api("GET", f"/integrations/{made['id']}").body
    mapped = api("PATCH", f"/integrations/{made['id']}", {"mapping": "labels.alertname = title"})
    assert (mapped.status, mapped.body["mapping"]) == (200, "labels.alertname = title")
    assert api("PATCH", f"/integrations/{made['id']}", {"mapping": "title"}).status == 422
    tested = api("POST", f"/integrations/{made['id']}/test-event", {"labels": {"severity": "critical"}}).body
    assert tested["labels"]["severity"] == "critical"
    assert [each["id"] for each in api("GET", "/events").body["items"]] == [tested["event_id"]]
    assert api("DELETE", f"/integrations/{made['id']}").status == 409
    other = api("POST", "/integrations", {"name": "Grafana"}).body["id"]
    assert api("DELETE", f"/integrations/{other}").status == 204


def test_secrets_of_an_account_are_write_only(api: Api) -> None:
    config = {
        "host": "127.0.0.1",
        "port": "1",
        "security": "none",
        "from": "a@example.org",
        "username": "u",
        "password": "hush",
    }

    made = api("POST", "/provider-accounts", {"name": "Mail", "provider": "smtp", "settings": config})
    pk = made.body["id"]
    changed = api("PATCH", f"/provider-accounts/{pk}", {"settings": {"port": "2", "password": "***"}}, If_Match='"1"')
    cleared = api("PATCH", f"/provider-accounts/{pk}", {"clear_secrets": ["password"], "settings": {"username": ""}})

    assert (made.status, made.body["settings"]["password"]) == (201, "***")
    assert (changed.body["settings"]["port"], changed.body["settings"]["password"]) == ("2", "***")
    assert not cleared.body["settings"].get("password")
    assert api("POST", f"/provider-accounts/{pk}/test", {"to": "b@example.org"}).body["outcome"] == "transient"
    assert "smtp" in [kind["name"] for kind in api("GET", "/provider-accounts/providers").body]
    assert api("POST", "/provider-accounts", {"name": "X", "provider": "smtp"}).wrong[0].startswith("settings.")
    assert api("DELETE", f"/provider-accounts/{pk}").status == 204


def test_a_token_made_over_the_api_never_may_more_than_who_made_it() -> None:
    owner = user_with(Role.ADMIN)
    api = Api(token_of(Role.ADMIN, [Scope.ADMIN_WRITE, Scope.CONTACTS_READ], owner))

    made = api("POST", "/tokens", {"name": "hr", "role": "manager", "scopes": ["contacts:read"]})
    beyond = api("POST", "/tokens", {"name": "more", "role": "manager", "scopes": ["contacts:write"]})

    assert (made.status, made.body["owner"]) == (201, "admin")
    assert Api(made.body["token"])("GET", "/contacts").status == 200
    assert beyond.status == 403
    assert "token" not in api("GET", f"/tokens/{made.body['id']}").body
    assert api("POST", f"/tokens/{made.body['id']}/revoke").body["revoked_at"] is not None
    assert Api(made.body["token"])("GET", "/contacts").status == 401


def test_a_token_makes_none_that_outlives_it(now: datetime) -> None:
    end = utc_now() + timedelta(minutes=5)
    api = Api(create_token(by=SHELL, now=utc_now(), name="short", role=Role.ADMIN, expires_at=end)[1])

    for name, wanted in (("endless", None), ("longer", (end + timedelta(days=1)).isoformat())):
        made = api("POST", "/tokens", {"name": name, "role": "admin", "scopes": ["admin:write"], "expires_at": wanted})
        assert (made.status, datetime.fromisoformat(made.body["expires_at"])) == (201, end)

    sooner = end - timedelta(minutes=1)
    body = {"name": "shorter", "role": "viewer", "scopes": ["alerts:read"], "expires_at": sooner.isoformat()}
    assert datetime.fromisoformat(api("POST", "/tokens", body).body["expires_at"]) == sooner


def test_numbers_are_verified_and_each_result_is_told(api: Api, now: datetime, settings: Any) -> None:
    story = Story(now)
    ann = story.contact("Ann", verified=False)
    bob = story.contact("Bob", verified=True)

    previewed = api("POST", "/verifications/preview", {"contact_ids": [ann.pk, bob.pk]}).body["results"]
    settings.ATTESTED_PHONES = True
    attested = api("POST", f"/verifications/{ann.pk}/attest", {"source": "HR, 2026"}).body

    assert [each["contact_id"] for each in previewed] == [ann.pk, bob.pk]
    assert previewed[1]["outcome"] == "already_verified"
    assert (attested["is_verified"], attested["method"], attested["source"]) == (True, "attested", "HR, 2026")
    assert api("GET", f"/verifications/{ann.pk}").body["is_verified"] is True


def test_the_default_acts_on_everybody(api: Api) -> None:
    before = api("GET", "/contact-defaults")
    changed = api("PATCH", "/contact-defaults", {"fallback": "call"}, If_Match=before.headers["ETag"])

    assert (before.body["fallback"], changed.body["fallback"]) == ("sms", "call")
    assert api("PATCH", "/contact-defaults", {"fallback": "none"}, If_Match=before.headers["ETag"]).status == 412
