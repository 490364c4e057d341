"""The page of webhooks that hear what happens to alerts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from simulators.webhook import WebhookReceiver
from tests.stories.harness import ADMIN, Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.core.clock import utc_now
from tocsin.delivery.lifecycle import subscribe
from tocsin.delivery.lifecycle_models import LifecycleSubscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def story() -> Story:
    return begin(utc_now())


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


def post(page: str, typed: dict[str, Any], *args: Any, role: Role = Role.MANAGER) -> Any:
    return signed_in(role).post(reverse(f"console:delivery_lifecyclesubscription_{page}", args=args), typed)


def get(page: str, *args: Any, role: Role = Role.MANAGER) -> str:
    reply = signed_in(role).get(reverse(f"console:delivery_lifecyclesubscription_{page}", args=args))
    assert reply.status_code == 200
    content: str = reply.content.decode()
    return content


def test_a_webhook_is_made_to_follow_alerts_once(story: Story) -> None:
    hook = story.webhook("https://tickets.example/hook", name="Tickets")
    typed = {"webhook": hook.pk, "kinds": ["opened", "resolved"], "state": "active"}

    made = post("add", typed)
    again = post("add", typed)

    row = LifecycleSubscription.objects.get()
    assert (made.status_code, row.webhook_id, row.kinds) == (302, hook.pk, ["opened", "resolved"])
    assert "already" in str(again.context["adminform"].form.errors)
    assert "opened, resolved" in get("changelist", role=Role.VIEWER)


def test_it_is_edited_and_paused_as_it_was_opened(story: Story) -> None:
    row = subscribe(by=ADMIN, now=story.now, webhook_id=story.webhook("https://tickets.example/hook").pk)
    typed = {"state": "paused", "version": "1"}

    first = post("change", typed, row.pk)
    stale = post("change", typed | {"state": "disabled"}, row.pk)

    row.refresh_from_db()
    assert (first.status_code, row.state, row.kinds) == (302, "paused", [])
    assert "Somebody changed this" in str(stale.context["adminform"].form.errors)


def test_the_page_says_what_waits_and_deleting_says_what_is_lost(story: Story, receiver: WebhookReceiver) -> None:
    row = subscribe(by=ADMIN, now=story.now, webhook_id=story.webhook(receiver.webhook, name="Tickets").pk)
    receiver.answer_next(503, "busy <b>")
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})

    story.fires("DiskFull", severity="critical")
    story.passes(6)
    story.expect_text(ann, "DiskFull")

    page = get("change", row.pk)
    assert "2 notices wait" in get("changelist")
    assert "HTTP 503: busy &lt;b&gt;" in page
    assert "DiskFull" in page
    assert "2 notices that wait are forgotten" in get("delete", row.pk)
    webhook_page = reverse("console:contacts_webhook_delete", args=[row.webhook_id])
    assert "life-cycle subscription" in signed_in(Role.MANAGER).get(webhook_page).text
    assert post("delete", {"post": "yes"}, row.pk).status_code == 302
    assert not LifecycleSubscription.objects.exists()


def test_several_are_deleted_at_once(story: Story) -> None:
    rows = [
        subscribe(by=ADMIN, now=story.now, webhook_id=story.webhook(f"https://t{number}.example/hook").pk)
        for number in range(2)
    ]
    chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"}

    assert post("changelist", chosen).status_code == 302
    assert not LifecycleSubscription.objects.exists()


def test_a_test_shows_what_the_receiver_answered(story: Story, receiver: WebhookReceiver) -> None:
    row = subscribe(by=ADMIN, now=story.now, webhook_id=story.webhook(receiver.webhook).pk)

    taken = post("test_subscription", {}, row.pk).text
    receiver.answer_next(401, "who are you")
    refused = post("test_subscription", {}, row.pk).text

    assert receiver.received[0].json()["type"] == "alert.test"
    assert "It arrived" in taken
    assert "HTTP 401: who are you" in refused
    assert "check headers, query parameters and signing secret" in refused
