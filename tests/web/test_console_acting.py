"""What people do to alerts in the console beside claiming and resolving."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.alerts.services import claim_alert
from tocsin.policies.services import StepInput, create_escalation

pytestmark = pytest.mark.django_db


def address(name: str, alert: Alert) -> str:
    return reverse(f"console:alert_{name}", args=[alert.pk])


def fires(story: Story, **policy: object) -> Alert:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_wait=0, **policy)  # type: ignore[arg-type]
    story.fires("Disk full")
    story.passes()
    return story.alert()


def test_an_alert_is_given_to_a_contact_who_is_shown_and_told(story: Story) -> None:
    alert, bob = fires(story), story.contact("Bob")
    client = signed_in(Role.RESPONDER)

    reply = client.post(address("assign", alert), {"contact": bob.pk}, follow=True)
    story.passes()

    shown = reply.content.decode()
    assert "The alert was given to Bob." in shown
    assert "given to Bob, who has not claimed it" in shown
    assert "gave it to you" in story.expect_text(bob).text
    assert "given to Bob" in client.get(reverse("console:alerts_alert_changelist")).content.decode()


def test_severity_mute_and_a_claim_for_a_time(story: Story) -> None:
    alert = fires(story)
    client = signed_in(Role.RESPONDER)

    client.post(address("severity", alert), {"severity": "2"})
    client.post(address("mute", alert), {"minutes": "60"})
    claimed = client.post(address("claim_for", alert), {"minutes": "30"}, follow=True)

    alert = story.alert()
    assert (alert.severity, alert.chosen_severity) == (2, 2)
    assert alert.muted_until == story.now + timedelta(hours=1)
    assert alert.lapses_at == story.now + timedelta(minutes=30)
    assert "End the mute" in claimed.content.decode()
    client.post(address("unmute", alert))
    assert story.alert().muted_until is None


def test_who_claimed_it_first_is_named_in_the_dialog(story: Story) -> None:
    alert = fires(story)
    claim_alert(by=ADMIN, now=story.now, alert_id=alert.pk)

    reply = signed_in(Role.RESPONDER).post(address("claim_for", alert), {"minutes": "30"})

    assert "Ada Admin claimed this alert already." in reply.content.decode()


def test_the_next_step_is_told_when_somebody_presses_escalate(story: Story) -> None:
    bob = story.contact("Bob")
    step = StepInput(targets=[(bob.pk, ["sms"])])
    chosen = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=[step])
    alert = fires(story, escalation_id=chosen.pk)
    client = signed_in(Role.RESPONDER)
    assert (
        address("escalate", alert)
        in client.get(reverse("console:alerts_alert_change", args=[alert.pk])).content.decode()
    )

    form = client.get(address("escalate", alert)).content.decode()
    client.post(address("escalate", alert), {"seen": "0"})
    story.passes()
    again = client.post(address("escalate", alert), {"seen": "0"})
    story.passes()

    assert 'name="seen" value="0"' in form
    story.expect_text(bob, "asks for help")
    assert "That step was taken already; look at the alert" in again.content.decode()


def test_what_was_resolved_too_early_is_opened_again(story: Story) -> None:
    alert = fires(story)
    client = signed_in(Role.RESPONDER)
    client.post(address("resolve", alert), {"text": ""})

    client.post(address("reopen", alert))

    assert story.alert().state == "pending"


def test_several_are_claimed_at_once_and_what_somebody_else_has_is_named(story: Story) -> None:
    alert = fires(story)
    story.fires("Net down")
    story.passes()
    claim_alert(by=ADMIN, now=story.now, alert_id=alert.pk)
    chosen = {"action": "claim_selected", "_selected_action": list(Alert.objects.values_list("pk", flat=True))}

    reply = signed_in(Role.RESPONDER).post(reverse("console:alerts_alert_changelist"), chosen, follow=True)

    shown = reply.content.decode()
    assert "1 alert: done." in shown
    assert "Ada Admin claimed this alert already." in shown
    assert Alert.objects.filter(state="handling").count() == 2


def test_viewers_act_on_nothing(story: Story) -> None:
    alert = fires(story)

    assert signed_in(Role.VIEWER).post(address("mute", alert), {"minutes": "60"}).status_code == 403
    assert story.alert().muted_until is None
