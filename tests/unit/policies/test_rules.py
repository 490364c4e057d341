from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.errors import InvalidInputError
from tocsin.policies.rules import (
    Condition,
    Mismatch,
    Operator,
    Rule,
    condition_holds,
    first_failed_condition,
    group_of,
    mismatches,
    parse_group_by,
    parse_rules,
    rules_as_json,
    rules_match,
    stored_rules,
)

words = st.sampled_from(["", "a", "b", "ab", "a,b", "中", "a b"])
label_sets = st.dictionaries(st.sampled_from(["x", "y", "z"]), words)
patterns = st.sampled_from(["", "a", "a|ab", "(a|b)*", ".*", "[^a]+", "a b"])
conditions = st.one_of(
    st.builds(Condition, st.sampled_from(["x", "y"]), st.sampled_from([Operator.EQ, Operator.NEQ]), words),
    st.builds(Condition, st.sampled_from(["x", "y"]), st.sampled_from([Operator.IN, Operator.NIN]), words),
    st.builds(Condition, st.sampled_from(["x", "y"]), st.sampled_from([Operator.RE, Operator.NRE]), patterns),
)
rule_lists = st.lists(st.lists(conditions, min_size=1, max_size=3).map(tuple), max_size=3)


def when(key: str, operator: str, value: str) -> Condition:
    return Condition(key, Operator(operator), value)


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (when("a", "eq", "x"), "x", True),
        (when("a", "eq", "x"), "X", False),
        (when("a", "eq", ""), None, True),
        (when("a", "neq", "x"), None, True),
        (when("a", "neq", ""), None, False),
        (when("a", "in", "x, y"), "y", True),
        (when("a", "in", "x,y"), "x,y", False),
        (when("a", "in", "x,y"), None, False),
        (when("a", "nin", "x,y"), None, True),
        (when("a", "nin", "x,y"), "x", False),
        (when("a", "re", "web-(1|2)"), "web-1", True),
        (when("a", "re", "web-(1|2)"), "web-12", False),
        (when("a", "re", "a|ab"), "ab", True),
        (when("a", "re", ""), None, True),
        (when("a", "re", ".+"), None, False),
        (when("a", "re", "a.b"), "a\nb", True),
        (when("a", "re", "(?i)DISK"), "disk", True),
        (when("a", "re", "."), "中", True),
        (when("a", "nre", "web-.*"), "db-1", True),
        (when("a", "nre", "web-.*"), "web-1", False),
    ],
)
def test_each_operator(condition: Condition, value: str | None, holds: bool) -> None:
    labels = {} if value is None else {"a": value}

    assert condition_holds(condition, labels) is holds


@given(conditions, label_sets)
def test_an_operator_and_its_opposite_never_agree(condition: Condition, labels: dict[str, str]) -> None:
    opposites = {
        Operator.EQ: Operator.NEQ, Operator.NEQ: Operator.EQ, Operator.IN: Operator.NIN,
        Operator.NIN: Operator.IN, Operator.RE: Operator.NRE, Operator.NRE: Operator.RE,
    }  # fmt: skip
    opposite = Condition(condition.key, opposites[condition.operator], condition.value)

    assert condition_holds(condition, labels) is not condition_holds(opposite, labels)


def naively(rules: list[Rule], labels: dict[str, str]) -> bool:
    """Word for word as the documents say it, with nothing of the code but the names of the operators."""
    for rule in rules:
        holds = []
        for condition in rule:
            value, typed = labels.get(condition.key, ""), condition.value
            listed = [part.strip() for part in typed.split(",") if part.strip()]
            holds.append(
                {
                    "eq": value == typed,
                    "neq": value != typed,
                    "in": value in listed,
                    "nin": value not in listed,
                    "re": bool(re.compile(rf"(?s:{typed})\Z").match(value)),
                    "nre": not re.compile(rf"(?s:{typed})\Z").match(value),
                }[condition.operator.value]
            )
        if all(holds):
            return True
    return not rules


# With few conditions and labels that are there, each of them decides often.
few_rules = st.lists(st.lists(conditions, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2)
known_labels = st.fixed_dictionaries({"x": words, "y": words})


@given(st.one_of(rule_lists, few_rules), st.one_of(label_sets, known_labels))
@settings(max_examples=400)
def test_matching_is_what_a_naive_interpreter_says(rules: list[Rule], labels: dict[str, str]) -> None:
    assert rules_match(rules, labels) is naively(rules, labels)


@given(patterns, words)
def test_patterns_are_anchored_at_both_ends(pattern: str, value: str) -> None:
    expected = re.fullmatch(pattern, value, re.DOTALL) is not None

    assert condition_holds(Condition("x", Operator.RE, pattern), {"x": value}) is expected


@given(rule_lists, label_sets)
def test_conditions_are_and_rules_are_or(rules: list[Rule], labels: dict[str, str]) -> None:
    expected = not rules or any(all(condition_holds(c, labels) for c in rule) for rule in rules)

    assert rules_match(rules, labels) is expected
    assert (mismatches(rules, labels) == ()) is expected


@given(rule_lists, label_sets)
def test_a_missing_label_is_the_empty_string(rules: list[Rule], labels: dict[str, str]) -> None:
    assert rules_match(rules, labels) is rules_match(rules, {"x": "", "y": "", "z": "", **labels})


@given(rule_lists, label_sets)
def test_a_mismatch_names_a_condition_that_fails(rules: list[Rule], labels: dict[str, str]) -> None:
    for mismatch in mismatches(rules, labels):
        rule = rules[mismatch.rule - 1]
        before = rule[: list(rule).index(mismatch.condition)]
        assert not condition_holds(mismatch.condition, labels)
        assert mismatch.actual == labels.get(mismatch.condition.key, "")
        assert all(condition_holds(condition, labels) for condition in before)


def test_the_first_failed_condition_of_each_rule_is_told() -> None:
    rules = [
        (when("team", "eq", "db"), when("env", "eq", "prod")),
        (when("env", "eq", "test"), when("team", "eq", "web")),
    ]

    assert mismatches(rules, {"team": "db", "env": "dev"}) == (
        Mismatch(1, when("env", "eq", "prod"), "dev"),
        Mismatch(2, when("env", "eq", "test"), "dev"),
    )
    assert first_failed_condition(rules[0], {"team": "db", "env": "prod"}) is None


def test_a_hostile_pattern_costs_no_time() -> None:
    assert not condition_holds(when("a", "re", "(a+)+$"), {"a": "a" * 4000 + "!"})


@given(st.lists(st.sampled_from(["x", "y", "z"])), label_sets, label_sets)
def test_events_share_a_group_when_they_share_its_labels(
    group_by: list[str], one: dict[str, str], other: dict[str, str]
) -> None:
    same = all(one.get(name, "") == other.get(name, "") for name in group_by)

    assert (group_of(group_by, one) == group_of(group_by, other)) is same


def test_no_grouping_is_one_group() -> None:
    assert group_of([], {"a": "1"}) == group_of([], {"b": "2"})
    assert group_of(["a"], {"a": "1", "b": "2"})[1] == {"a": "1"}


@given(rule_lists)
def test_rules_survive_being_stored(rules: list[Rule]) -> None:
    usable = [rule for rule in rules if not any(c.operator in ("in", "nin") and not c.value for c in rule)]

    assert stored_rules(rules_as_json(parse_rules(usable))) == tuple(usable)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([[]], "Rule 1 has no condition"),
        (["x"], "Rule 1 must be a list of conditions"),
        ([[1]], "Rule 1 must be a list of conditions"),
        ([[when("a", "eq", "b")], [{"key": " ", "operator": "eq"}]], "Rule 2, condition 1: name a label"),
        ([[{"key": "a", "operator": "like", "value": ""}]], "the operator must be one of eq, neq, in, nin, re, nre"),
        ([[{"key": "a", "operator": [], "value": ""}]], "the operator must be one of"),
        ([[{"key": "a", "operator": "eq", "value": 5}]], "key and value must be text"),
        ([[{"key": "a", "operator": "in", "value": " , "}]], "in needs at least one value"),
        ([[{"key": "a", "operator": "re", "value": "(b"}]], "not a regular expression (RE2 syntax): missing ): (b"),
        ([[{"key": "a", "operator": "re", "value": "(?=b)"}]], "not a regular expression (RE2 syntax)"),
        ([[{"key": "a", "operator": "eq", "value": "\0"}]], "holds a NUL character"),
        ([[{"key": "a", "operator": "eq", "value": "\ud800"}]], "holds half of a surrogate pair"),
        ([[{"key": "a", "operator": "eq", "value": "b"}] * 51], "Rule 1 has more than 50 conditions"),
        ([[{"key": "a", "operator": "eq", "value": "b"}]] * 101, "There are more than 100 rules"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_named_by_its_number(rules: Any, said: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_rules(rules)

    assert error.value.fields.keys() == {"rules"}
    assert said in error.value.fields["rules"]


def test_keys_are_trimmed_and_values_are_not() -> None:
    assert parse_rules([[{"key": " a ", "operator": "eq", "value": " b "}]]) == ((when("a", "eq", " b "),),)


def test_a_condition_reads_like_a_sentence() -> None:
    assert str(when("team", "neq", "db")) == 'team != "db"'


def test_group_names_are_trimmed_and_counted_once() -> None:
    assert parse_group_by([" a", "b", "a"]) == ("a", "b")
    for wrong in (["a", ""], ["a\0"], [str(number) for number in range(17)]):
        with pytest.raises(InvalidInputError) as error:
            parse_group_by(wrong)
        assert error.value.fields.keys() == {"group_by"}
