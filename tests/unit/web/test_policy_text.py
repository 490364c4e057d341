"""Match rules as lines of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.errors import InvalidInputError
from tocsin.policies.rules import SIGNS, Condition, Operator
from tocsin.web.console.policy_text import read_rules, write_rules


def test_rules_are_read_as_people_write_them() -> None:
    text = "alertname = DiskFull\nseverity in critical, error\n# asked for by payments\n\nservice =~ pay-.*\n"

    assert read_rules(text) == [
        [Condition("alertname", Operator.EQ, "DiskFull"), Condition("severity", Operator.IN, "critical, error")],
        [Condition("service", Operator.RE, "pay-.*")],
    ]


@pytest.mark.parametrize(("operator", "sign"), SIGNS.items())
@pytest.mark.parametrize("pattern", ["job{} node", "job {} node", "  job   {}   node  "])
def test_each_sign_is_read_with_and_without_blanks(operator: Operator, sign: str, pattern: str) -> None:
    if sign.isalpha() or " " in sign:
        pattern = "job {} node"

    assert read_rules(pattern.format(sign)) == [[Condition("job", operator, "node")]]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("job = ", ""),
        ("job =", ""),
        ("job = a = b", "a = b"),
        ("job = in", "in"),
        ('job = " padded "', " padded "),
        ("job =~ (a|b)=c", "(a|b)=c"),
        ("job = 数据库", "数据库"),
    ],
)
def test_the_value_is_what_follows_the_sign(line: str, value: str) -> None:
    assert read_rules(line)[0][0].value == value


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "   \n\t\n"])
def test_nothing_written_is_no_rule(text: str) -> None:
    assert read_rules(text) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("severity", 1),
        ("a = b\nseverity critical", 2),
        ("a = b\n\n= c", 3),
        ('"a = b', 1),
        ('a = "b', 1),
        ("x is y", 1),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_its_number(text: str, line: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_rules(text)

    assert list(refused.value.fields) == ["rules"]
    assert f"Line {line}:" in refused.value.fields["rules"]


_CONDITIONS = st.builds(
    Condition,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    st.sampled_from(Operator),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


@given(st.lists(st.lists(_CONDITIONS, min_size=1, max_size=4), max_size=4))
def test_what_is_written_is_read_back_as_it_was(rules: list[list[Condition]]) -> None:
    assert read_rules(write_rules(rules)) == rules
