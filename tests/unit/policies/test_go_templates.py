"""ARMS's subset of Go templates."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tocsin.core.errors import InvalidInputError
from tocsin.policies.rules import GO_MARK, TemplateFault, parse_templates, why_not_a_template, written
from tocsin.policies.rules.go_templates import made_go

VALUES: dict[str, Any] = {
    "level": "P1",
    "dispatchRuleName": "Databases",
    "startTime": "2026-11-28 09:00:00",
    "endTime": "",
    "status": "firing",
    "commonLabels": {"alertname": "DiskFull", "clustername": "prod", "_aliyun_arms_involvedObject_kind": "app"},
    "alerts": [
        {"annotations": {"message": "db-7 <full>"}, "labels": {"instance": "db-7"}, "generatorURL": "https://g/1"},
        {"annotations": {"message": "db-8"}, "labels": {"instance": "db-8"}, "generatorURL": ""},
    ],
}


def made(source: str) -> str:
    return made_go(source, VALUES, str)


def test_the_vendors_own_default_text_is_made() -> None:
    text = made(
        "Alert: {{ .commonLabels.alertname }}\n"
        "{{if .commonLabels.clustername }}Cluster: {{ .commonLabels.clustername }}\n{{ end }}"
        '{{if eq "app" .commonLabels._aliyun_arms_involvedObject_kind }}App: {{ .commonLabels.name }}x\n{{ end }}'
        "Policy: {{ .dispatchRuleName }}\nTime: {{ .startTime }}\n"
        "{{ for .alerts }}- {{ .annotations.message }}{{if .generatorURL }} ({{.generatorURL}}){{end}}\n{{ end }}"
    )

    assert text == (
        "Alert: DiskFull\nCluster: prod\nApp: x\nPolicy: Databases\nTime: 2026-11-28 09:00:00\n"
        "- db-7 <full> (https://g/1)\n- db-8"
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ $a := index .alerts 0 }}{{ $a.labels.instance }}", "db-7"),
        ("{{ range $n, $a := .alerts }}{{ $n }}{{ $a.labels.instance }} {{ end }}", "0db-7 1db-8"),
        ("{{ range $k, $v := (index .alerts 0).labels }}{{ $k }}={{ $v }}{{ end }}", "instance=db-7"),
        ("{{ range .nothing }}x{{ else }}none{{ end }}", "none"),
        ("{{ with .commonLabels }}{{ .alertname }} {{ $.level }}{{ end }}", "DiskFull P1"),
        ("{{ with $c := .commonLabels }}{{ $c.alertname }}{{ end }}", "DiskFull"),
        ('{{ if eq .level "P2" "P1" }}a{{ else }}b{{ end }}', "a"),
        ('{{ if eq .level "P3" }}a{{ else if ne .level "P1" }}b{{ else }}c{{ end }}!', "c!"),
        ('{{ if and .level (not .endTime) (gt (len .alerts) 1) }}y{{ end }}', "y"),
        ('{{ if or .endTime .missing }}y{{ else }}n{{ end }}', "n"),
        ('{{ if lt .level "P3" }}bad{{ end }}', "bad"),
        ("{{ .missing.deeper }}|{{ (index .alerts 9).labels }}|{{ index .alerts 1 | len }}", "||3"),
        ('{{ index .commonLabels "alertname" | toUpper }} {{ .level | toLower }}', "DISKFULL p1"),
        ("a \n {{- .level -}} \n b{{/* a }} comment */}}", "aP1b"),
        ('{{ "}}" }}{{ `raw "x"` }}{{ "a\\n" }}{{ true }}{{ 5 }}', '}}raw "x"a\ntrue5'),
        ("{{ . }}", None),
        ("no action, one brace { and }}", "no action, one brace { and }}"),
    ],
)  # fmt: skip
def test_the_language(source: str, text: str | None) -> None:
    if text is None:
        assert "level=P1" in made(source)
    else:
        assert made(source) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a\n{{ if .x }}b", "Line 2: a block has no {{ end }}"),
        ("a{{ end }}", "Line 1: {{ end }} or {{ else }} without a block"),
        ("{{ if .x }}{{ else }}{{ else }}{{ end }}", "without a block"),
        ("{{ $b }}", "there is no variable $b"),
        ("{{ for .a }}{{ $x := .b }}{{ end }}{{ $x }}", "there is no variable $x"),
        ('{{ printf "%s" .a }}', "there is no function printf"),
        ("{{ template \"x\" }}", "there is no function template"),
        ("{{ .a .b }}", "cannot be read"),
        ("{{ }", "cannot be read: {{ }"),
        ("{{ if }}{{ end }}", "cannot be read"),
        ("{{ not }}", "Line 1"),
        ("{{ (.a }}", "cannot be read"),
        ("{{ for .a }}{{ for .b }}{{ for .c }}{{ end }}{{ end }}{{ end }}", "a loop in a loop in a loop"),
        ("{{ if .a }}" * 30 + "{{ end }}" * 30, "Line 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_line(source: str, problem: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        made(source)

    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ for .alerts }}{{ for $.alerts }}" + "{{ . }}" * 900 + "{{ end }}{{ end }}",
        "{{ for .alerts }}{{ for $.alerts }}" + "{{ if eq (toUpper $) 1 }}{{ end }}" * 4 + "{{ end }}{{ end }}",
        "{{ for .alerts }}{{ for $.alerts }}" + '{{ if lt $ "a" }}{{ end }}' * 4 + "{{ end }}{{ end }}",
        "{{" * 10_000,
        "{{/*" * 1900,
        '{{ "' * 2000,
        "{{ " + "(" * 7000,
        "{{ if .a }}" * 700,
    ],
)
def test_its_cost_is_bounded(source: str) -> None:
    many = {**VALUES, "alerts": [{"text": "x" * 4000} for _ in range(10_000)]}
    begun = time.process_time()

    with pytest.raises(TemplateFault):
        made_go(source, {**many, ".": many}, str)

    assert time.process_time() - begun < 2


def test_values_go_through_the_channels_dialect_and_the_authors_words_do_not() -> None:
    source = "<b>{{ (index .alerts 0).annotations.message }}</b>"

    text = written(GO_MARK + source, {"go": VALUES}, lambda value: value.replace("<", "&lt;"))

    assert text == "<b>db-7 &lt;full></b>"


def test_a_go_template_is_kept_to_the_letter_and_judged_by_its_own_language() -> None:
    source = GO_MARK + "  {{ .commonLabels.alertname }}\r\n"

    assert parse_templates({"sms_content": source, "email_title": GO_MARK}) == {"sms_content": source}
    assert why_not_a_template(GO_MARK + "{{ .anything.at.all }}") == ""
    with pytest.raises(InvalidInputError) as caught:
        parse_templates({"sms_content": GO_MARK + "{{ if }}"})
    assert list(caught.value.fields) == ["templates.sms_content"]
    with pytest.raises(InvalidInputError):
        parse_templates({"sms_content": "{{ .level }}"})


@pytest.mark.parametrize(
    "source", [GO_MARK + '{{ "\\u0000" }}x', GO_MARK + '{{ "\\ud800" }}x', r"{{ '\x00' }}x", r"{{ '\ud800' }}x"]
)
def test_a_text_that_no_database_keeps_is_refused_when_saved_and_a_fault_when_made(source: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_templates({"sms_content": source})
    assert "cannot be stored" in str(refused.value)
    with pytest.raises(TemplateFault, match="cannot be stored"):
        written(source, {"go": VALUES}, str)
