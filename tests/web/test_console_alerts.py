"""The alert page, explain and the outbox: acting, reading why, and answering a simulated phone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.alerts.services import claim_alert, mute_alert
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.delivery.models import Delivery
from tocsin.delivery.verifications import send_verifications
from tocsin.policies.services import StepInput, create_escalation
from tocsin.web.console.alert_people import Reached, people_of

pytestmark = pytest.mark.django_db


def firing(story: Story, *channels: str, **fields: Any) -> Contact:
    contact = story.contact("Wei", fallback=Fallback.NONE, **fields)
    story.policy({contact: channels or ("phone",)})
    story.fires("DiskFull", summary="db-7 is full", severity="critical")
    story.passes(5)
    return contact


def act(client: Client, story: Story, name: str, **data: str) -> Any:
    return client.post(reverse(f"console:alert_{name}", args=[story.alert().pk]), data, follow=True)


def page(client: Client, story: Story) -> str:
    return str(client.get(reverse("console:alerts_alert_change", args=[story.alert().pk])).content.decode())


def test_a_responder_claims_comments_gives_back_and_resolves(story: Story) -> None:
    firing(story)
    client = signed_in(Role.RESPONDER)

    act(client, story, "claim")
    assert (story.alert().state, story.alert().claimed_by) == ("handling", "responder")
    act(client, story, "comment", text="On my way")
    act(client, story, "unclaim")
    assert story.alert().state == "pending"
    act(client, story, "resolve", text="Added a disk")

    assert (story.alert().state, story.alert().resolved_by) == ("resolved", "responder")
    shown = page(client, story)
    for text in ("On my way", "Added a disk", "responder claimed it", "responder gave it back"):
        assert text in shown


@pytest.mark.parametrize("name", ["claim", "unclaim", "resolve", "comment"])
def test_a_viewer_can_read_and_not_act(story: Story, name: str) -> None:
    firing(story)
    client = signed_in(Role.VIEWER)

    assert act(client, story, name, text="x").status_code == 403
    assert "Claim</button>" not in page(client, story)
    assert story.alert().state == "pending"


@pytest.mark.parametrize("name", ["claim", "unclaim", "resolve", "comment"])
def test_opening_an_act_does_nothing(story: Story, name: str) -> None:
    firing(story)

    reply = signed_in(Role.RESPONDER).get(reverse(f"console:alert_{name}", args=[story.alert().pk]))

    assert reply.status_code == 405
    assert story.alert().state == "pending"


def test_who_comes_second_is_told_who_was_first(story: Story) -> None:
    firing(story)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    reply = act(signed_in(Role.RESPONDER), story, "claim")

    assert [str(message) for message in reply.context["messages"]] == ["Ada Admin claimed this alert already."]


def test_the_page_says_who_was_not_reached_and_why(story: Story) -> None:
    firing(story, "phone", "sms", "email", verified=False, email=None)

    shown = page(signed_in(Role.VIEWER), story)

    assert "Nobody was reached" in shown
    assert "Phone call: the phone number is not verified" in shown
    assert "Email: there is no email address" in shown


def test_a_schedule_that_nobody_was_on_is_named_without_a_channel(story: Story) -> None:
    night = story.schedule([story.contact("Ann")], name="Night", starts_on="2099-01-01")
    story.policy({night: ["phone"]})
    story.fires("DiskFull")
    story.passes(10)

    shown = " ".join(page(signed_in(Role.VIEWER), story).split())

    assert "<b>Night</b>" in shown
    assert "<span>Nobody is on duty at that time</span>" in shown


def test_the_page_tells_the_story_of_a_call(story: Story) -> None:
    wei = firing(story)
    story.expect_call(wei).is_busy()

    shown = page(signed_in(Role.VIEWER), story)

    assert "Phone call to Wei" in shown
    assert "The line was busy" in shown
    assert "receipt: busy" in shown
    assert "db-7 is full" in shown
    assert "A simulation" in shown


@pytest.mark.parametrize(
    ("ends", "reached"),
    [("answer", Reached.YES), ("is_busy", Reached.NOT), ("ring_out", Reached.NOT), ("", Reached.SENT)],
)
def test_reached_is_who_answered(story: Story, ends: str, reached: Reached) -> None:
    wei = firing(story)
    call = story.expect_call(wei)
    if ends:
        getattr(call, ends)()

    people = people_of(story.alert())

    assert [(person.name, person.reached) for person in people.everybody] == [("Wei", reached)]


def test_an_answer_counts_although_a_later_call_was_not_answered(story: Story) -> None:
    wei = firing(story)
    story.expect_call(wei).answer()
    story.fires("DiskFull", instance="db-8")
    story.passes(30)
    story.expect_call(wei).is_busy()

    assert people_of(story.alert()).reached == 1


def test_a_recovery_notice_does_not_count_as_having_been_reached(story: Story) -> None:
    wei = firing(story, "phone")
    story.expect_call(wei).answer()
    Delivery.objects.update(state="failed", reason="busy")
    story.recovers("DiskFull", severity="critical")
    story.passes(60)
    story.expected.update(story._out().values_list("pk", flat=True))

    assert people_of(story.alert()).reached == 0


def test_the_part_that_polls_comes_only_when_something_changed(story: Story) -> None:
    firing(story)
    client = signed_in(Role.RESPONDER)
    url = reverse("console:alert_live", args=[story.alert().pk])
    seen = client.get(url).context["story"].stamp

    same = client.get(url, {"seen": seen})
    act(client, story, "comment", text="Still here")
    changed = client.get(url, {"seen": seen})

    assert same.status_code == 204
    assert changed.status_code == 200
    assert b"Still here" in changed.content


def test_what_people_type_is_shown_as_text(story: Story) -> None:
    firing(story)
    client = signed_in(Role.RESPONDER)

    act(client, story, "comment", text="<script>alert(1)</script>")
    story.fires("<b>Bold</b>", summary="<img src=x>")
    story.passes(10)

    assert "<script>alert(1)" not in page(client, story)
    assert "<img src=x>" not in page(client, story)
    assert "<b>Bold" not in client.get(reverse("console:alerts_alert_changelist")).content.decode()


# explain


def test_explain_names_who_would_be_told_and_who_not(story: Story) -> None:
    wei, bob = story.contact("Wei"), story.contact("Bob", verified=False)
    story.policy({wei: ["email"], bob: ["phone"]}, name="Databases")
    client = signed_in(Role.VIEWER)

    reply = client.get(reverse("console:explain"), {"labels": "alertname=DiskFull\nseverity=critical"})

    shown = reply.content.decode()
    assert "Somebody would be told now" in shown
    assert "Email: <b>Wei</b>" in shown
    assert "<b>Bob</b> the phone number is not verified" in shown
    assert not Delivery.objects.exists()


def test_explain_tells_of_a_moment_and_of_the_escalation_that_would_follow(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    step = StepInput(after_minutes=10, targets=[(bob.pk, ["sms"])], repetitions=1)
    ladder = create_escalation(by=ADMIN, now=story.now, name="Ladder", rounds=2, steps=[step])
    story.policy({ann: ["email"]}, escalation_id=ladder.pk)
    asked = {"labels": "alertname=DiskFull", "at": "2026-12-24T18:00"}

    shown = signed_in(Role.VIEWER).get(reverse("console:explain"), asked).content.decode()

    assert "Somebody would be told at" in shown
    assert "If nobody reacts: Ladder" in shown
    assert "step 1, if not claimed" in shown
    assert "Then 2 more times from the first step." in shown
    assert "Bob" in shown


def test_explain_says_that_nobody_is_told_before_the_mute_of_the_open_alert_is_over(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_mail(ann)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=8))

    shown = signed_in(Role.VIEWER).get(reverse("console:explain"), {"labels": "alertname=DiskFull"}).content.decode()

    assert "Somebody would be told, but not before" in shown
    assert "That alert is muted: its messages wait until" in shown


def test_explain_says_which_condition_failed(story: Story) -> None:
    rules = [[{"key": "severity", "operator": "eq", "value": "critical"}]]
    story.policy({story.contact(): ["email"]}, rules=rules, name="Only critical")
    event = story.fires("DiskFull", severity="warning")

    shown = signed_in(Role.VIEWER).get(reverse("console:explain"), {"event": event.pk}).content.decode()

    assert "Nobody would be told now" in shown
    assert 'Rule 1: severity = "critical", but severity is "warning"' in shown.replace("&quot;", '"')


@pytest.mark.parametrize("typed", ["severity", "=x", ""])
def test_explain_says_what_is_wrong_with_labels(story: Story, typed: str) -> None:
    reply = signed_in(Role.VIEWER).get(reverse("console:explain"), {"labels": typed})

    assert reply.status_code == 200
    assert reply.context["form"].errors["labels"]


@pytest.mark.parametrize("event", ["999999", "x"])
def test_explaining_an_event_that_is_not_there_is_not_found(story: Story, event: str) -> None:
    assert signed_in(Role.VIEWER).get(reverse("console:explain"), {"event": event}).status_code == 404


def test_an_event_leads_to_its_explanation(story: Story) -> None:
    event = story.fires("DiskFull")

    reply = signed_in(Role.VIEWER).get(reverse("console:events_event_explain_event", args=[event.pk]))

    assert reply["Location"] == reverse("console:explain") + f"?event={event.pk}"


# the outbox


@pytest.mark.parametrize(
    ("answer", "state", "reason", "alert_state"),
    [
        ("answer", "delivered", "", "pending"),
        ("press-1", "delivered", "", "handling"),
        ("reject", "failed", "rejected", "pending"),
        ("ring-out", "failed", "no_answer", "pending"),
    ],
)
def test_a_simulated_phone_can_be_answered(
    story: Story, answer: str, state: str, reason: str, alert_state: str
) -> None:
    wei = firing(story)
    call = story.expect_call(wei)
    client = signed_in(Role.RESPONDER)
    assert "The phone rings:" in client.get(reverse("console:outbox")).content.decode()

    client.post(reverse("console:answer", args=[call.delivery_id, answer]))

    assert (call.delivery.state, call.delivery.reason) == (state, reason)
    assert story.alert().state == alert_state
    entry = LogEntry.objects.get_for_object(call.delivery).get()
    assert entry.additional_data == {"by": "responder", "kind": "user", "note": f"simulated call: {answer}"}
    assert entry.actor is not None
    assert "The phone rings:" not in client.get(reverse("console:outbox")).content.decode()


def test_only_responders_answer_and_only_simulated_calls(story: Story) -> None:
    wei = firing(story, "phone", "email")
    call, mail = story.expect_call(wei), story.expect_mail(wei)
    url = reverse("console:answer", args=[call.delivery_id, "answer"])

    assert signed_in(Role.VIEWER).post(url).status_code == 403
    client = signed_in(Role.RESPONDER)
    assert client.get(url).status_code == 405
    assert client.post(reverse("console:answer", args=[mail.delivery_id, "answer"])).status_code == 400
    assert client.post(reverse("console:answer", args=[call.delivery_id, "shout"])).status_code == 404
    assert client.post(reverse("console:answer", args=[999_999, "answer"])).status_code == 404
    assert call.delivery.state == "accepted"


def test_the_outbox_shows_the_link_that_a_verification_carries(story: Story) -> None:
    bob = story.contact("Bob", verified=False)
    client = signed_in(Role.MANAGER)
    client.post(reverse("console:contacts_contact_verify_number", args=[bob.pk]), {"confirmed": "1"})
    story.passes(1)

    shown = client.get(reverse("console:outbox")).content.decode()

    assert "https://tocsin.example/v/" in shown


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_who_may_not_change_contacts_sees_of_a_verification_only_that_it_was_sent(story: Story, role: Role) -> None:
    bob = story.contact("Bob", verified=False)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[bob.pk])
    story.passes(1)

    shown = signed_in(role).get(reverse("console:outbox")).content.decode()

    assert "Bob" in shown
    assert "A verification of the number." in shown
    assert "/v/" not in shown
