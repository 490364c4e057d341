"""Policies in their order: who gets an event, who does not because an earlier one stops, and from which sources."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.core.errors import ChangedError, ConflictError, InvalidInputError
from tocsin.delivery.explaining import explain
from tocsin.delivery.pipeline import accept
from tocsin.events.models import Event
from tocsin.events.queries import key_of
from tocsin.events.rules import Report
from tocsin.events.services import create_integration, delete_integration
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.services import (
    copy_policy,
    delete_policy,
    disable_policy,
    move_policy,
    reorder_policies,
    reorder_shown_policies,
    save_policy,
)

DB = [[{"key": "team", "operator": "eq", "value": "db"}]]


def names_in_order() -> list[str]:
    return [policy.name for policy in NotificationPolicy.objects.all()]


def takers() -> list[str]:
    return sorted(Alert.objects.filter(resolved_at=None).values_list("policy__name", flat=True))


def test_a_policy_that_stops_keeps_an_event_from_later_ones(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["email"]}, name="Databases", rules=DB, stops_here=True)
    story.policy({bob: ["email"]}, name="Everything else")

    story.fires("Disk full", team="db")
    story.fires("Link down", team="net")
    story.passes(5)

    story.expect_mail(ann, "Disk full")
    story.expect_mail(bob, "Link down")


def test_another_order_is_seen_by_what_is_firing_and_takes_nothing_back(story: Story) -> None:
    ann, bob, cleo = story.contact("Ann"), story.contact("Bob"), story.contact("Cleo")
    stopper = story.policy({ann: ["email"]}, name="Stopper", stops_here=True)
    story.policy({bob: ["email"]}, name="First")
    story.policy({cleo: ["email"]}, name="Second")
    story.fires("Disk full")
    story.passes(5)
    story.expect_mail(ann)

    move_policy(by=ADMIN, now=story.now, policy_id=stopper.pk, places=1)
    story.passes(10)

    assert names_in_order() == ["First", "Stopper", "Second"]
    story.expect_mail(bob, "Disk full")
    assert takers() == ["First", "Stopper"]
    assert Event.objects.get().matched_policies == 2


def test_a_disabled_policy_stops_nobody(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    stopper = story.policy({ann: ["email"]}, name="Stopper", stops_here=True)
    story.policy({bob: ["email"]}, name="Next")
    story.fires("Disk full")
    story.passes(5)
    story.expect_mail(ann)

    disable_policy(by=ADMIN, now=story.now, policy_id=stopper.pk)
    story.passes(10)

    story.expect_mail(bob, "Disk full")


def test_a_policy_listens_to_its_sources_only(story: Story) -> None:
    ann = story.contact("Ann")
    other, _token = create_integration(by=ADMIN, now=story.now, name="Grafana")
    story.policy({ann: ["email"]}, sources=[other.pk])

    story.fires("Disk full")
    accept(key_of(other), [Report({"alertname": "Link down"}, starts_at=story.now)], story.now)
    story.passes(5)

    story.expect_mail(ann, "Link down")


def test_a_policy_whose_source_was_deleted_listens_to_nothing_and_not_to_everything(story: Story) -> None:
    other, _token = create_integration(by=ADMIN, now=story.now, name="Grafana")
    policy = story.policy({story.contact(): ["email"]}, sources=[other.pk])
    delete_integration(by=ADMIN, now=story.now, integration_id=other.pk)

    story.fires("Disk full")

    assert not Alert.objects.exists()
    with pytest.raises(InvalidInputError) as error:
        save_policy(by=ADMIN, now=story.now, policy_id=policy.pk, name="Same", sources=[other.pk])
    assert error.value.fields.keys() == {"sources"}


def test_a_change_made_by_whatever_means_is_seen_at_once(story: Story) -> None:
    """What a process remembers of the policies is good for as long as nobody has written one, by a shell either."""
    policy = story.policy({story.contact(): ["email"]}, name="Databases", rules=DB)
    story.fires("Disk full", team="web")
    story.fires("Disk full", team="net")

    with connection.cursor() as cursor:
        cursor.execute("UPDATE policies_notificationpolicy SET is_enabled = false WHERE id = %s", [policy.pk])
    story.fires("Disk full", team="db")

    assert not Alert.objects.exists()


def test_policies_are_put_in_order_all_at_once(story: Story) -> None:
    ann = story.contact()
    one, two, three = (story.policy({ann: ["email"]}, name=name) for name in ("One", "Two", "Three"))

    reorder_policies(by=ADMIN, now=story.now, ids=[three.pk, one.pk, two.pk])

    assert names_in_order() == ["Three", "One", "Two"]
    with pytest.raises(ConflictError):
        reorder_policies(by=ADMIN, now=story.now, ids=[three.pk, one.pk])
    move_policy(by=ADMIN, now=story.now, policy_id=two.pk, places=-9)
    move_policy(by=ADMIN, now=story.now, policy_id=two.pk, places=-1)
    assert names_in_order() == ["Two", "Three", "One"]
    copy_policy(by=ADMIN, now=story.now, policy_id=three.pk)
    assert names_in_order() == ["Two", "Three", "Three (copy)", "One"]


def test_those_that_somebody_saw_change_places_among_themselves_unless_others_were_quicker(story: Story) -> None:
    ann = story.contact()
    one, two, three, four = (story.policy({ann: ["email"]}, name=name) for name in ("One", "Two", "Three", "Four"))
    seen = [one.pk, three.pk, four.pk]  # a filter hides Two

    reorder_shown_policies(by=ADMIN, now=story.now, before=seen, after=[four.pk, one.pk, three.pk])

    assert names_in_order() == ["Four", "Two", "One", "Three"]
    with pytest.raises(ChangedError):
        reorder_shown_policies(by=ADMIN, now=story.now, before=seen, after=[three.pk, one.pk, four.pk])
    with pytest.raises(InvalidInputError):
        reorder_shown_policies(by=ADMIN, now=story.now, before=[one.pk, three.pk], after=[one.pk, two.pk])
    delete_policy(by=ADMIN, now=story.now, policy_id=three.pk)
    with pytest.raises(ChangedError):
        reorder_shown_policies(by=ADMIN, now=story.now, before=[one.pk, three.pk], after=[three.pk, one.pk])
    assert names_in_order() == ["Four", "Two", "One"]


def test_explain_says_who_stops_and_who_does_not_listen(story: Story) -> None:
    ann = story.contact("Ann")
    other, _token = create_integration(by=ADMIN, now=story.now, name="Grafana")
    story.policy({ann: ["email"]}, name="Databases", rules=DB, stops_here=True)
    story.policy({ann: ["email"]}, name="Grafana only", sources=[other.pk])
    story.policy({ann: ["email"]}, name="Everything")

    found = explain({"alertname": "Disk full", "team": "db"}, story.now, integration=key_of(story.integration))

    assert [(item.name, item.is_match, item.why_not) for item in found.policies] == [
        ("Databases", True, ()),
        ("Grafana only", False, ("it does not listen to this integration",)),
        ("Everything", False, ("it matches, and the policy Databases stops before it",)),
    ]
