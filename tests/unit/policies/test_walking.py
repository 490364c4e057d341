"""Order, *stop here* and sources: the walk over the policies, held against one that tries each in turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policies.test_rules import label_sets, rule_lists
from tocsin.policies.rules import Condition, Matcher, Operator, Rule, Walk, rules_match


def policy(number: int, rules: Sequence[Rule] = (), *, sources: Sequence[int] = (), stops: bool = False,
           shadow: bool = False) -> Matcher:  # fmt: skip
    return Matcher(
        policy_id=number, name=f"Policy {number}", version_id=number, rules=tuple(rules), group_by=(),
        group_wait=timedelta(0), sources=frozenset(sources), stops_here=stops, is_shadow=shadow,
    )  # fmt: skip


def eq(key: str, value: str) -> Rule:
    return (Condition(key, Operator.EQ, value),)


def tried_in_turn(policies: Sequence[Matcher], labels: dict[str, str], integration: int) -> list[int]:
    """Word for word as the documents say it."""

    def takers(among: Sequence[Matcher]) -> list[Matcher]:
        taken = []
        for item in among:
            if item.sources and integration not in item.sources:
                continue
            if not rules_match(item.rules, labels):
                continue
            taken.append(item)
            if item.stops_here:
                break
        return taken

    real = {item.policy_id for item in takers([item for item in policies if not item.is_shadow])}
    shadows = {item.policy_id for item in takers(policies) if item.is_shadow}
    return [item.policy_id for item in policies if item.policy_id in real | shadows]


few = st.sampled_from(["a", "b"])
few_labels = st.dictionaries(st.sampled_from(["x", "y"]), few)
named = st.one_of(
    st.builds(Condition, st.sampled_from(["x", "y"]), st.just(Operator.EQ), few),
    st.builds(Condition, st.sampled_from(["x", "y"]), st.just(Operator.IN), st.sampled_from(["a,b", "b, c", "c"])),
    st.builds(Condition, st.sampled_from(["x", "y"]), st.just(Operator.NEQ), few),
)
policies_by_name = st.lists(st.lists(named, min_size=1, max_size=3).map(tuple), max_size=3)

policy_lists = st.lists(
    st.tuples(
        st.one_of(st.just([]), rule_lists, policies_by_name),
        st.sets(st.integers(1, 3), max_size=2),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
).map(
    lambda items: [
        policy(number, rules, sources=sorted(sources), stops=stops, shadow=shadow)
        for number, (rules, sources, stops, shadow) in enumerate(items, 1)
    ]
)


@given(st.lists(policies_by_name, max_size=6), few_labels)
@settings(max_examples=200, deadline=None)
def test_each_value_that_a_condition_names_leads_to_its_rule(listed: list[list[Rule]], labels: dict[str, str]) -> None:
    policies = [policy(number, rules) for number, rules in enumerate(listed, 1)]

    taken = [item.policy_id for item in Walk(policies).policies_for(labels, 1)]

    assert taken == tried_in_turn(policies, labels, 1)


@given(policy_lists, st.one_of(label_sets, few_labels), st.integers(1, 3))
@settings(max_examples=300, deadline=None)
def test_the_walk_takes_what_trying_every_policy_in_turn_takes(
    policies: list[Matcher], labels: dict[str, str], integration: int
) -> None:
    taken = [item.policy_id for item in Walk(policies).policies_for(labels, integration)]

    assert taken == tried_in_turn(policies, labels, integration)


def test_a_policy_that_stops_keeps_the_event_from_those_after_it() -> None:
    walk = Walk([policy(1), policy(2, [eq("team", "db")], stops=True), policy(3)])

    assert [item.policy_id for item in walk.policies_for({"team": "db"}, 1)] == [1, 2]
    assert [item.policy_id for item in walk.policies_for({"team": "web"}, 1)] == [1, 3]


def test_a_policy_hears_only_its_sources() -> None:
    walk = Walk([policy(1, sources=[7], stops=True), policy(2)])

    assert [item.policy_id for item in walk.policies_for({}, 7)] == [1]
    assert [item.policy_id for item in walk.policies_for({}, 8)] == [2]


def test_a_shadow_takes_nothing_away_from_anybody_real() -> None:
    walk = Walk([policy(1, shadow=True, stops=True), policy(2, shadow=True), policy(3, stops=True),
                 policy(4, shadow=True), policy(5)])  # fmt: skip

    assert [item.policy_id for item in walk.policies_for({}, 1)] == [1, 3]


def test_only_policies_that_can_match_are_looked_at() -> None:
    """Of two conditions the one that fewer policies share decides where a rule waits."""
    both = [(Condition("severity", Operator.EQ, "critical"), Condition("service", Operator.EQ, f"s{number}"))
            for number in range(1000)]  # fmt: skip
    walk = Walk([policy(number, [rule]) for number, rule in enumerate(both)])

    waiting = walk._waiting

    assert set(waiting) == {"service"}
    assert waiting["service"]["s7"] == (7,)
