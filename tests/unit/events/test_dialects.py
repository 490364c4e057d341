"""Each dialect on what its senders really post, and on what is wrong with it."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tocsin.core.errors import InvalidInputError
from tocsin.events.dialects import ARMS, DIALECTS, Post, Read, UnreadableError
from tocsin.events.dialects.base import HELD_FOR
from tocsin.events.dialects.mapping import MappingError, parse_mapping
from tocsin.events.dialects.plain import USUAL

PAYLOADS = Path(__file__).resolve().parents[2] / "fixtures" / "payloads"
NOW = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "A234-1234",
    "source": "/backup/db1",
    "type": "org.example.backup.failed",
    "time": "2026-11-28T05:59:00Z",
    "severity": "critical",
    "datacontenttype": "application/json",
    "data": {"message": "no space", "labels": {"host": "db1"}},
}
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json"


def read(dialect: str, content: Any, *, now: datetime = NOW, mapping: str = "", **headers: str) -> Read:
    """Content: bytes as they are, a file's name, anything else as JSON."""
    if isinstance(content, str):
        content = (PAYLOADS / content).read_bytes()
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    post = Post(body, now, timedelta(minutes=5), {"content-type": "application/json", **named}, mapping)
    return (ARMS if dialect == "arms" else DIALECTS[dialect]).read(post)


def test_alertmanagers_webhook_is_read() -> None:
    found = read("alertmanager", "alertmanager-one-resolved.json")

    firing, resolved = found.reports
    assert found.refused == []
    assert firing.labels == {"alertname": "NodeDown", "host": "db2", "severity": "error", "team": "db"}
    assert firing.annotations == {"description": "节点 db2 已离线", "summary": "db2 does not answer"}
    assert firing.generator_url == "http://prometheus:9090/graph?g0.expr=up%3D%3D0"
    assert firing.starts_at == datetime(2026, 11, 28, 5, 50, 1, 402374, tzinfo=UTC)
    assert firing.ends_at == NOW + HELD_FOR
    assert (resolved.labels["host"], resolved.ends_at) == ("db3", datetime(2026, 11, 28, 5, 50, 4, tzinfo=UTC))


def test_a_recovery_of_a_sender_whose_clock_is_ahead_is_one_now() -> None:
    early = datetime(2026, 11, 28, 5, 50, 2, tzinfo=UTC)

    resolved = read("alertmanager", "alertmanager-one-resolved.json", now=early).reports[1]

    assert resolved.ends_at == early


def test_grafanas_webhook_is_read_with_its_links_and_values() -> None:
    firing, resolved = read("grafana", "grafana.json").reports

    assert firing.labels == {
        "alertname": "High load", "grafana_folder": "Servers", "host": "db1", "severity": "critical",
    }  # fmt: skip
    assert firing.annotations == {
        "summary": "db1 is busy",
        "description": "Load of db1 is 14.2",
        "runbook_url": "https://runbooks.example.org/load",
        "dashboard_url": "https://grafana.example.org/d/hyFvC6y7z?orgId=1",
        "panel_url": "https://grafana.example.org/d/hyFvC6y7z?orgId=1&viewPanel=4",
        "silence_url": "https://grafana.example.org/alerting/silence/new?alertmanager=grafana"
        "&matcher=__alert_rule_uid__%3Daf1x29v7z&matcher=host%3Ddb1&orgId=1",
        "values": "A=14.2, C=1",
    }
    assert firing.ends_at == NOW + HELD_FOR
    assert resolved.ends_at == datetime(2026, 11, 23, 11, 58, 20, 933583, tzinfo=UTC)
    (test,) = read("grafana", "grafana-test.json").reports
    assert (test.labels["alertname"], test.generator_url) == ("TestAlert", "?orgId=1")
    assert test.annotations["values"] == "[ metric='foo' labels={instance=bar} value=10 ]"


@pytest.mark.parametrize("dialect", ["alertmanager", "grafana"])
def test_what_is_over_may_be_written_with_a_capital(dialect: str) -> None:
    """As a payload of Grafana has it that somebody wrote with `title`."""
    (report,) = read(dialect, {"alerts": [{"status": "Resolved", "labels": {"alertname": "A"}}]}).reports

    assert report.ends_at == NOW


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no", "The body is not JSON"),
        (b"\xff", "The body is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "The body must be a JSON object with `alerts`."),
        ({"version": "3", "alerts": []}, "version: only '4' is read here."),
        ({"version": "4", "alerts": {}}, "alerts: must be an array."),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(content: Any, told: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read("alertmanager", content)

    assert told in str(caught.value)


def test_one_bad_alert_costs_no_other_and_its_field_is_named() -> None:
    good = {"status": "firing", "labels": {"alertname": "A"}}
    bad = [
        {"labels": {"alertname": "A"}},
        {"status": "firing", "labels": {"alertname": 1}},
        {"status": "firing", "labels": {}},
        {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "yesterday"},
        "A",
        {"status": "firing", "labels": {"alertname": "A\0"}},
    ]

    found = read("alertmanager", {"version": "4", "alerts": [*bad, good]})

    assert [report.labels for report in found.reports] == [{"alertname": "A"}]
    assert [text.partition(":")[0] for text in found.refused] == [
        "alerts[0]", "alerts[1].labels[...]", "alerts[2].labels", "alerts[3].startsAt", "alerts[4]",
        "alerts[5].labels.alertname",
    ]  # fmt: skip
    assert "status" in found.refused[0]
    assert "Expected `str`, got `int`" in found.refused[1]


def test_a_structured_cloud_event_is_read() -> None:
    (report,) = read("cloudevents", CLOUD_EVENT, content_type=STRUCTURED).reports

    assert report.labels == {
        "alertname": "org.example.backup.failed", "source": "/backup/db1", "severity": "critical", "host": "db1",
    }  # fmt: skip
    assert report.annotations == {"summary": "no space"}
    assert (report.starts_at, report.ends_at) == (datetime(2026, 11, 28, 5, 59, tzinfo=UTC), None)
    assert len(report.report_id) == 64


def test_binary_base64_and_batched_cloud_events_are_the_same_event() -> None:
    attributes = {
        f"ce-{name}": value
        for name, value in CLOUD_EVENT.items()
        if isinstance(value, str) and name != "datacontenttype"
    }
    data = json.dumps(CLOUD_EVENT["data"]).encode()
    encoded = {**CLOUD_EVENT, "data_base64": base64.b64encode(data).decode()}
    del encoded["data"]

    structured = read("cloudevents", CLOUD_EVENT, content_type=STRUCTURED).reports
    binary = read("cloudevents", data, **attributes).reports
    batch = read("cloudevents", [CLOUD_EVENT, encoded], content_type=BATCH).reports

    assert binary == structured
    assert batch == structured * 2


def test_a_cloud_event_says_that_something_is_over() -> None:
    over = {**CLOUD_EVENT, "data": {"status": "resolved", "labels": {"host": "db1"}}}
    fires = {**CLOUD_EVENT, "data": {"status": "firing", "labels": {"host": "db1"}}}

    assert read("cloudevents", over, content_type=STRUCTURED).reports[0].ends_at == NOW
    assert read("cloudevents", fires, content_type=STRUCTURED).reports[0].ends_at == NOW + HELD_FOR


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"time": "yesterday"}, "time"),
        ({"data": {"startsAt": "yesterday"}}, "data.startsAt"),
        ({"time": "2026-11-28T05:00:00Z", "data": {"endsAt": "never"}}, "data.endsAt"),
    ],
)
def test_a_moment_of_a_cloud_event_that_cannot_be_read_is_called_what_its_sender_calls_it(
    said: dict[str, Any], name: str
) -> None:
    found = read("cloudevents", {**CLOUD_EVENT, **said}, content_type=STRUCTURED)

    assert found.reports == []
    assert found.refused[0].startswith(f"{name}: is no time")


def test_percent_signs_in_headers_are_read() -> None:
    (report,) = read(
        "cloudevents", b"", ce_specversion="1.0", ce_id="1", ce_source="/a", ce_type="t", ce_subject="%E6%97%A5 x"
    ).reports

    assert report.labels == {"alertname": "t", "source": "/a", "subject": "日 x"}


@pytest.mark.parametrize("missing", ["id", "source", "specversion", "type"])
def test_a_cloud_event_without_a_required_attribute_names_it(missing: str) -> None:
    event = {name: value for name, value in CLOUD_EVENT.items() if name != missing}

    found = read("cloudevents", [event, CLOUD_EVENT], content_type=BATCH)

    assert found.refused == [f"events[0]: {missing}: is required"]
    assert len(found.reports) == 1


def test_what_is_no_cloud_event_is_told_how_to_be_one() -> None:
    for kind in ("application/json", "application/cloudevents+avro"):
        with pytest.raises(UnreadableError, match="application/cloudevents"):
            read("cloudevents", CLOUD_EVENT, content_type=kind)


def test_plain_json_is_read_in_the_usual_way_without_a_mapping() -> None:
    content = {
        "labels": {"alertname": "A", "host": "db1"}, "message": "full", "status": "problem",
        "startsAt": 1764309600000, "url": "http://a",
    }  # fmt: skip

    one, many = read("json", content), read("json", [content, {"title": "B", "severity": 3, "state": "OK"}])

    (report,) = one.reports
    assert report.labels == {"alertname": "A", "host": "db1"}
    assert report.annotations == {"summary": "full"}
    assert report.starts_at == datetime(2025, 11, 28, 6, 0, tzinfo=UTC)
    assert (report.ends_at, report.generator_url) == (NOW + HELD_FOR, "http://a")
    assert many.reports[1].labels == {"alertname": "B", "severity": "3"}
    assert many.reports[1].ends_at == NOW


MAPPING = """
# what our watchdog sends
each = alarms
labels.alertname = rule.name | rule.id | "Unnamed"
labels.site = $.site
labels.where = "{host.name}:{ports[0]}"   # both
labels.* = tags
annotations.summary = text
annotations.raw = host
status = state
resolved = "Gone, back"
starts_at = at
id = key
link = "https://watch.example.org/{key}"
"""
ALARMS = {
    "site": "Ulm",
    "alarms": [
        {
            "rule": {"name": "", "id": 7}, "host": {"name": "db1"}, "ports": [5432],
            "tags": {"a": True, "deep": {}, "n": 1.5}, "text": "slow", "state": "bad",
            "at": "2026-11-28 05:00:00", "key": "k1",
        },
        {"host": {"name": "db2"}, "state": "gone", "key": "k2"},
        {"host": {"name": "db3"}, "at": "soon"},
        17,
    ],
}  # fmt: skip


def test_a_mapping_says_what_stands_where() -> None:
    found = read("json", ALARMS, mapping=MAPPING)

    first, second = found.reports
    assert first.labels == {"alertname": "7", "site": "Ulm", "where": "db1:5432", "a": "true", "n": "1.5"}
    assert first.annotations == {"summary": "slow", "raw": '{"name":"db1"}'}
    assert first.starts_at == datetime(2026, 11, 28, 5, 0, tzinfo=UTC)
    assert (first.ends_at, first.report_id) == (NOW + HELD_FOR, "k1")
    assert first.generator_url == "https://watch.example.org/k1"
    assert second.labels == {"alertname": "Unnamed", "site": "Ulm", "where": "db2:"}
    assert second.ends_at == NOW
    assert [text[:20] for text in found.refused] == ["events[2]: starts_at", "events[3]: is no obj"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("labels.a = b\nhost", "Line 2: write a target"),
        ("labels.a =", "Line 1: a path or a text in quotes is missing."),
        ("labels.a = b |", "Line 1: a path or a text in quotes is missing."),
        ("labels.a = b..c", "Line 1: this is no path"),
        ('labels.a = "b', "Line 1:"),
        ("labels. = b", "Line 1: no target is called labels.."),
        ("name = b", "Line 1: no target is called name."),
        ("labels.a = b\nstatus = c\nstatus = d", "Line 3: the target status stands there twice."),
        ("annotations.a = b", "Say at least one label"),
        ("labels.a = b\n" * 1000, "Keep it to 8000 characters."),
    ],
)
def test_a_mapping_that_cannot_be_read_names_the_line(typed: str, told: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(typed)

    assert caught.value.problems[0].startswith(told)
    assert isinstance(caught.value, InvalidInputError)


def test_a_place_without_an_array_is_told() -> None:
    with pytest.raises(UnreadableError, match="each: there is no array at this place"):
        read("json", {"alarms": 1}, mapping=MAPPING)


def test_keys_with_points_are_written_in_brackets() -> None:
    mapping = "labels.a = ['host.name'].x[-1] | [\"b c\"]"

    assert read("json", {"host.name": {"x": [1, 2]}}, mapping=mapping).reports[0].labels == {"a": "2"}
    assert read("json", {"b c": "d"}, mapping=mapping).reports[0].labels == {"a": "d"}


def test_numbers_of_any_size_are_read_or_refused_by_name() -> None:
    huge = int("9" * 400)

    found = read("json", [{"title": huge}, {"title": "A", "startsAt": huge}, {"title": "B", "startsAt": -1e300}])

    assert found.reports[0].labels == {"alertname": "9" * 400}
    assert [text.partition(": is no time")[0] for text in found.refused] == [
        "events[1]: starts_at", "events[2]: starts_at",
    ]  # fmt: skip


def test_the_usual_mapping_is_one_that_could_be_written() -> None:
    assert parse_mapping(USUAL).pairs


def test_an_event_of_arms_is_read() -> None:
    (report,) = read(
        "arms",
        {"labels": {"alertname": "CPU", "severity": "critical", "n": 3}, "annotations": {"message": "忙"},
         "startsAt": 1764309600000, "generatorUrl": "http://a"},
    ).reports  # fmt: skip

    assert report.labels == {"alertname": "CPU", "severity": "critical", "n": "3"}
    assert (report.annotations, report.generator_url) == ({"message": "忙"}, "http://a")
    assert report.starts_at == datetime(2025, 11, 28, 6, 0, tzinfo=UTC)
    assert read("arms", [{"labels": {}}, 1, {"labels": {"alertname": "A"}, "endsAt": "x"}]).refused == [
        "events[0]: labels.alertname: name the event",
        "events[1]: an event is an object with labels and annotations",
        "events[2]: endsAt: is no time: write it as 2026-01-31T12:00:00Z, or as seconds since 1970",
    ]


def test_a_mapping_of_blanks_is_read_in_no_time() -> None:
    began = time.process_time()

    with pytest.raises(MappingError):
        parse_mapping("labels.a = a" + " " * 7_900 + '"')

    assert time.process_time() - began < 0.1
