"""Templates of policies: what they may do, what is refused and where, and that none can run away."""

from __future__ import annotations

import time
from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.errors import InvalidInputError
from tocsin.policies.rules.templating import (
    EVENT_FIELDS,
    EXAMPLE,
    VARIABLES,
    TemplateFault,
    parse_templates,
    why_not_a_template,
    written,
)


def test_the_example_has_every_variable() -> None:
    assert EXAMPLE.keys() == VARIABLES | {"go"}
    assert EXAMPLE["events"][0].keys() == EVENT_FIELDS


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ severity }} {{ title }}", "P1 DiskFull"),
        ("{{ labels.instance }}/{{ labels['instance'] }}/{{ labels.none }}", "db-7/db-7/"),
        ("{% for event in events %}{{ loop.index }}. {{ event.name }}{% endfor %}", "1. DiskFull"),
        ("{% for key, value in labels|items %}{{ key }}={{ value }};{% endfor %}", "alertname=DiskFull;instance=db-7;"),
        ("{% if active > 0 and severity in ['P1', 'P2'] %}bad{% else %}fine{% endif %}", "bad"),
        ("{% set event = events[0] %}{{ event.summary|upper }}", "FULL"),
        ("{{ labels }}", "alertname=DiskFull, instance=db-7"),
        ("{{ labels.items }}{{ events.append }}x", "x"),
        ("{{ title|truncate(5) }}", "Disk…"),
        ("{{ labels.team|default('nobody') }} {{ title|replace('Full', 'Empty') }}", "nobody DiskEmpty"),
        ("{{ events|length + 1 }} {{ title ~ '!' }}", "2 DiskFull!"),
        ("{# a note #}{{ active }}\n", "1"),
    ],
)
def test_what_a_template_can_do(source: str, text: str) -> None:
    assert why_not_a_template(source) == ""
    assert written(source, EXAMPLE, str) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a\n{{ titel }}", "Line 2: there is no variable titel"),
        ("a\nb\n{% if %}", "Line 3: Expected an expression"),
        ("{{ title", "Line 1: unexpected end of template"),
        ("{% for event in events %}{{ event.sumary }}{% endfor %}", "there is no field sumary"),
        ("{{ title|nonsense }}", "Line 1: there is no filter nonsense"),
        ("{{ title|each }}", "Line 1: there is no filter each"),
        ("{{ title.upper() }}", "Line 1: call cannot be used here"),
        ("{{ title * 1000000 }}", "Line 1: mul cannot be used here"),
        ("{{ 9 ** 999999999 }}", "Line 1: pow cannot be used here"),
        ("{{ '%999999999d' % 1 }}", "Line 1: mod cannot be used here"),
        ("{% set x = title ~ title %}{{ x }}", "Line 1: set cannot be used here"),
        ("{% for x in [title ~ title] %}{{ x }}{% endfor %}", "Line 1: for cannot be used here"),
        ("{% macro m() %}{% endmacro %}", "Line 1: macro cannot be used here"),
        ("{% include 'x' %}", "Line 1: include cannot be used here"),
        ("{% import 'x' as y %}", "Line 1: import cannot be used here"),
        ("{% for a in events %}{% for b in events %}{% for c in events %}{% endfor %}{% endfor %}{% endfor %}",
         "Line 1: a loop in a loop in a loop cannot be used here"),
        ("{{ range(10) }}", "Line 1: call cannot be used here"),
        ("{{ self }}", "Line 1: there is no variable self"),
        ("{{ title + 1 }}", 'can only concatenate str (not "int") to str'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(source: str, problem: str) -> None:
    assert problem in why_not_a_template(source)


@pytest.mark.parametrize(
    "source", ["{% if active > 5 %}x{% endif %}", "{{ ''.__class__.__mro__ }}", "{{ labels.nowhere }}"]
)
def test_a_text_that_comes_out_empty_is_a_fault_of_the_moment(source: str) -> None:
    assert why_not_a_template(source) == ""
    with pytest.raises(TemplateFault, match="the text is empty"):
        written(source, EXAMPLE, str)


def test_templates_are_stored_in_order_without_empty_ones_and_refused_by_name() -> None:
    typed = {"sms_content": " {{ title }}\r\n{{ url }} ", "email_title": "{{ title }}", "robot_content": ""}

    assert list(parse_templates(typed).items()) == [
        ("email_title", "{{ title }}"),
        ("sms_content", "{{ title }}\n{{ url }}"),
    ]
    with pytest.raises(InvalidInputError) as error:
        parse_templates({"sms_content": "{{ x }}", "phone_content": "{{ y", "email_title": "x" * 8001})
    assert list(error.value.fields) == ["templates.sms_content", "templates.phone_content", "templates.email_title"]
    with pytest.raises(InvalidInputError):
        parse_templates({"fax_content": "x"})


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "description|replace('a', description)" + "|replace('a', description)" * 5 + " }}",
        "{% for a in events %}{% for b in events %}{{ description }}{% endfor %}{% endfor %}",
        "{{ " + "events|join(description)" + "|replace('a', description)" * 3 + " }}",
    ],
)
def test_no_text_grows_beyond_its_bound(source: str) -> None:
    values: dict[str, Any] = {**EXAMPLE, "description": "a" * 20_000, "events": list(EXAMPLE["events"]) * 50}

    with pytest.raises(TemplateFault) as fault:
        written(source, values, str)

    assert "grew too long" in str(fault.value)


def test_the_most_that_a_template_can_loop_takes_little_time() -> None:
    loop = "{% for a in events %}{% for k, v in labels|items %}{% if k == v %}x{% endif %}{% endfor %}{% endfor %}"
    source = ("{{ title }}" + loop * 80)[:8000].rsplit("{% for a", 1)[0]
    values: dict[str, Any] = {
        **EXAMPLE, "events": list(EXAMPLE["events"]) * 50, "labels": {f"l{number}": "v" for number in range(64)},
    }  # fmt: skip
    begun = time.process_time()

    written(source, values, str)

    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in events %}{% for b in events %}{% if SLOW == 'x' %}{% endif %}{% endfor %}{% endfor %}".replace(
            "SLOW", "description" + "|replace('a', 'b')|replace('b', 'a')" * 60
        ),
        "{% if (" + "~".join(["annotations"] * 600) + ") == 'x' %}{% endif %}{{ title }}",
        "{% if (" + "+".join(["description"] * 600) + ") == 'x' %}{% endif %}{{ title }}",
    ],
)
def test_what_writes_nothing_ends_too(source: str) -> None:
    long = "a" * 60_000
    values: dict[str, Any] = {
        **EXAMPLE, "description": long, "events": list(EXAMPLE["events"]) * 50,
        "annotations": {f"a{number}": long for number in range(64)},
    }  # fmt: skip
    begun = time.monotonic()

    with pytest.raises(TemplateFault):
        written(source, values, str)

    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    "source",
    ["{{ " + "9" * 5000 + " }}", "{{ title" + "|upper" * 1200 + " }}", "{{ " + "not " * 1900 + "title }}"],
)
def test_what_python_cannot_read_is_a_fault_as_well(source: str) -> None:
    assert why_not_a_template(source)


hostile = st.text(alphabet=st.sampled_from("<>&\"'*_`[]()@#\\a all"), max_size=30)


@given(hostile, hostile)
def test_every_value_goes_through_the_dialect(label: str, title: str) -> None:
    source = (
        "<b>{{ title }}</b> {{ labels.x|upper }} {% for k, v in labels|items %}{{ v ~ '<' }}{% endfor %}{{ labels }}"
    )
    values = {**EXAMPLE, "title": title, "labels": {"x": label}}

    text = written(source, values, escape)

    assert text.replace("<b>", "").replace("</b>", "").count("<") == 0
    assert escape(title) in text
