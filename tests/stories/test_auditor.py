"""The auditor looks for what should have happened and did not, repairs it, and raises an event."""

from __future__ import annotations

from datetime import timedelta

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.delivery.auditor import OWN_INTEGRATION, audit
from tocsin.delivery.models import Beat, Delivery
from tocsin.delivery.planning import plan_due
from tocsin.events.models import Event, Rematch
from tocsin.policies.services.silences import create_silence

_DB1 = [[{"key": "host", "operator": "eq", "value": "db1"}]]


def test_all_is_well(story: Story) -> None:
    assert audit(story.now) == []
    assert Beat.objects.get(name="auditor").beat_at == story.now
    assert not Event.objects.exists()


def test_an_alert_that_nobody_decides_raises_an_event_that_resolves_when_it_is_decided(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    story.fires("Disk full")
    story.now += timedelta(seconds=66)

    found = audit(story.now)

    event = Event.objects.get(integration__name=OWN_INTEGRATION)
    assert [(finding.kind, finding.count) for finding in found] == [("TocsinAlertsLate", 1)]
    assert (event.labels["alertname"], event.state, event.severity) == ("TocsinAlertsLate", "active", 1)
    story.passes(10)
    audit(story.now)
    event.refresh_from_db()
    assert event.state == "resolved"
    story.expect_mail(ann, "Disk full")
    story.expect_mail(ann, "TocsinAlertsLate")
    story.passes(60)
    story.expect_mail(ann, "TocsinAlertsLate", "recovered")


def test_messages_that_nobody_sends_are_found(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]}, rules=[[{"key": "alertname", "operator": "eq", "value": "Disk full"}]])
    story.fires("Disk full")
    plan_due(story.now + timedelta(seconds=5))

    found = audit(story.now + timedelta(seconds=70))

    assert [(finding.kind, finding.count) for finding in found] == [("TocsinDeliveriesLate", 1)]
    story.passes(5)
    story.expect_mail(ann)


def test_active_events_that_were_never_compared_are_compared(story: Story) -> None:
    ann = story.contact()
    policy = story.policy({ann: ["email"]}, rules=[[{"key": "alertname", "operator": "eq", "value": "Disk full"}]])
    event = story.fires("Disk full")
    Alert.objects.filter(policy=policy).delete()
    Event.objects.filter(pk=event.pk).update(matched_policies=None)
    Rematch.objects.all().delete()
    story.now += timedelta(seconds=61)

    found = audit(story.now)
    story.passes(5)

    assert [finding.kind for finding in found] == ["TocsinEventsUnmatched"]
    story.expect_mail(ann, "Disk full")


def test_active_events_that_a_policy_takes_and_no_alert_holds_get_their_alert(story: Story) -> None:
    ann = story.contact()
    policy = story.policy({ann: ["email"]}, rules=[[{"key": "alertname", "operator": "eq", "value": "Disk full"}]])
    story.fires("Disk full")
    Alert.objects.filter(policy=policy).delete()
    Rematch.objects.all().delete()
    story.now += timedelta(seconds=61)

    found = audit(story.now)
    story.passes(5)

    assert [(finding.kind, finding.count) for finding in found] == [("TocsinEventsWithoutAlert", 1)]
    story.expect_mail(ann, "Disk full")


def test_a_send_whose_worker_is_gone_is_ambiguous_and_goes_out_again(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    story.fires("Disk full")
    plan_due(story.now + timedelta(seconds=5))
    Delivery.objects.update(state="sending", worker_id=12345, attempt_count=1, started_at=story.now, next_at=None)
    story.now += timedelta(seconds=11)

    audit(story.now)

    lost = Delivery.objects.get()
    assert (lost.state, lost.reason) == ("ambiguous", "outcome_unknown")
    story.passes(5)
    story.expect(ann, "email")
    story.expect(ann, "email")
    steps = [step.text for entry in story.timeline() for step in entry.steps]
    assert "The worker ended before the reply was recorded" in steps[0]
    assert steps[1] == "try 2: accepted by the provider"


def test_a_call_whose_worker_is_gone_gives_way_to_its_fallback(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["phone"]})
    story.fires("Disk full")
    plan_due(story.now + timedelta(seconds=5))
    Delivery.objects.update(state="sending", worker_id=12345, attempt_count=1, started_at=story.now, next_at=None)
    story.now += timedelta(seconds=11)

    audit(story.now)
    story.passes(59)
    story.expect(ann, "phone")
    story.expect_silence()
    story.passes(1)

    story.expect_text(ann, "Disk full")


def test_a_silence_that_ended_unseen_is_found_and_told_until_it_was_seen(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, rules=[[{"key": "alertname", "operator": "eq", "value": "TocsinSilencesLate"}]])
    ends_at = story.now + timedelta(minutes=10)
    create_silence(by=ADMIN, now=story.now, name="Work", rules=_DB1, effect="period", ends_at=ends_at)
    story.passes(1)
    story.now = ends_at + timedelta(seconds=61)  # the loop of silences is dead

    found = audit(story.now)
    plan_due(story.now + timedelta(seconds=5))
    event = Event.objects.get(integration__name=OWN_INTEGRATION)
    story.passes(6)
    again = audit(story.now)

    assert [(finding.kind, finding.summary) for finding in found] == [
        ("TocsinSilencesLate", "1 silences began or ended more than a minute ago, unseen")
    ]
    assert again == []
    story.expect_mail(ann, "TocsinSilencesLate", "1 silences began or ended")
    event.refresh_from_db()
    assert (event.state, event.severity) == ("resolved", 1)
    story.passes(60)
    story.expect_mail(ann, "TocsinSilencesLate", "recovered")
