"""`/api/v1/subscriptions`: webhooks that hear what happens to alerts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.webhook import WebhookReceiver
from tests.stories.harness import ADMIN, Story
from tests.web.rest.asking import Api, api_as
from tocsin.accounts.rules import Role, Scope
from tocsin.alerts.services import claim_alert
from tocsin.delivery.lifecycle_models import LifecycleNotice, LifecycleSubscription

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def api(story: Story) -> Api:
    return api_as(Role.MANAGER, [Scope.ALERTS_WRITE, Scope.CONTACTS_READ])


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(secret=SECRET) as running:
        yield running


def test_a_webhook_made_here_hears_what_happens(story: Story, api: Api, receiver: WebhookReceiver) -> None:
    hook = story.webhook(receiver.webhook, secret=SECRET, name="Tickets")

    made = api("POST", "/subscriptions", {"webhook_id": hook.pk, "kinds": ["claimed", "opened"]}, Idempotency_Key="k")
    again = api("POST", "/subscriptions", {"webhook_id": hook.pk, "kinds": ["claimed", "opened"]}, Idempotency_Key="k")
    path = f"/subscriptions/{made.body['id']}"
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("DiskFull", severity="critical")
    story.passes(10)
    story.expect_text(ann, "DiskFull")
    receiver.answer_next(503, "busy")
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(1)

    assert (made.status, made.headers["Location"], made.headers["ETag"]) == (201, f"/api/v1{path}", '"1"')
    assert (again.status, again.body["id"]) == (201, made.body["id"])
    assert made.body["kinds"] == ["opened", "claimed"]
    shown = api("GET", path).body
    assert (shown["webhook"], shown["state"], shown["waiting"], shown["given_up"]) == ("Tickets", "active", 1, 0)
    assert (shown["reach"]["failure"], shown["reach"]["delivered_at"] is None) == ("HTTP 503: busy", False)
    [waits] = api("GET", f"{path}/notices?state=waiting").body["items"]
    assert (waits["kind"], waits["tries"], waits["answer"]) == ("claimed", 1, "HTTP 503: busy")
    assert [each["kind"] for each in api("GET", f"{path}/notices").body["items"]] == ["claimed", "opened"]
    assert SECRET not in str([made.body, shown])


def test_it_is_changed_and_deleted_only_as_it_was_read(story: Story, api: Api) -> None:
    hook = story.webhook("https://tickets.example/hook", name="Tickets")
    path = f"/subscriptions/{api('POST', '/subscriptions', {'webhook_id': hook.pk}).body['id']}"

    paused = api("PATCH", path, {"state": "paused"}, If_Match='"1"')
    kept = api("PATCH", path, {"kinds": ["resolved"]}, If_Match='"2"')
    stale = [api("PATCH", path, {"state": "active"}, If_Match='"1"'), api("DELETE", path, If_Match='"1"')]

    assert (paused.status, paused.body["kinds"]) == (200, [])
    assert (kept.body["state"], kept.body["kinds"]) == ("paused", ["resolved"])
    assert [answer.status for answer in stale] == [412, 412]
    assert [each["webhook"] for each in api("GET", "/subscriptions?text=tick").body["items"]] == ["Tickets"]
    assert api("DELETE", path, If_Match='"3"').status == 204
    assert not LifecycleSubscription.objects.exists()
    assert api("GET", f"/webhooks/{hook.pk}").status == 200


def test_what_cannot_be_is_refused_by_its_name(story: Story, api: Api) -> None:
    hook = story.webhook("https://tickets.example/hook")
    api("POST", "/subscriptions", {"webhook_id": hook.pk})

    assert api("POST", "/subscriptions", {"webhook_id": 999_999}).wrong == ["webhook_id"]
    assert api("POST", "/subscriptions", {"webhook_id": hook.pk, "kinds": ["closed"]}).wrong == ["kinds.0"]
    assert api("POST", "/subscriptions", {"webhook_id": hook.pk, "state": "off"}).wrong == ["state"]
    assert api("POST", "/subscriptions", {"webhook_id": hook.pk}).status == 409


def test_a_test_says_what_the_receiver_answered_and_keeps_nothing(
    story: Story, api: Api, receiver: WebhookReceiver
) -> None:
    hook = story.webhook(receiver.webhook, secret=SECRET)
    path = f"/subscriptions/{api('POST', '/subscriptions', {'webhook_id': hook.pk}).body['id']}"

    taken = api("POST", f"{path}/test")
    receiver.answer_next(401, "who are you")
    refused = api("POST", f"{path}/test")

    assert (taken.status, taken.body["outcome"]) == (200, "accepted")
    assert receiver.received[0].json()["type"] == "alert.test"
    assert (refused.body["code"], refused.body["detail"]) == ("401", "HTTP 401: who are you")
    assert not LifecycleNotice.objects.exists()
