"""Matchers, times and fingerprints as Alertmanager writes them; the values were read from Alertmanager 0.25."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tocsin.policies.rules import Condition, Operator
from tocsin.web.alertmanager.matchers import (
    MatcherError,
    all_hold,
    matches_silence,
    parse_matchers,
    receiver_pattern,
)
from tocsin.web.alertmanager.wire import fingerprint_of, moment


@pytest.mark.parametrize(
    ("typed", "key", "operator", "value"),
    [
        ("host=db1", "host", Operator.EQ, "db1"),
        ('host="db1"', "host", Operator.EQ, "db1"),
        (' host != "a b" ', "host", Operator.NEQ, "a b"),
        ("severity=~critical|error", "severity", Operator.RE, "critical|error"),
        (r'path!~"C:\\\\.*\"x\"\d"', "path", Operator.NRE, r'C:\\.*"x"\d'),
        ('"service name"="日志"', "service name", Operator.EQ, "日志"),
        ("__integration__=Prometheus", "__integration__", Operator.EQ, "Prometheus"),
        ("host=", "host", Operator.EQ, ""),
        ("a=b=c", "a", Operator.EQ, "b=c"),
    ],
)
def test_a_matcher_is_read_as_its_parser_reads_it(typed: str, key: str, operator: Operator, value: str) -> None:
    assert parse_matchers([typed]) == (Condition(key, operator, value),)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("bad", "bad matcher format: bad"),
        ("", "bad matcher format: "),
        ("=x", "bad matcher format: =x"),
        ('a="b', "unescaped double quote"),
        ('a=b"c', "unescaped double quote"),
        ("a=~[", "not a regular expression"),
        ("a=b\0", "NUL"),
    ],
)
def test_what_is_no_matcher_is_named(typed: str, told: str) -> None:
    with pytest.raises(MatcherError, match=re.escape(told)):
        parse_matchers([typed])


def test_all_matchers_must_hold_and_a_missing_label_is_empty() -> None:
    labels = {"host": "db1", "severity": "critical"}

    assert all_hold(parse_matchers(["host=~db.", 'severity!="warning"', "team="]), labels)
    assert not all_hold(parse_matchers(["host=~db.", "severity=warning"]), labels)
    assert not all_hold(parse_matchers(["host=~b1"]), labels)


def test_silences_are_looked_for_by_the_text_of_their_matchers() -> None:
    silence = {"host": "db.*"}

    assert matches_silence(parse_matchers(["host=db.*"]), silence)
    assert not matches_silence(parse_matchers(["host=db1"]), silence)
    assert not matches_silence(parse_matchers(["host=db.*", "x=y"]), silence)
    assert matches_silence(parse_matchers(["x="]), silence)
    assert matches_silence(parse_matchers(['host!=""']), silence)


def test_a_receiver_is_asked_for_from_end_to_end() -> None:
    assert receiver_pattern("Data.*").match("Databases")
    assert not receiver_pattern("Data").match("Databases")
    with pytest.raises(MatcherError, match="failed to parse receiver param"):
        receiver_pattern("[")


def test_times_have_milliseconds_in_utc() -> None:
    at = datetime(2026, 11, 28, 13, 49, 45, 878_900, tzinfo=timezone(timedelta(hours=8)))

    assert moment(at) == "2026-11-28T05:49:45.878Z"
    assert moment(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) == "9999-12-31T23:59:59.000Z"


def test_labels_have_the_fingerprint_that_alertmanager_gives_them() -> None:
    assert fingerprint_of({"host": "web1", "alertname": "Other"}) == "5e571711eb52fd4b"
    disk_full = {"alertname": "DiskFull", "host": "db1", "severity": "critical", "team": "db"}
    assert fingerprint_of(disk_full) == "f11ee1d889206642"


def test_a_matcher_of_blanks_takes_no_longer_than_one_of_letters() -> None:
    begun = time.monotonic()

    [condition] = parse_matchers([f"host=a{' ' * 60_000}"])
    with pytest.raises(MatcherError):
        parse_matchers([f"host=a{' ' * 60_000}b"])

    assert condition.value == "a"
    assert time.monotonic() - begun < 1
