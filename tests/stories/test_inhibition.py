"""While the larger thing fires, what follows from it is quiet; by equal labels, as in Alertmanager."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stories.harness import ADMIN, Story
from tocsin.events.models import Event, EventLook
from tocsin.policies.inhibiting import inhibition_of
from tocsin.policies.models import Inhibition, InhibitionMember
from tocsin.policies.services.inhibitions import create_inhibition, delete_inhibition, save_inhibition


def when(key: str, value: str, operator: str = "eq") -> list[list[dict[str, str]]]:
    return [[{"key": key, "operator": operator, "value": value}]]


def cluster_down(story: Story, **fields: Any) -> Inhibition:
    content: dict[str, Any] = {
        "name": "Cluster down", "source_rules": when("alertname", "Cluster down"),
        "target_rules": when("severity", "warning"), "equal": ["cluster"], **fields,
    }  # fmt: skip
    return create_inhibition(by=ADMIN, now=story.now, **content)


def test_what_follows_from_a_source_is_quiet_and_told_when_the_source_recovers(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    cluster_down(story)
    story.fires("Cluster down", cluster="a", severity="critical")
    story.passes(5)
    story.expect_mail(ann, "Cluster down")

    target = story.fires("Disk full", cluster="a", severity="warning")
    story.fires("Disk full", cluster="b", severity="warning")
    story.passes(60)

    story.expect_mail(ann, "cluster=b")
    target.refresh_from_db()
    assert (target.state, target.inhibited_by) == ("silenced", Inhibition.objects.get().pk)
    story.recovers("Cluster down", cluster="a", severity="critical")
    story.passes(60)
    story.expect_mail(ann, "Cluster down")
    story.expect_mail(ann, "cluster=a")
    assert InhibitionMember.objects.filter(is_source=True).count() == 0


def test_a_source_that_comes_after_its_target_quiets_it_before_anybody_is_told(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    cluster_down(story)

    story.fires("Disk full", cluster="a", severity="warning")
    story.fires("Cluster down", cluster="a", severity="critical")
    story.passes(60)

    story.expect_mail(ann, "Cluster down")
    assert EventLook.objects.count() == 0


def test_a_target_that_recovers_meanwhile_is_never_told(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    cluster_down(story)
    story.fires("Cluster down", cluster="a", severity="critical")
    story.fires("Disk full", cluster="a", severity="warning")
    story.passes(60)
    story.expect_mail(ann, "Cluster down")

    story.recovers("Disk full", cluster="a", severity="warning")
    story.recovers("Cluster down", cluster="a", severity="critical")
    story.passes(60)

    story.expect_mail(ann, "Cluster down")
    assert InhibitionMember.objects.count() == 0


def test_the_last_of_two_sources_wakes_the_target(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, rules=when("severity", "warning"))
    cluster_down(story)
    for node in ("1", "2"):
        story.fires("Cluster down", cluster="a", node=node)
    story.fires("Disk full", cluster="a", severity="warning")
    story.passes(60)

    story.recovers("Cluster down", cluster="a", node="1")
    story.passes(60)
    story.expect_silence()
    story.recovers("Cluster down", cluster="a", node="2")
    story.passes(60)

    story.expect_mail(ann, "Disk full")


def test_labels_that_both_lack_are_equal_and_one_that_only_one_has_is_not(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, rules=when("severity", "warning"))
    cluster_down(story)
    story.fires("Cluster down")

    story.fires("Disk full", severity="warning")
    story.fires("Disk slow", severity="warning", cluster="a")
    story.passes(60)

    story.expect_mail(ann, "Disk slow")


def test_what_is_source_and_target_does_not_inhibit_its_like(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    cluster_down(story, source_rules=when("severity", "warning"))

    story.fires("Disk full", cluster="a", severity="warning")
    story.fires("Disk slow", cluster="a", severity="warning")
    story.passes(60)

    story.expect_mail(ann, "Disk full")
    story.expect_mail(ann, "Disk slow")


def test_a_new_inhibition_sees_what_fires_and_one_that_goes_tells_it(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, rules=when("severity", "warning"))
    story.fires("Disk full", cluster="a", severity="warning")
    story.fires("Cluster down", cluster="a")
    story.passes(5)
    story.expect_mail(ann, "Disk full")

    inhibition = cluster_down(story)
    story.passes(60)
    assert Event.objects.get(labels__alertname="Disk full").state == "silenced"
    labels = {"severity": "warning", "cluster": "a"}
    assert inhibition_of(labels) == (inhibition.pk, "Cluster down")
    assert inhibition_of({**labels, "cluster": "b"}) is None
    save_inhibition(
        by=ADMIN, now=story.now, inhibition_id=inhibition.pk, name="Other", source_rules=when("alertname", "None"),
        target_rules=when("severity", "warning"), equal=["cluster"],
    )  # fmt: skip
    story.passes(60)

    story.expect_mail(ann, "Disk full")
    delete_inhibition(by=ADMIN, now=story.now, inhibition_id=inhibition.pk)
    story.passes(60)


def test_a_source_that_nobody_reports_any_more_wakes_what_it_kept_quiet(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, rules=when("severity", "warning"))
    cluster_down(story)
    source = story.fires("Cluster down", cluster="a")
    story.fires("Disk full", cluster="a", severity="warning")
    story.passes(60)
    Event.objects.filter(pk=source.pk).update(ends_at=story.now, sweep_at=story.now)

    story.passes(60)

    story.expect_mail(ann, "Disk full")


names = st.sampled_from(["a", "b", ""])
acts = st.lists(st.tuples(st.booleans(), st.sampled_from(["source", "target", "both"]), names, names), max_size=8)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_at_any_time_exactly_those_are_quiet_that_alertmanager_would_mute(
    story: Story, steps: list[tuple[bool, str, str, str]]
) -> None:
    Inhibition.objects.all().delete()
    Event.objects.all().delete()
    create_inhibition(
        by=ADMIN, now=story.now, name="Any", source_rules=when("role", "source, both", "in"),
        target_rules=when("role", "target, both", "in"), equal=["cluster"],
    )  # fmt: skip
    firing: set[tuple[str, str, str]] = set()
    for fires, role, cluster, host in steps:
        labels = {"role": role, "host": host, **({"cluster": cluster} if cluster else {})}
        if fires:
            story.fires("Any", **labels)
            firing.add((role, cluster, host))
        else:
            story.recovers("Any", **labels)
            firing.discard((role, cluster, host))
        story.passes(1)

    quiet = {
        (event.labels["role"], event.labels.get("cluster", ""), event.labels["host"])
        for event in Event.objects.filter(state="silenced")
    }

    assert quiet == {
        target
        for target in firing
        if target[0] != "source"
        and any(
            source != target and source[1] == target[1] and source[0] != "target"
            and not (target[0] == "both" and source[0] == "both")
            for source in firing
        )
    }  # fmt: skip
